"""What every launcher keeps to: a real layer through each, and the row that names it."""

import pytest
import torch

from making_runs import case, new_run, preset
from sabench.catalog.launchers import LAUNCHERS, Launcher
from sabench.launch.events import Event, JobEnded, JobStarted, SweepEnded
from sabench.launch.sweep import sweep
from sabench.records import SHOWN, Status
from sabench.store import journal
from sabench.store.leaderboard import make_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

HASTY = preset(
    processes=1, warmup_min_s=0.0, warmup_min_calls=1, warmup_max_s=0.05, budget_s=0.05,
    samples_min=10, samples_max=10, half_width=0.99,
)  # fmt: skip

THREADS = 3  # not what torch starts with on any machine of the tests

each_launcher = pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=list(LAUNCHERS))


@pytest.fixture(scope="module", params=list(LAUNCHERS))
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunFolder, list[Event]]:
    """A run of two layers, one of them impossible to build, and what was heard of it."""
    cases = (
        case("conv", channels=4, size=6, threads=THREADS),
        case("halo", channels=4, options={"heads": 3}),
    )
    folder = new_run(tmp_path_factory.mktemp(request.param) / "run", cases, preset=HASTY)
    events: list[Event] = []
    sweep(folder, LAUNCHERS[request.param].load()(), listener=events.append)
    return folder, events


@each_launcher
def test_a_row_names_a_class_that_starts_batches(launcher: Launcher) -> None:
    assert callable(launcher.load()().start)
    assert LAUNCHERS[launcher.name] is launcher


def test_every_job_ends_with_the_record_that_is_its_own(
    measured: tuple[RunFolder, list[Event]],
) -> None:
    folder, _ = measured
    ends = {r.case_id.partition("/")[0]: r.status for r in journal.read(folder)}
    assert ends["conv"] in SHOWN
    assert ends["halo"] is Status.UNSUPPORTED


def test_a_job_has_the_threads_of_its_case_and_leaves_this_process_its_own(
    measured: tuple[RunFolder, list[Event]],
) -> None:
    folder, _ = measured
    told = {r.details["torch_threads"] for r in journal.read(folder) if r.status in SHOWN}
    assert told == {THREADS}
    assert torch.get_num_threads() != THREADS


def test_every_start_is_followed_by_its_end(measured: tuple[RunFolder, list[Event]]) -> None:
    _, events = measured
    started = [event.job.job_id for event in events if isinstance(event, JobStarted)]
    ended = [event.job.job_id for event in events if isinstance(event, JobEnded)]
    assert started == ended
    assert events[-1] == SweepEnded(interrupted=False)


def test_what_it_measured_adds_up(measured: tuple[RunFolder, list[Event]]) -> None:
    folder, _ = measured
    board = make_leaderboard(folder.info, journal.read(folder))
    assert board.is_complete
    assert verify(folder.path) == []
