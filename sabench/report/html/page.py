"""The page: one file that asks for nothing else."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import altair as alt
import vl_convert

from sabench import __version__
from sabench.records import FLAG_MEANING
from sabench.report.html.curves import curves
from sabench.report.html.figure import Cell, Figure, Line, Sheet, Table
from sabench.report.html.floors import floors
from sabench.report.html.fronts import fronts
from sabench.report.html.indicators import cautions, indicator_table
from sabench.report.html.learning import learning
from sabench.report.html.macs import macs
from sabench.report.html.markup import (
    cell,
    data_block,
    details,
    element,
    heads,
    paragraphs,
    scrolling,
    table,
    text,
)
from sabench.report.html.places import places
from sabench.report.html.points import Place, Point, Source
from sabench.report.html.records import Entry, Records, records_of
from sabench.report.html.theme import PAGE, Marks, Theme
from sabench.report.tables import heading

NO_SCRIPT = "This page draws its charts by a script of its own; without it the tables are whole."
FILTERS: dict[str, tuple[str, Callable[[Point], str]]] = {
    "layer": ("layer", lambda point: point.layer),
    "size": ("size", lambda point: str(point.size or "")),
    "side": ("place", lambda point: point.side),
    "status": ("status", lambda point: str(point.row.status)),
}
"""What a record can be chosen by: the heading, and its value."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is on it."""

    sources: Sequence[Source]
    sheet: Sheet
    figures: tuple[Figure, ...]
    records: Records


def page_of(
    sources: Sequence[Source], points: Sequence[Point], metric: str, theme: Theme = PAGE
) -> Page:
    """All figures that the points give."""
    sheet = Sheet(points, metric, Marks.of((point.layer for point in points), theme))
    made = (curves, fronts, macs, floors, places, learning)
    figures = tuple(figure for make in made for figure in make(sheet))
    return Page(sources, sheet, figures, records_of(sheet))


