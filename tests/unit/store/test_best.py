"""Each layer once, in its best implementation."""

import pytest

from making_runs import case, preset, record_of, run_info
from sabench.cases.case import Case
from sabench.records import Reading, Status
from sabench.report.columns import label_of
from sabench.store.best import best_implementations
from sabench.store.leaderboard import Leaderboard, make_leaderboard

Told = list[tuple[str, str, int | None, tuple[str, ...]]]


def board_of(*times: tuple[Case, tuple[float, float], Status], **info: object) -> Leaderboard:
    """Two processes a case, each with samples that never vary."""
    plan = run_info(tuple(one for one, _, _ in times), preset=preset(processes=2), **info)
    ended = {one.case_id: (values, status) for one, values, status in times}
    records = []
    for job in plan.jobs():
        values, status = ended[job.case.case_id]
        records.append(record_of(job, (values[job.replicate],) * 10, status))
    return make_leaderboard(plan, records)


def in_way(subject: str, implementation: str, **fields: object) -> Case:
    return case(subject).model_copy(update={"implementation": implementation, **fields})


def told(board: Leaderboard) -> Told:
    return [
        (row.case.subject, row.case.implementation, row.rank, row.level_with) for row in board.rows
    ]


def test_the_fastest_stays_and_ranks_are_taken_anew() -> None:
    board = board_of(
        (in_way("halo", "blocked"), (3.0, 3.1), Status.OK),
        (in_way("halo", "sdpa"), (1.0, 1.1), Status.OK),
        (in_way("augmented", "blocked"), (4.0, 4.1), Status.OK),
        (in_way("augmented", "sdpa"), (5.0, 5.1), Status.OK),
    )
    assert told(best_implementations(board)) == [
        ("halo", "sdpa", 1, ()),
        ("augmented", "blocked", 2, ()),
    ]
    assert best_implementations(board).is_of_best


def test_what_is_not_told_apart_from_the_best_is_named() -> None:
    board = board_of(
        (in_way("halo", "blocked"), (1.0, 1.4), Status.OK),
        (in_way("halo", "sdpa"), (1.3, 1.5), Status.OK),
        (in_way("halo", "chunked"), (2.0, 2.1), Status.OK),
    )
    assert told(best_implementations(board)) == [("halo", "blocked", 1, ("sdpa",))]


@pytest.mark.parametrize("status", [Status.CONTENDED, Status.PARITY_FAILED, Status.OOM])
def test_a_disturbed_or_failed_one_is_not_the_best_however_fast(status: Status) -> None:
    board = board_of(
        (in_way("halo", "sdpa"), (1.0, 1.0), status),
        (in_way("halo", "blocked"), (2.0, 2.0), Status.OK),
    )
    assert told(best_implementations(board)) == [("halo", "blocked", 1, ())]


def test_where_none_was_measured_one_row_says_so() -> None:
    board = board_of(
        (in_way("halo", "sdpa"), (1.0, 1.0), Status.CONTENDED),
        (in_way("halo", "blocked"), (2.0, 2.0), Status.PARITY_FAILED),
    )
    assert told(best_implementations(board)) == [("halo", "sdpa", None, ())]


def test_other_options_runtimes_and_groups_are_other_layers() -> None:
    board = board_of(
        (in_way("halo", "sdpa"), (1.0, 1.0), Status.OK),
        (in_way("halo", "blocked", runtime="compiled"), (2.0, 2.0), Status.OK),
        (in_way("halo", "blocked", options={"halo": 1}), (3.0, 3.0), Status.OK),
        (in_way("halo", "blocked", size=56), (4.0, 4.0), Status.OK),
    )
    assert len(best_implementations(board).rows) == 4


def test_more_is_better_where_the_metric_says_so() -> None:
    plan = run_info(
        (in_way("halo", "sdpa"), in_way("halo", "blocked")),
        preset=preset(processes=1),
        rank_by="throughput",
        metrics=("latency_warm", "throughput"),
    )
    assert plan.rank_by == "throughput"
    rates = {"sdpa": 10.0, "blocked": 20.0}
    records = [
        record_of(
            job,
            readings={"throughput": Reading.of("1/s", [rates[job.case.implementation]] * 10)},
        )
        for job in plan.jobs()
    ]
    (row,) = best_implementations(make_leaderboard(plan, records)).rows
    assert row.case.implementation == "blocked"


def test_it_is_held_against_the_convolution_that_is_left() -> None:
    board = board_of(
        (case("conv"), (1.0, 1.0), Status.OK),
        (in_way("halo", "blocked"), (3.0, 3.0), Status.OK),
        (in_way("halo", "sdpa"), (2.0, 2.0), Status.OK),
    )
    assert [row.relative for row in best_implementations(board).rows] == [1.0, 2.0]


def test_a_label_names_the_best_implementation_and_those_level_with_it() -> None:
    view = best_implementations(
        board_of(
            (case("conv"), (1.0, 1.0), Status.OK),
            (in_way("halo", "reference"), (1.0, 1.4), Status.OK),
            (in_way("halo", "sdpa"), (1.3, 1.5), Status.OK),
        )
    )
    label = label_of(view)
    assert sorted(map(label, view.rows)) == ["conv", "halo [reference, sdpa]"]
