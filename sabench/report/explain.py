"""What `sabench explain` shows."""

from typing import Any

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sabench.cases.floor import BOUNDS
from sabench.launch.explain import Explanation
from sabench.records import FLAG_MEANING, Environment
from sabench.report.plain import plain
from sabench.units import show_bytes, show_count, show_time

KINDS = {
    "bytes": ("moving maps and parameters", "bytes"),
    "macs": ("multiplying", "MAC"),
    "exponentials": ("the softmax's exponentials", "exp"),
}
CEILINGS = {
    "copy": "copying",
    "read": "reading",
    "matmul": "a product of matrices",
    "conv": "a 3 x 3 convolution",
    "exp": "exponentials",
}
LEAST_SHARE = 0.001  # of all operators' time: those below are not listed


def explanation_json(found: Explanation, environment: Environment) -> dict[str, Any]:
    """Everything, in base units."""
    reading = found.record.readings["latency_warm"]
    return {
        "case_id": found.record.case_id,
        "device": found.record.device,
        "device_name": environment.device_name,
        "status": found.record.status.value,
        "flags": [flag.value for flag in found.flags],
        "latency_s": reading.median,
        "latency_low_s": reading.statistics.low if reading.statistics else None,
        "latency_high_s": reading.statistics.high if reading.statistics else None,
        "floor_s": found.floor_s,
        "times_floor": found.seconds / found.floor_s,
        "bounds": [
            {
                "of": bound.name,
                "amount": bound.amount,
                "ceiling": bound.ceiling,
                "rate": bound.rate,
                "seconds": bound.seconds,
            }
            for bound in found.bounds
        ],
        "ceilings": dict(found.ceilings),
        "no_ceilings": dict(found.no_ceilings),
        "operators": [dict(one) for one in found.operators],
        "operators_reason": found.no_operators,
    }


def explanation_lines(
    found: Explanation, environment: Environment, operators: int
) -> RenderableType:
    """The time and its floor, what bounds it, and the longest operators."""
    record, slowest = found.record, found.bounds[0]
    reading = record.readings["latency_warm"]
    torch = environment.settings.get("torch", "unknown")
    lines: list[RenderableType] = [
        Text(plain(record.case_id), style="bold", overflow="fold"),
        Text(f"{record.device}: {environment.device_name}, torch {torch}"),
        Text(),
    ]
    interval = ""
    if reading.statistics is not None and reading.statistics.low is not None:
        low, high = show_time(reading.statistics.low), show_time(reading.statistics.high or 0.0)
        interval = f" (95 % of one process {low} to {high})"
    lines.append(Text(f"measured {show_time(found.seconds)}{interval}"))
    lines.append(
        Text(
            f"floor    {show_time(found.floor_s)}: measured is "
            f"{found.seconds / found.floor_s:.1f} times that, bound by {KINDS[slowest.name][0]}"
        )
    )
    lines += [Text(f"{flag.value}: {FLAG_MEANING[flag]}", "yellow") for flag in found.flags]
    lines += [Text(), _bounds(found)]
    others = [name for name in found.ceilings if name not in {b.ceiling for b in found.bounds}]
    units = {name: KINDS[kind][1] for kind, names in BOUNDS.items() for name in names}
    for name in others:
        rate = _amount(found.ceilings[name], units[name])
        lines.append(Text(f"{CEILINGS[name]} reaches {rate} a second here", "dim"))
    for name, reason in found.no_ceilings.items():
        lines.append(Text(plain(f"{CEILINGS[name]} has no ceiling here: {reason}"), "yellow"))
    if found.no_operators:
        lines += [Text(), Text(plain(found.no_operators), "yellow")]
    elif operators:
        lines += [Text(), *_operators(found, operators)]
    return Lines(*lines)


def _bounds(found: Explanation) -> Table:
    table = _table("least work", "amount", "at most, a second", "takes")
    for bound in found.bounds:
        kind, unit = KINDS[bound.name]
        rate = f"{_amount(bound.rate, unit)} by {CEILINGS[bound.ceiling]}"
        table.add_row(kind, _amount(bound.amount, unit), rate, show_time(bound.seconds))
    return table


def _amount(value: float, unit: str) -> str:
    return show_bytes(value) if unit == "bytes" else f"{show_count(value)} {unit}"


def _operators(found: Explanation, most: int) -> list[RenderableType]:
    total = sum(one["seconds"] for one in found.operators)
    table = _table("operator", "calls", "time", "share")
    shown = [one for one in found.operators if one["seconds"] >= LEAST_SHARE * total][:most]
    for one in shown:
        share = f"{one['seconds'] / total:.1%}"
        table.add_row(plain(one["name"]), f"{one['calls']:g}", show_time(one["seconds"]), share)
    rest = len(found.operators) - len(shown)
    note = f"One call under torch's profiler: {show_time(total)} in its operators"
    note += f"; {rest} shorter ones are not shown." if rest else "."
    return [table, Text(note, "dim")]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        left = name in ("least work", "operator", "at most, a second")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table
