"""Leaderboards as Markdown and as CSV."""

import csv
import io
import re
from collections.abc import Sequence

from sabench.cases.case import show_scalar
from sabench.report.agreement import agreement_line
from sabench.report.columns import columns, group_title
from sabench.report.legend import flag_letters, legend, remarks
from sabench.report.plain import plain
from sabench.report.tables import heading
from sabench.report.trainings import untrusted
from sabench.store.agreement import agreements
from sabench.store.leaderboard import Leaderboard
from sabench.store.published import published_in

CASE_FIELDS = (
    *("channels", "size", "resolution", "window", "stride", "batch", "threads"),
    *("layout", "autocast", "dtype", "mode", "implementation", "runtime"),
)

MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~$&]")
LIVE = re.compile(r"@|#|:(?=//)|www(?=\.)|gh(?=-\d)", re.IGNORECASE)
APART = "&#8203;"
"""A space of no width, after what would begin a mention, a reference or a bare link."""


def leaderboard_markdown(leaderboard: Leaderboard) -> str:
    """One section a group, then what has no rank, then the meaning of the flags."""
    lines = [f"# {escape(heading(leaderboard)[0])}", ""]
    lines += [f"{escape(line)}  " for line in heading(leaderboard)[1:]]
    letters = flag_letters(leaderboard.rows)
    shown = columns(leaderboard, letters)
    told = agreements(leaderboard)
    for group, rows in leaderboard.groups():
        lines += ["", f"## {escape(group_title(group, rows[0].case))}", ""]
        lines.append(table_row([column.title for column in shown]))
        lines.append(table_row([":--" if column.is_text else "--:" for column in shown]))
        lines += [table_row([escape(column.cell(row)) for column in shown]) for row in rows]
        for one in told:
            if one.group == group:
                lines += ["", escape(agreement_line(one))]
    lines += [""] + [f"- {escape(line)}" for line in remarks(leaderboard.rows)]
    lines += [f"- {escape(line)}" for line in legend(leaderboard, letters)]
    return "\n".join(lines).rstrip() + "\n"


def leaderboard_csv(leaderboard: Leaderboard) -> str:
    """One line a case in base units: the case's fields, its place, and each metric's median with
    its interval and its kind: `t`, `order` (within one process) or `range` (no interval). What an
    accuracy is worth stands in each line, as it stands above a table; in a view of the best
    implementations those, too, that are level with it."""
    metrics = list(dict.fromkeys(name for row in leaderboard.rows for name in row.figures))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    fields = [
        *("case_id", "device", "status", "rank", "relative", "subject", "options"),
        *CASE_FIELDS,
        *("flags", "message"),
    ]
    notes = " ".join(leaderboard.notes or untrusted(leaderboard))
    if notes:
        fields.append("notes")
    if leaderboard.is_of_best:
        fields.append("level_with")
    published = published_in(leaderboard)
    if published:
        fields.append("published (FLOP)")
    units = {name: f.unit for row in leaderboard.rows for name, f in row.figures.items()}
    for name in metrics:
        fields += [f"{name} ({units[name]})", f"{name} low", f"{name} high", f"{name} interval"]
    writer.writerow(fields)
    for row in leaderboard.rows:
        case = row.case
        options = " ".join(f"{key}={show_scalar(value)}" for key, value in case.options.items())
        cells: list[object] = [row.case_id, row.device, row.status, row.rank, row.relative]
        cells += [case.subject, options, *(getattr(case, name) for name in CASE_FIELDS)]
        cells += [" ".join(row.flags), row.message, *([notes] if notes else [])]
        if leaderboard.is_of_best:
            cells.append(" ".join(row.level_with))
        if published:
            one = published.get(row.case_id)
            cells.append(one.flops if one else None)
        for name in metrics:
            figure = row.figures.get(name)
            if figure is None or figure.median is None:
                cells += [None] * 4
            else:
                cells += [figure.headline, figure.low, figure.high, figure.interval_kind]
        writer.writerow(["" if cell is None else safe_cell(str(cell)) for cell in cells])
    return out.getvalue()


def table_row(cells: Sequence[str]) -> str:
    """A line of a table; the cells are escaped already."""
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line, and GitHub neither links nor notifies.

    Source: GFM 0.29, backslash escapes and autolinks. GitHub looks for mentions and references in
    what was rendered, where an escaped mark is as live as a bare one: it has to be set apart.
    """
    inert = LIVE.sub(rf"\g<0>{APART}", MARKUP.sub(r"\\\g<0>", text))
    return " ".join(plain(inert).split())


def code(text: str) -> str:
    """Text as a code span, where nothing is a link or a mention; escaped where it would end it."""
    if not text.strip() or set(text) & set("`|\\"):
        return escape(text)
    return f"`{' '.join(plain(text).split())}`"


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(text)
    return f"'{text}" if is_formula else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
