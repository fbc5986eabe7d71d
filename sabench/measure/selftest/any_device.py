"""Self-checks that a CPU and a CUDA device share: pairs of work, energy."""

from dataclasses import replace
from typing import cast

from sabench.measure.energy import EnergyCounter
from sabench.measure.metrics.energy import meter_of, readings
from sabench.measure.selftest.bench import (
    CALL_S,
    Bench,
    interleaved,
    repeated,
)
from sabench.measure.selftest.plants import FrozenCounter
from sabench.measure.selftest.table import RATIOS
from sabench.records import Reading

WHOLE = 20  # units of a side, or a multiple: a tenth and a twentieth more are whole units too
ENERGY_WINDOW_S = 2.0


def aa_pair(bench: Bench) -> Reading:
    """The same work on both sides."""
    unit = bench.product()
    n = bench.units(unit, CALL_S, WHOLE)
    more = n // 20 if bench.plant == "uneven-pair" else 0
    turns = interleaved(bench, repeated(unit, n), repeated(unit, n + more), RATIOS["aa_pair"])
    return turns.reading(units=n)


def planted_slowdown(bench: Bench) -> Reading:
    """A tenth more of the same product; no sleep, which no real slowdown looks like."""
    unit = bench.product()
    n = bench.units(unit, CALL_S, WHOLE)
    more = 0 if bench.plant == "same-work" else n // 10
    tenth = RATIOS["planted_slowdown"]
    return interleaved(bench, repeated(unit, n), repeated(unit, n + more), tenth).reading(units=n)


def energy(bench: Bench) -> Reading:
    """One window of the energy metric, as a profile reads it."""
    meter = meter_of(bench.device)
    if isinstance(meter, str):
        return Reading.absent("J", meter)
    if bench.plant == "frozen-counter":
        meter = replace(meter, counter=cast(EnergyCounter, FrozenCounter(meter.counter)))
    preset = bench.preset.model_copy(
        update={"energy_windows": 1, "energy_window_s": ENERGY_WINDOW_S}
    )
    unit = bench.product()
    call = repeated(unit, bench.units(unit, 10 * CALL_S, 1))
    return readings(meter.measure(call, bench.synchronise, preset), 1)["energy"]
