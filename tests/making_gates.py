"""Results of gates for tests, as a gate would have kept them."""

import io
from typing import Any

from rich.console import Console

from making_runs import environment
from sabench.catalog.presets import PRESETS
from sabench.compare.gate.result import Change, GateCase, GateResult, SideTold
from sabench.compare.pair import Verdict
from sabench.report.gate import GateTable


def change(ratio: float, blocks: int = 8) -> Change:
    """Two milliseconds before, and so many times that now."""
    return Change(
        ratio=ratio,
        low=ratio / 1.01,
        high=ratio * 1.01,
        theta=0.03,
        detectable=0.042,
        blocks=blocks,
        pairs=((2e-3, 2e-3 * ratio),) * blocks,
    )


def judged(case_id: str, ratio: float, verdict: Verdict, **fields: Any) -> GateCase:
    is_suspect = verdict is Verdict.REGRESSED
    return GateCase(
        case_id=case_id,
        threshold=0.03,
        screen=change(ratio, 4),
        confirm=change(ratio) if is_suspect else None,
        is_suspect=is_suspect,
        verdict=verdict,
        **fields,
    )


def made(*cases: GateCase, **fields: Any) -> GateResult:
    here = environment()
    wanted: dict[str, Any] = {
        "suite": "gate",
        "device": "cpu",
        "preset": PRESETS["gate"],
        "seed": 1,
        "base": SideTold(name="../base", commit="a" * 40, environment=here),
        "candidate": SideTold(name=".", commit="b" * 40, environment=here),
        "cases": cases or (judged("conv", 1.0, Verdict.SAME),),
        "started_utc": "2026-01-01T00:00:00Z",
        "wall_s": 91.0,
    }
    return GateResult.model_validate(wanted | fields)


def on_a_terminal(result: GateResult, width: int = 80) -> str:
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True, color_system=None)
    console.print(GateTable(result))
    return shown.getvalue()
