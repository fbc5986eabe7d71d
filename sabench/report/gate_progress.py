"""The progress of a gate: a line a block, to stderr."""

import time

from rich.console import Console
from rich.text import Text

from sabench.compare.gate.driver import CONFIRM_BLOCKS, SCREEN_MOST, Step
from sabench.compare.gate.history import PROCESSES
from sabench.launch.events import Event, Notice
from sabench.report.plain import plain
from sabench.units import show_duration

LENGTHS = {
    "screen": f"up to {SCREEN_MOST}",
    "confirm": f"{CONFIRM_BLOCKS}",
    "history": f"{PROCESSES}",
}
"""Blocks of a stage, where none of them is disturbed."""


class GateProgress:
    """A listener of a gate's events; `step` is told of each block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Show what the person who watches is told; single jobs are too many."""
        if isinstance(event, Notice):
            self._print(event.text)

    def step(self, step: Step) -> None:
        """A block begins."""
        number = len(step.case_ids)
        cases = f"{number} case{'' if number == 1 else 's'}"
        if number <= 2:
            cases += f" ({', '.join(step.case_ids)})"
        took = show_duration(time.monotonic() - self._began)
        self._print(
            f"{step.stage}, block {step.block} of {LENGTHS[step.stage]}: {cases}; {took} so far"
        )

    def _print(self, line: str) -> None:
        self._console.print(Text(plain(line)), soft_wrap=True, highlight=False)
