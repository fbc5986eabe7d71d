"""docs/energy-memory.md says what the program does: metrics, validity states, constants."""

import re
from pathlib import Path

from sabench.catalog.metrics import METRICS
from sabench.measure.energy import IDLE_S, POWER_PERIOD_S, STEPS, WARM_ROUNDS, WARM_S
from sabench.measure.energy_state import AGREES, FLAG_OF, Validity

TEXT = (Path(__file__).parents[2] / "docs" / "energy-memory.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \|", TEXT, re.MULTILINE)


def test_every_energy_and_memory_metric_is_described_and_no_other() -> None:
    described = {name for name, _ in ROWS} - {validity.value for validity in Validity}
    kinds = ("energy", "power", "bytes")
    assert described == {name for name, metric in METRICS.items() if metric.show in kinds}


def test_every_validity_is_described_in_order_and_says_whether_there_is_a_figure() -> None:
    told = [(name, "none" not in figure) for name, figure in ROWS if name in list(Validity)]
    without = (Validity.INVALID, Validity.UNAVAILABLE)
    worst_last = [Validity.VALID, *reversed(FLAG_OF), Validity.UNAVAILABLE]
    assert told == [(one.value, one not in without) for one in worst_last]


def test_the_constants_are_the_programs() -> None:
    words = " ".join(TEXT.split())
    assert f"loaded for {WARM_S:.0f} s, up to {WARM_ROUNDS * WARM_S:.0f} s" in words
    assert STEPS == 20
    assert "twenty moves" in words
    assert f"every {1000 * POWER_PERIOD_S:.0f} ms in each window" in words
    assert f"for {IDLE_S:.0f} s after the last window" in words
    assert f"more than {100 * AGREES:.0f} %" in words
