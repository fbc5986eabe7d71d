"""How quiet it was, from what the jobs noted."""

import pytest

from making_runs import case, preset, record_of, run_info
from sabench.records import Flag, Reading, Record, Status
from sabench.report.tables import heading, how_quiet
from sabench.store.leaderboard import make_leaderboard
from sabench.store.surroundings import Surroundings, surroundings_of


def records(*foreign: float, status: Status = Status.OK, **details: float) -> list[Record]:
    jobs = run_info((case(),), preset=preset(processes=len(foreign))).jobs()
    timed = Reading.of("s", [1.0] * 10, details={"blocks": 200, "rejected": 3})
    return [
        record_of(
            job,
            status=status,
            readings={"latency_warm": timed, "macs": Reading.of("MAC", [1.0])},
            details={"foreign_cores": cores, "stolen_cores": 0.0, **details},
        )
        for job, cores in zip(jobs, foreign, strict=True)
    ]


def test_the_median_and_the_most_of_the_jobs_are_told() -> None:
    found = surroundings_of(records(0.01, 0.06, 0.02, throttled_periods=2, stolen_cores=0.03))
    assert found == Surroundings(
        jobs=3,
        foreign_cores=0.02,
        foreign_cores_most=0.06,
        stolen_cores_most=0.03,
        throttled_periods=6,
        rejected_blocks=3 / 200,
    )


def test_blocks_of_chunks_that_were_passed_over_count_as_thrown_away() -> None:
    (one,) = records(0.01)
    details = {"blocks": 20, "rejected": 0, "passed_over": 80}
    timed = Reading.of("s", [1.0] * 10, details=details)
    found = surroundings_of([one.model_copy(update={"readings": {"latency_warm": timed}})])
    assert found is not None
    assert found.rejected_blocks == 0.8


def test_jobs_without_figures_and_records_that_do_not_tell_are_left_out() -> None:
    assert surroundings_of(records(0.5, status=Status.CRASH)) is None
    (job,) = run_info((case(),), preset=preset(processes=1)).jobs()
    assert surroundings_of([record_of(job)]) is None


def test_a_leaderboard_says_how_quiet_it_was() -> None:
    info = run_info((case(),), preset=preset(processes=2))
    board = make_leaderboard(info, records(0.01, 0.06))
    assert board.surroundings is not None
    assert how_quiet(board.surroundings) == (
        "Beside it ran 0.04 cores of other work (median), 0.06 at most; "
        "1.5% of the timing blocks were thrown away."
    )


def test_what_did_not_happen_is_not_told_and_what_did_is() -> None:
    still = Surroundings(
        jobs=1, foreign_cores=0, foreign_cores_most=0, stolen_cores_most=0, throttled_periods=0
    )
    assert how_quiet(still) == "Beside it ran 0.00 cores of other work (median), 0.00 at most."
    noisy = still.model_copy(update={"stolen_cores_most": 0.2, "throttled_periods": 7})
    assert "a hypervisor took up to 0.20 cores" in how_quiet(noisy)
    assert "its CPU quota stopped it in 7 periods" in how_quiet(noisy)


@pytest.mark.parametrize(
    ("device", "slow_core", "flags", "says"),
    [
        ("cpu", 0.0, (), True),
        ("cpu", 1.25, (), False),
        ("cpu", 1.25, (Flag.NOT_PINNED,), True),
        ("cuda:0", 0.0, (), False),
    ],
)
def test_cores_that_were_not_read_are_told(
    device: str, slow_core: float, flags: tuple[Flag, ...], says: bool
) -> None:
    """As in results of earlier versions, which read none, and of processes held to no core."""
    info = run_info((case(),), preset=preset(processes=2, slow_core=slow_core))
    found = [one.model_copy(update={"flags": flags}) for one in records(0.01, 0.06)]
    board = make_leaderboard(info, found)
    (environment,) = board.environments.values()
    board = board.model_copy(update={"environments": {device: environment}})
    words = "thrown away; whether another machine shared its cores was not read."
    assert any(line.endswith(words) for line in heading(board)) is says


def test_where_no_block_was_timed_cores_are_no_matter() -> None:
    info = run_info((case(),), preset=preset(processes=1, slow_core=0.0))
    (one,) = records(0.01)
    counted = one.model_copy(update={"readings": {"macs": Reading.of("MAC", [1.0])}})
    assert not any("shared" in line for line in heading(make_leaderboard(info, [counted])))
