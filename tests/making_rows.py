"""Rows and leaderboards of known figures: what a comparison reads."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from making_runs import environment, preset
from sabench.cases.case import Case
from sabench.catalog.metrics import METRICS
from sabench.records import Environment, Status
from sabench.store.figure import Figure
from sabench.store.leaderboard import Leaderboard, Row

EXACT = (1.0,) * 5
NOISY = (0.98, 0.99, 1.0, 1.01, 1.02)
"""Five processes: factors on a figure. NOISY has a standard error of about 0.7 %."""


def row_of(
    case: Case,
    value: float,
    factors: Sequence[float] = EXACT,
    *,
    metric: str = "latency_warm",
    macs: float | None = None,
    **fields: Any,
) -> Row:
    """A row whose processes read `value` times each factor."""
    figures = {metric: figure_of(metric, [value * factor for factor in factors])}
    if macs is not None:
        figures["macs"] = figure_of("macs", [macs])
    told = {
        "case_id": case.case_id,
        "case": case,
        "device": "cpu",
        "environments": (environment().id,),
        "status": Status.OK,
        "processes": len(factors),
        "planned": len(factors),
        "figures": figures,
        "group": {**dict(case.group), "device": fields.get("device", "cpu")},
    }
    return Row.model_validate(told | fields)


def figure_of(metric: str, medians: Sequence[float]) -> Figure:
    """A figure of these process medians."""
    return Figure(
        unit=METRICS[metric].unit,
        median=median(medians),
        low=min(medians),
        high=max(medians),
        minimum=min(medians),
        maximum=max(medians),
        process_medians=tuple(medians),
    )


def board_of(rows: Sequence[Row], where: Environment | None = None, **fields: Any) -> Leaderboard:
    """A leaderboard of these rows; those of the usual environment are of its own."""
    devices = dict.fromkeys(row.device for row in rows)
    told = {
        "title": "A tiny suite",
        "suite": "tiny",
        "preset": preset(processes=5),
        "evidence": "standard",
        "rank_by": "latency_warm",
        "metrics": ("latency_warm",),
        "environments": {device: where or environment() for device in devices},
        "started_utc": "2026-01-01T00:00:00+00:00",
        "is_complete": True,
    } | fields
    told["rows"] = tuple(_at_home(row, told["environments"]) for row in rows)
    return Leaderboard.model_validate(told)


def _at_home(row: Row, environments: dict[str, Environment]) -> Row:
    if row.environments != (environment().id,) or row.device not in environments:
        return row
    return row.model_copy(update={"environments": (environments[row.device].id,)})
