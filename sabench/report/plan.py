"""What a dry run shows: the cases with their predicted times, and what was dropped and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.launch.request import Planned
from sabench.report.plain import plain
from sabench.units import show_duration, show_time


def plan_json(planned: Planned) -> dict[str, Any]:
    """Cases, parity jobs, dropped combinations, and seconds."""
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
        "parity": [
            {"case_id": case_id, "predicted_s": seconds}
            for case_id, seconds in prediction.parity_s.items()
        ],
        "dropped": [
            {"case_id": one.description, "reason": one.reason} for one in planned.expansion.dropped
        ],
    }


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The same for a person; the time is meant to be right within a factor of two."""

    planned: Planned

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Cases, dropped ones with their reasons, the total."""
        planned, prediction = self.planned, self.planned.predict()
        cases = _table("case", "time")
        for case in planned.expansion.cases:
            cases.add_row(
                Text(plain(case.case_id)), show_duration(prediction.cases_s[case.case_id])
            )
        if planned.expansion.cases:
            yield cases
            yield Text()
        if prediction.parity_s:
            parity = _table("first held to the reference", "time")
            for case_id, seconds in prediction.parity_s.items():
                parity.add_row(Text(plain(case_id)), show_time(seconds))
            yield parity
            yield Text()
        if planned.expansion.dropped:
            dropped = _table("dropped", "why")
            for one in planned.expansion.dropped:
                dropped.add_row(Text(plain(one.description)), Text(plain(one.reason)))
            yield dropped
            yield Text()
        yield Text(
            f"{_number(len(planned.expansion.cases), 'case')} on {', '.join(planned.devices)}, "
            f"preset {planned.preset.name} "
            f"({_number(planned.preset.processes, 'process')} a case): about "
            f"{show_duration(prediction.total_s)}. Nothing was measured."
        )


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        justify: JustifyMethod = "right" if heading == "time" else "left"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading == "time")
    return table


def _number(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
