"""Ranks, ties, the relative column, exit codes."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from making_runs import case, environment, new_run, preset, record_of, run_info
from sabench.cases.case import Case
from sabench.catalog.presets import Preset
from sabench.errors import ConfigError, ExitCode, ResultError
from sabench.records import MEASURED, SHOWN, Reading, Status
from sabench.store import journal
from sabench.store.leaderboard import (
    Leaderboard,
    Row,
    exit_code,
    make_leaderboard,
    rank,
    read_leaderboard,
    write_leaderboard,
)

Times = Sequence[tuple[Case, tuple[float, ...]]]


def board_of(times: Times, statuses: Sequence[Status] = (), **info: Any) -> Leaderboard:
    """One process per time of a case, each with samples that never vary; all ok if not said."""
    count = max(len(values) for _, values in times)
    cases = tuple(case for case, _ in times)
    plan = run_info(cases, **{"preset": preset(processes=count)} | info)
    values = {case.case_id: values for case, values in times}
    ended = dict(zip(values, statuses, strict=False))
    records = [
        record_of(
            job,
            (values[job.case.case_id][job.replicate],) * 10,
            ended.get(job.case.case_id, Status.OK),
            device=job.device,
        )
        for job in plan.jobs()
    ]
    return make_leaderboard(plan, records)


def ranks(board: Leaderboard) -> list[tuple[str, int | None]]:
    return [(row.case.subject, row.rank) for row in board.rows]


def test_rows_are_ranked_by_their_median_within_the_group() -> None:
    board = board_of([(case("halo"), (3.0,)), (case("conv"), (1.0,)), (case("augmented"), (2.0,))])
    assert ranks(board) == [("conv", 1), ("augmented", 2), ("halo", 3)]


def test_overlapping_intervals_share_a_rank_and_the_next_counts_all_before_it() -> None:
    board = board_of(
        [
            (case("a"), (1.0, 1.4)),
            (case("b"), (1.3, 1.5)),
            (case("c"), (2.0, 2.1)),
            (case("d"), (3.0, 3.1)),
        ]
    )
    assert ranks(board) == [("a", 1), ("b", 1), ("c", 3), ("d", 4)]
    assert [row.tied for row in board.rows] == [True, True, False, False]


def test_a_chain_of_overlaps_ends_where_the_best_is_told_apart() -> None:
    # b overlaps a, c overlaps b but not a
    board = board_of([(case("a"), (1.0, 2.0)), (case("b"), (1.9, 3.0)), (case("c"), (2.9, 4.0))])
    assert ranks(board) == [("a", 1), ("b", 1), ("c", 3)]


def test_more_is_better_where_the_metric_says_so() -> None:
    plan = run_info((case("a"), case("b")), preset=preset(processes=1), rank_by="throughput")
    rates = {"a": 10.0, "b": 20.0}
    records = [
        record_of(job, readings={"throughput": Reading.of("1/s", [rates[job.case.subject]] * 10)})
        for job in plan.jobs()
    ]
    assert ranks(make_leaderboard(plan, records)) == [("b", 1), ("a", 2)]


def test_relative_is_the_time_over_that_of_the_3x3_convolution() -> None:
    board = board_of([(case("conv"), (2.0,)), (case("halo"), (5.0,)), (case("a"), (1.0,))])
    assert {row.case.subject: row.relative for row in board.rows} == {
        "conv": 1.0,
        "halo": 2.5,
        "a": 0.5,
    }


def test_a_wider_convolution_is_no_reference() -> None:
    board = board_of([(case("conv", options={"window": 5}), (2.0,)), (case("halo"), (5.0,))])
    assert [row.relative for row in board.rows] == [None, None]


def test_nothing_is_held_against_a_disturbed_convolution() -> None:
    times = [(case("conv"), (2.0,)), (case("halo"), (5.0,))]
    board = board_of(times, [Status.CONTENDED])
    assert [row.relative for row in board.rows] == [None, None]


@pytest.mark.parametrize("status", list(Status))
def test_only_undisturbed_cases_have_a_rank(status: Status) -> None:
    times = [(case("a"), (1.0,)), (case("b"), (2.0,)), (case("c"), (3.0,))]
    board = board_of(times, [status])
    by_name = {row.case.subject: row for row in board.rows}
    assert (by_name["a"].rank is not None) == (status in MEASURED)
    assert (by_name["a"].median("latency_warm") is not None) == (status in SHOWN)
    if status not in MEASURED:
        assert (by_name["b"].rank, by_name["c"].rank) == (1, 2)
        assert board.rows[-1].case.subject == "a"


def test_disturbed_rows_stand_before_those_without_a_figure() -> None:
    times = [(case(name), (1.0,)) for name in "abc"]
    board = board_of(times, [Status.CRASH, Status.THROTTLED])
    assert [row.case.subject for row in board.rows] == ["c", "b", "a"]


def test_sizes_and_devices_are_groups_of_their_own() -> None:
    cases = [case("conv", size=7), case("halo", size=7), case("conv", size=14)]
    two = {"cpu": environment(), "cuda:0": environment("A card")}
    board = board_of([(one, (1.0,)) for one in cases], devices=("cpu", "cuda:0"), environments=two)
    found = [(g["size"], g["device"], len(rows)) for g, rows in board.groups()]
    assert found == [(7, "cpu", 2), (14, "cpu", 1), (7, "cuda:0", 2), (14, "cuda:0", 1)]


def test_a_suite_may_group_by_a_field_or_an_option() -> None:
    cases = [case("halo", size=s, options={"block": b}) for s in (7, 14) for b in (2, 4)]
    board = board_of([(one, (1.0,)) for one in cases], group_by=("block",))
    assert [group for group, _ in board.groups()] == [
        {"block": 2, "device": "cpu"},
        {"block": 4, "device": "cpu"},
    ]


def test_ranking_by_what_is_no_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank_by=speed"):
        board_of([(case(), (1.0,))], rank_by="speed")


def test_a_case_without_the_ranking_metric_has_no_rank() -> None:
    board = board_of([(case(), (1.0,))], rank_by="macs")
    assert [(row.rank, row.status) for row in board.rows] == [(None, Status.OK)]


def test_a_metric_that_the_preset_grants_no_process_has_the_reason() -> None:
    metrics = ("latency_warm", "peak_rss_growth")
    info = run_info((case(),), metrics=metrics)
    (row,) = make_leaderboard(info, map(record_of, info.jobs())).rows
    figure = row.figures["peak_rss_growth"]
    assert (figure.median, figure.unit) == (None, "B")
    assert figure.reason == "preset standard grants no process apart"


def test_a_run_that_has_not_come_to_its_end_is_not_complete() -> None:
    plan = run_info((case("a"), case("b")), preset=preset(processes=1))
    board = make_leaderboard(plan, [record_of(plan.jobs()[0])])
    assert not board.is_complete
    assert sorted(row.status for row in board.rows) == [Status.INTERRUPTED, Status.OK]
    assert make_leaderboard(plan, [record_of(job) for job in plan.jobs()]).is_complete


def test_the_last_attempt_is_ranked() -> None:
    plan = run_info((case(),), preset=preset(processes=1))
    (job,) = plan.jobs()
    again = record_of(job, (2.0,) * 10, attempt=2)
    board = make_leaderboard(plan, [record_of(job, status=Status.CONTENDED), again])
    assert [(row.rank, row.median("latency_warm")) for row in board.rows] == [(1, 2.0)]


@pytest.mark.parametrize(
    ("ended", "code", "strict_code"),
    [
        ([], 4, 4),
        (["ok", "ok_flagged"], 0, 0),
        *(([x, "ok"], 0, 6) for x in ("oom", "skipped", "unsupported", "contended", "throttled")),
        *(([x, "ok"], 6, 6) for x in ("timeout", "crash", "error", "nonfinite", "parity_failed")),
        (["crash", "oom"], 4, 4),
        (["contended"], 0, 6),
        (["interrupted", "crash", "ok"], 130, 130),
    ],
)
def test_the_exit_code_is_the_documented_one(ended: list[str], code: int, strict_code: int) -> None:
    times = [(case("halo", size=size), (1.0,)) for size in range(1, len(ended) + 1)]
    statuses = [Status(one) for one in ended]
    board = board_of(times, statuses) if ended else make_leaderboard(run_info(()), [])
    assert exit_code(board) is ExitCode(code)
    assert exit_code(board, strict=True) is ExitCode(strict_code)


def test_a_file_tells_every_constant_of_its_preset() -> None:
    assert set(board_of([(case("conv"), (1.0,))]).dump()["preset"]) == set(Preset.model_fields)


def test_a_run_that_was_killed_shows_what_its_journal_holds(tmp_path: Path) -> None:
    conv, halo = case("conv"), case("halo")
    folder = new_run(tmp_path / "run", (conv, halo), preset=preset(processes=1))
    (job,) = (one for one in folder.info.jobs() if one.case == conv)
    journal.append(folder, record_of(job, (2e-3,) * 10))
    found = read_leaderboard(folder.path)
    assert {row.case.subject: row.status for row in found.rows} == {
        "conv": Status.OK,
        "halo": Status.INTERRUPTED,
    }
    assert not found.is_complete
    write_leaderboard(folder.leaderboard_file, board_of([(halo, (1.0,))]))
    assert [row.case for row in read_leaderboard(folder.path).rows] == [halo]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not a run folder"):
        read_leaderboard(tmp_path)


def test_a_file_holds_the_whole_board(tmp_path: Path) -> None:
    board = board_of([(case("conv"), (1.0, 1.1)), (case("halo"), (2.0, 2.1))])
    write_leaderboard(tmp_path / "x.json", board)
    assert read_leaderboard(tmp_path / "x.json") == board


@given(st.lists(st.tuples(st.floats(0.1, 9.0), st.floats(0.1, 9.0)), min_size=1, max_size=12))
def test_ranks_start_at_one_never_fall_and_ties_overlap_the_best(
    pairs: list[tuple[float, float]],
) -> None:
    board = board_of([(case(options={"i": i}), pair) for i, pair in enumerate(pairs)])
    found = [row.rank for row in board.rows]
    assert found[0] == 1
    for (place, before), now in zip(enumerate(found, start=2), found[1:], strict=False):
        assert now in (before, place)
    for _, tied in itertools.groupby(board.rows, key=lambda row: row.rank):
        best, *others = [row.figures["latency_warm"].interval for row in tied]
        assert best is not None
        assert all(other is not None and best.overlaps(other) for other in others)


def test_ranking_twice_changes_nothing() -> None:
    board = board_of([(case("a"), (1.0, 1.4)), (case("b"), (1.3, 1.5)), (case("c"), (2.0, 2.1))])
    rows: list[Row] = rank(board.rows, "latency_warm")
    assert tuple(rows) == board.rows
