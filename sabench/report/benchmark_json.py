"""A gate in the `customSmallerIsBetter` form, which tools that plot a history of CI runs read."""

from typing import Any

from sabench.catalog.metrics import METRICS
from sabench.compare.gate.result import GateResult
from sabench.report import gate_words as words
from sabench.report.plain import plain


def benchmark_json(result: GateResult) -> list[dict[str, Any]]:
    """The candidate's figure of each case in base units, with half its interval's width.

    Nothing of a planted or an unreliable gate: a plot would keep what nobody measured well.

    Source: the format of github-action-benchmark, `tool: customSmallerIsBetter`.
    """
    rows: list[dict[str, Any]] = []
    is_sound = result.plant is None and not result.unreliable_because
    for case in result.cases if is_sound else ():
        change = case.decisive
        if change is None or case.verdict is None:
            continue
        _, figure = words.figures(change)
        row = {"name": plain(case.case_id), "unit": METRICS[result.metric].unit, "value": figure}
        if change.low is not None and change.high is not None:
            row["range"] = f"± {(change.high - change.low) / 2 / change.ratio:.2%}"
        extra = f"{case.verdict}, x {change.ratio:.4f} of {words.side_name(result.base)}"
        rows.append(row | {"extra": plain(extra)})
    return rows
