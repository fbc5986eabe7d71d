"""Strangers' layers that raise or return NaN, among honest ones."""

from pathlib import Path

import pytest

from making_runs import case, new_run, preset
from sabench.errors import ExitCode
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.launch.watch import Patience
from sabench.records import SHOWN, Record, Status
from sabench.store import journal
from sabench.store.leaderboard import Leaderboard, exit_code, make_leaderboard

FILE = Path(__file__).parent / "hostile_layers.py"
QUICKLY = {
    "processes": 1, "deadline_s": 3.0, "warmup_min_calls": 1, "warmup_min_s": 0.0,
    "warmup_max_s": 0.02, "budget_s": 0.05, "samples_max": 10, "samples_min": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Record], Leaderboard]:
    """One sweep of all of them between two honest convolutions; the first attempts by subject."""
    names = ("Raises", "Poisons")
    cases = [case("conv", channels=16, size=8)]
    cases += [case(name, channels=16, size=8, file=f"{FILE}:{name}") for name in names]
    cases += [case("squeeze_excite", channels=16, size=8)]
    run = tmp_path_factory.mktemp("hostile") / "run"
    folder = new_run(run, tuple(cases), preset=preset(**QUICKLY))
    records = sweep(folder, ProcessLauncher(), patience=Patience(grace_s=0.5))
    first = {r.case_id.partition("/")[0]: r for r in records if r.attempt == 1}
    return first, make_leaderboard(folder.info, journal.read(folder))


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("Raises", Status.ERROR, "ValueError: on purpose and on two lines"),
        ("Poisons", Status.NONFINITE, "not finite"),
    ],
)
def test_each_misbehaviour_has_its_status_and_one_line(
    measured: tuple[dict[str, Record], Leaderboard], name: str, status: Status, told: str
) -> None:
    record = measured[0][name]
    assert record.status is status
    assert told in record.message
    assert "\n" not in record.message
    assert record.readings == {}


def test_the_honest_layers_among_them_are_measured(
    measured: tuple[dict[str, Record], Leaderboard],
) -> None:
    for name in ("conv", "squeeze_excite"):
        assert measured[0][name].status in SHOWN
        assert "latency_warm" in measured[0][name].readings


def test_the_exit_code_says_that_a_case_failed(
    measured: tuple[dict[str, Record], Leaderboard],
) -> None:
    assert exit_code(measured[1]) is ExitCode.CASE_FAILED