def page_html(page: Page) -> str:
    """The page as one HTML file: it fetches nothing, and may run its own two scripts alone."""
    scripts = [_library(), _own("page.js")]
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = " · ".join(dict.fromkeys(source.leaderboard.title for source in page.sources))
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<link rel="icon" href="data:,">'
        f"<title>{text(title)}</title><style>{page_css()}</style>"
    )
    charts = {
        "config": page.sheet.marks.theme.config(),
        "figures": {one.name: [panel.spec for panel in one.panels] for one in page.figures},
    }
    body = "".join(_body(page, title)) + data_block(charts, "charts")
    body += "".join(f"<script>{script}</script>" for script in scripts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _body(page: Page, title: str) -> Iterator[str]:
    yield "<header>" + element("h1", text(title))
    for source in page.sources:
        first, *rest = heading(source.leaderboard)
        yield element("p", element("strong", text(source.name)) + f": {text(first)}")
        yield paragraphs(rest)
        if source.leaderboard.evidence == "smoke" or not source.leaderboard.is_complete:
            yield paragraphs(["Not evidence yet: see the lines above."], "warns")
    yield "</header><nav>" + "".join(
        element("a", text(words), href=f"#{name}") for name, words in _contents(page)
    )
    yield "</nav>" + _filter(page) + element("noscript", text(NO_SCRIPT))
    for figure in page.figures:
        yield _figure(figure)
    yield _indicators(page.sheet) + _records(page.records) + _environments(page)
    yield element(
        "footer",
        text(
            f"Made by sabench {__version__}. Charts by Vega, Vega-Lite and Vega-Embed "
            "(BSD-3-Clause), inside this file."
        ),
    )


def _contents(page: Page) -> list[tuple[str, str]]:
    last = [("indicators", "Costs beside each other"), ("records", "All records")]
    return [(one.name, one.title) for one in page.figures] + [*last, ("environment", "Environment")]


def _filter(page: Page) -> str:
    controls = [
        element("label", 'find <input id="filter-text" type="search" placeholder="halo, 28 px">')
    ]
    for key, (title, value) in FILTERS.items():
        values = sorted(
            {value(point) for point in page.sheet.points}, key=lambda one: (len(one), one)
        )
        if len(values) > 1:
            options = ['<option value="">all</option>']
            options += [element("option", text(one), value=one) for one in values]
            chosen = element("select", "".join(options), data_key=key)
            controls.append(element("label", f"{text(title)} {chosen}"))
    controls.append('<output id="count" aria-live="polite"></output>')
    controls.append('<button id="theme" class="theme" type="button">light or dark</button>')
    return element("div", "".join(controls), class_="filter")


def _figure(figure: Figure) -> str:
    panels = [
        element(
            "div",
            element("h3", text(panel.title))
            + element(
                "div",
                "",
                class_="chart",
                data_figure=figure.name,
                data_panel=str(number),
                role="img",
                aria_label=f"{figure.title}: {panel.title}. The table below has its figures.",
            ),
            class_="panel",
        )
        for number, panel in enumerate(figure.panels)
    ]
    return element(
        "section",
        element("h2", text(figure.title))
        + paragraphs(figure.says)
        + element("div", "".join(panels), class_="panels")
        + details(f"Table: {figure.title}", table(figure.table, figure.title)),
        id=figure.name,
    )


def _indicators(sheet: Sheet) -> str:
    """What is to be kept in mind, and how far each cost ranks as the time does."""
    said = element("ul", "".join(element("li", text(line)) for line in cautions(sheet)))
    told = indicator_table(sheet)
    ranks = ""
    if told:
        ranks = paragraphs(
            ["Kendall's tau of each cost against the time within a group: 1 ranks alike, 0 not at "
             "all, -1 the other way round. In brackets its 95 % interval as if cases were drawn at "
             "random, and where noise leaves it in 95 % of redraws, if several processes tell."]
        ) + table(told, "Kendall's tau of costs against the time")  # fmt: skip
    return element(
        "section", element("h2", "Costs beside each other") + said + ranks, id="indicators"
    )


def _records(records: Records) -> str:
    bodies = "".join(_entry(entry, len(records.titles)) for entry in records.entries)
    written = scrolling(element("table", heads(records.titles) + bodies, id="all"), "All records")
    flags = "".join(
        element("dt", text(flag)) + element("dd", text(FLAG_MEANING[flag]))
        for flag in records.flags
    )
    explained = element("h3", "Flags") + element("dl", flags) if flags else ""
    marks = paragraphs(
        ["Rank: within the group; = is not told apart from the best of its rank. x conv: time over "
         "that of the group's 3x3 convolution. Intervals: 95 % over five or more processes, 95 % "
         "within one process, or the range of too few."]
    )  # fmt: skip
    return element(
        "section", element("h2", "All records") + marks + written + explained, id="records"
    )


def _entry(entry: Entry, width: int) -> str:
    point = entry.point
    words = [point.row.case_id, point.label, point.group, point.side, point.source.name]
    again = details("measure it again", element("pre", element("code", text(entry.command))))
    again = paragraphs(point.messages) + again
    rows = element("tr", "".join(map(cell, entry.cells)))
    rows += element("tr", element("td", again, colspan=str(width)), class_="again")
    values = {f"data_{key}": value(point) for key, (_, value) in FILTERS.items()}
    return element(
        "tbody",
        rows,
        class_="record",
        data_id=str(point.number),
        data_text=" ".join([*words, *point.row.flags]),
        **values,
    )


def _environments(page: Page) -> str:
    found = {point.place.name: point.place for point in page.sheet.points}
    kept = list(found.values())
    settings = _settings(kept, hashed=True)
    facts = _settings(kept, hashed=False)
    runs = Table(
        ("run", "suite", "preset", "started (UTC)", "command"),
        tuple(_run(source) for source in page.sources),
    )
    content = element("h2", "Environment")
    content += element("h3", "What makes two runs comparable") + table(settings, "Settings")
    content += details("Facts that are told and not compared", table(facts, "Facts"))
    content += element("h3", "Runs") + table(runs, "Runs")
    return element("section", content, id="environment")


def _settings(kept: Sequence[Place], *, hashed: bool) -> Table:
    columns = [
        {"device": place.environment.device_name, **place.environment.settings}
        if hashed
        else place.environment.facts
        for place in kept
    ]
    names = list(dict.fromkeys(name for column in columns for name in column))
    lines = []
    for name in names:
        values = [column.get(name, "-") for column in columns]
        differs = Cell("differs" if len(set(values)) > 1 else "")
        cells = (Cell(name), *map(Cell, values), *([differs] if len(kept) > 1 else []))
        lines.append(Line(cells))
    titles = ("setting" if hashed else "fact", *(place.name for place in kept))
    return Table(titles + (("difference",) if len(kept) > 1 else ()), tuple(lines))


def _run(source: Source) -> Line:
    board = source.leaderboard
    words = (source.name, board.suite, board.preset.name, board.started_utc)
    return Line((*map(Cell, words), Cell(" ".join(board.command_line) or "-")))


def page_css() -> str:
    """The style sheet; it has both palettes."""
    return _own("page.css")


def _own(name: str) -> str:
    return (files("sabench.report.html") / name).read_text()


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, of the version the charts are written for."""
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=version
    ).replace("</script", r"<\/script")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
