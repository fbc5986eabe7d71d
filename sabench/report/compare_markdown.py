"""The comparison of two results of one device as Markdown."""

from collections.abc import Iterator, Sequence

from sabench.compare.runs import Comparison
from sabench.report import compare_words as words
from sabench.report.markdown import escape, table_row


def comparisons_markdown(comparisons: Sequence[Comparison]) -> str:
    """A section a comparison: what was compared, a table a group, remarks, legend."""
    return "\n".join(line for told in comparisons for line in _section(told))


def _section(told: Comparison) -> Iterator[str]:
    first, *rest = words.heading(told)
    yield from (f"# {escape(first)}", "")
    yield from (f"{escape(line)}  " for line in rest)
    yield from ("", f"**{escape(words.tally(told))}**")
    names = words.labels(told)
    for title, cases in words.groups(told.cases):
        yield from ("", f"## {escape(title)}", "")
        yield table_row(list(words.COLUMNS))
        yield table_row([":--", *["--:"] * (len(words.COLUMNS) - 2), ":--"])
        for case in cases:
            yield table_row([escape(cell) for cell in (names[case.key], *words.cells(told, case))])
    yield ""
    yield from (f"- {escape(line)}" for line in [*words.remarks(told), *words.legend(told)])
    yield ""
