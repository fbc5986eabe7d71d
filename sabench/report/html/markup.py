"""Text and tables as HTML in which nothing that came from a file is obeyed."""

import json
from collections.abc import Iterable, Sequence
from html import escape

from sabench.report.html.figure import Cell, Line, Table
from sabench.report.plain import plain

LONG = 32  # letters, from which on a cell is folded


def text(value: str) -> str:
    """Shown as it stands, on one line."""
    return escape(plain(value))


def element(tag: str, content: str, **attributes: str | None) -> str:
    """`content` is HTML already; attributes are text. `class_` is class, `data_id` data-id."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{named}>{content}</{tag}>"


def paragraphs(lines: Iterable[str], class_: str = "says") -> str:
    """A paragraph a line."""
    return "".join(element("p", text(line), class_=class_) for line in lines)


def cell(content: Cell) -> str:
    """A cell of a table; a number stands to the right and carries what it is sorted by."""
    sort = None if content.sort is None else repr(float(content.sort))
    is_long = len(content.text) > LONG
    return element(
        "td",
        text(content.text),
        data_sort=sort,
        class_="number" if sort is not None else "words" if is_long else None,
        title=content.title or None,
    )


def heads(titles: Sequence[str]) -> str:
    """The head of a table; each title sorts."""
    cells = [
        element("th", element("button", text(title), type="button"), scope="col")
        for title in titles
    ]
    return element("thead", element("tr", "".join(cells)))


def table(content: Table, label: str) -> str:
    """A table that scrolls by itself where the page is narrow."""
    body = "".join(_line(line) for line in content.lines)
    return scrolling(element("table", heads(content.titles) + element("tbody", body)), label)


def scrolling(content: str, label: str) -> str:
    """What may be wider than the page."""
    return element("div", content, class_="wide", tabindex="0", role="region", aria_label=label)


def details(summary: str, content: str) -> str:
    """What is shown when asked for, and in print."""
    return element("details", element("summary", text(summary)) + content)


def data_block(value: object, name: str) -> str:
    """JSON that a script reads and nothing runs."""
    written = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        written = written.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/json" id="{text(name)}">{written}</script>'


def _line(line: Line) -> str:
    """A line that stands for no record has no numbers: the filter leaves it alone."""
    numbers = " ".join(map(str, line.numbers)) or None
    return element("tr", "".join(map(cell, line.cells)), data_ids=numbers)
