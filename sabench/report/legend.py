"""What stands under a leaderboard: its letters and marks, and why a case has no rank."""

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

from sabench.catalog.metrics import metrics_of
from sabench.records import FLAG_MEANING, MEASURED, Flag
from sabench.report.columns import has_floor, has_layers, has_relative
from sabench.report.plain import ending
from sabench.store.agreement import agreements
from sabench.store.leaderboard import Leaderboard, Row
from sabench.store.published import published_in


def flag_letters(rows: Sequence[Row]) -> dict[Flag, str]:
    """A letter for each flag that stands in these rows, in the order of their declaration."""
    present = {flag for row in rows for flag in row.flags}
    return dict(
        zip(
            (flag for flag in Flag if flag in present),
            ascii_lowercase + ascii_uppercase,
            strict=False,
        )
    )


def legend(leaderboard: Leaderboard, letters: dict[Flag, str]) -> list[str]:
    """What the letters and marks that are shown mean, one line each."""
    lines = [f"{letter}  {flag}: {FLAG_MEANING[flag]}" for flag, letter in letters.items()]
    lines += _of_precision(leaderboard)
    if any(row.tied for row in leaderboard.rows):
        lines.append("=: not told apart from the best of its rank.")
    if has_relative(leaderboard):
        lines.append("x conv: time over that of the group's 3x3 convolution.")
    elif has_layers(leaderboard.rows) and "latency_warm" in leaderboard.metrics:
        lines.append("No group has one undisturbed 3x3 convolution to be held against.")
    if has_floor(leaderboard):
        lines.append("x floor: time over the least that the device's measured ceilings allow.")
        if any(row.times_floor is not None and row.times_floor < 1 for row in leaderboard.rows):
            lines.append("x floor below 1: the ceilings were held back as they were taken.")
    lines += _of_published(leaderboard)
    lines += _unseen_weights(leaderboard.rows)
    energies = [row.figures["energy"] for row in leaderboard.rows if "energy" in row.figures]
    if energies and all(figure.median is None for figure in energies):
        lines.append(f"No energy: {energies[0].reason}.")
    others = {row.case.implementation for row in leaderboard.rows} - {"reference"}
    if others and "macs" in leaderboard.metrics:
        lines.append("MACs: by the layer's definition; `macs_executed` in the JSON is what ran.")
    return lines


def _of_precision(leaderboard: Leaderboard) -> list[str]:
    """What the ± of these rows is: an interval, or only the range of too few processes."""
    figures = [row.figures.get(leaderboard.rank_by) for row in leaderboard.rows]
    kinds = {
        one.interval_kind
        for one in figures
        if one is not None and one.median is not None and not one.is_of_one
    }
    lines = []
    if kinds & {"t", "order"}:
        within = "" if "t" in kinds else ", within one process"
        lines.append(f"±: half of the 95 % interval over the median{within}.")
    if "mean" in kinds:
        lines.append("±: half of the 95 % interval of the mean over the seeds (Student's t).")
    if "range" in kinds:
        lines.append("(±): half of the range over the median; too few for an interval.")
    return lines


def _of_published(leaderboard: Leaderboard) -> list[str]:
    """Where the published figures come from, and what tau is."""
    lines, paper = [], leaderboard.published
    if published := published_in(leaderboard):
        lines.append(f"published: FLOPs as {paper} prints them, two a MAC; MACs: our own count.")
        if not all(one.is_certain for one in published.values()):
            lines.append(f"?: uncertain; `sabench verify {paper}` says why.")
    if any(one.found and one.found.interval for one in agreements(leaderboard)):
        lines.append("tau: of the medians; its interval as if the networks were drawn at random.")
    return lines


def remarks(rows: Sequence[Row]) -> list[str]:
    """One line for each case that has no rank: its id, its status, what happened."""
    lines = []
    for row in rows:
        if row.status not in MEASURED:
            told = ending(row.status, row.message)
            lines.append(" ".join(f"{row.case_id} {told}".split()))
    return lines


def _unseen_weights(rows: Sequence[Row]) -> list[str]:
    """A line for each score that did not see some weight of some network, with the reasons."""
    lines = []
    for name in metrics_of("score"):
        figures = [row.figures[name] for row in rows if row.median(name) is not None]
        unseen = [one.unseen_weights for one in figures if one.unseen_weights]
        if unseen:
            reasons = ", ".join(dict.fromkeys(reason for those in unseen for _, reason in those))
            fewest, most = min(map(len, unseen)), max(map(len, unseen))
            count = str(most) if fewest == most else f"{fewest} to {most}"
            weights = "weight" if most == 1 else "weights"
            lines.append(
                f"{name} did not see {count} {weights} of {len(unseen)} of {len(figures)} "
                f"networks: {reasons}; the JSON names them."
            )
    return lines
