"""What a dry run shows: the cases with their predicted times, and what was dropped and why."""

from typing import Any

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sabench.launch.request import Planned
from sabench.units import show_duration


def plan_json(planned: Planned) -> dict[str, Any]:
    """Cases, dropped combinations, and seconds."""
    prediction = planned.predict()
    return {
        "suite": planned.suite.name,
        "preset": planned.preset.name,
        "devices": list(planned.devices),
        "predicted_s": prediction.total_s,
        "cases": [
            {"case_id": case.case_id, "predicted_s": prediction.cases_s[case.case_id]}
            for case in planned.expansion.cases
        ],
        "dropped": [
            {"case_id": one.description, "reason": one.reason} for one in planned.expansion.dropped
        ],
    }


def plan_table(planned: Planned) -> RenderableType:
    """The same for a person; the time is meant to be right within a factor of two."""
    prediction = planned.predict()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    for case in planned.expansion.cases:
        table.add_row(Text(case.case_id), show_duration(prediction.cases_s[case.case_id]))
    parts: list[RenderableType] = [table]
    if planned.expansion.dropped:
        dropped = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        dropped.add_column("dropped", overflow="fold")
        dropped.add_column("why", overflow="fold")
        for one in planned.expansion.dropped:
            dropped.add_row(Text(one.description), Text(one.reason))
        parts.append(dropped)
    cases = len(planned.expansion.cases)
    where = ", ".join(planned.devices)
    parts.append(
        Text(
            f"{cases} cases on {where}, preset {planned.preset.name} "
            f"({planned.preset.processes} processes a case): about "
            f"{show_duration(prediction.total_s)}. Nothing was measured."
        )
    )
    return Lines(*parts)
