"""The same cases on several devices: what is joined, refused, gained, and who wins where."""

import math
from typing import Any

import pytest

from making_rows import NOISY, board_of, row_of
from making_runs import case, environment, preset
from sabench.compare.devices import compare_devices
from sabench.compare.join import Side, sides_of
from sabench.errors import ConfigError, ExitCode, ResultError
from sabench.records import Status
from sabench.store.leaderboard import Row

TIME = "latency_warm"
CONV, HALO = case(), case("halo")


def side(rows: list[Row], device: str = "Plain CPU 9000", name: str = "", **fields: Any) -> Side:
    """One side of one device."""
    where = fields.pop("where", environment(device))
    device = where.device_name
    return sides_of(name or device, board_of(rows, where, **fields))[0]


def test_a_speed_up_is_the_bases_time_over_the_others() -> None:
    told = compare_devices(
        [side([row_of(CONV, 6.0, NOISY)], "A9"), side([row_of(CONV, 2.0, NOISY)], "B9")]
    )
    gain = next(told.cases).gains[0]
    assert gain is not None
    assert gain.ratio == pytest.approx(3.0)
    # Welch: both sides have the sd of the logs of NOISY, so 8 degrees of freedom; t(0.995, 8)
    logs = [math.log(x) for x in NOISY]
    mean = sum(logs) / 5
    error = math.sqrt(2 * sum((x - mean) ** 2 for x in logs) / 4 / 5)
    assert gain.interval == (
        pytest.approx(3.0 * math.exp(-3.3554 * error), rel=1e-4),
        pytest.approx(3.0 * math.exp(3.3554 * error), rel=1e-4),
    )


@pytest.mark.parametrize(("metric", "expected"), [("energy", 0.5), ("throughput", 2.0)])
def test_a_gain_of_another_metric_is_above_one_where_it_is_better(metric, expected) -> None:
    rows = [[row_of(CONV, value, metric=metric)] for value in (1.0, 2.0)]
    told = compare_devices([side(rows[0], "A9"), side(rows[1], "B9")], metric)
    gain = next(told.cases).gains[0]
    assert gain is not None
    assert gain.ratio == pytest.approx(expected)


def test_the_mean_gain_is_geometric() -> None:
    base = [row_of(CONV, 4.0), row_of(HALO, 9.0)]
    told = compare_devices([side(base, "A9"), side([row_of(CONV, 1.0), row_of(HALO, 1.0)], "B9")])
    assert told.overall[0] is not None
    assert told.overall[0].ratio == pytest.approx(6.0)  # of 4 and 9


def test_each_side_has_its_winner() -> None:
    told = compare_devices(
        [
            side([row_of(CONV, 1.0), row_of(HALO, 2.0)], "A9"),
            side([row_of(CONV, 3.0), row_of(HALO, 2.0)], "B9"),
        ]
    )
    winners = [one.winner for one in told.groups[0].standings if one]
    assert winners == [CONV.case_id, HALO.case_id]


def test_a_case_that_a_side_lacks_wins_on_none() -> None:
    told = compare_devices(
        [
            side([row_of(CONV, 1.0), row_of(HALO, 2.0)], "A9"),
            side([row_of(CONV, 3.0), row_of(HALO, 2.0)], "B9"),
            side([row_of(HALO, 2.0)], "C9"),
        ]
    )
    assert [one.winner for one in told.groups[0].standings if one] == [HALO.case_id] * 3
    assert told.alone == {CONV.case_id: (0, 1)}


def test_what_one_side_alone_has_is_listed() -> None:
    told = compare_devices(
        [
            side([row_of(CONV, 1.0), row_of(HALO, 1.0)], "A9"),
            side([row_of(CONV, 1.0), row_of(case("identity"), 1.0)], "B9"),
        ]
    )
    assert told.alone == {HALO.case_id: (0,), case("identity").case_id: (1,)}
    assert told.exit_code() is ExitCode.OK
    assert told.exit_code(strict=True) is ExitCode.UNRELIABLE
    assert told.exit_code(strict=True, allow_missing=True) is ExitCode.OK


def test_strictly_a_case_without_a_figure_on_a_side_is_no_answer() -> None:
    failed = row_of(HALO, 1.0, status=Status.OOM, figures={})
    told = compare_devices(
        [
            side([row_of(CONV, 1.0), row_of(HALO, 1.0)], "A9"),
            side([row_of(CONV, 1.0), failed], "B9"),
        ]
    )
    assert told.exit_code() is ExitCode.OK
    assert told.exit_code(strict=True, allow_missing=True) is ExitCode.UNRELIABLE


def test_groups_are_told_apart_and_then_put_together() -> None:
    def rows(*values: float) -> list[Row]:
        return [
            row_of(case("halo", size=size, options={"block": block}), value * size)
            for size in (14, 28)
            for block, value in enumerate(values, start=1)
        ]

    told = compare_devices([side(rows(1, 2, 3, 4), "A9"), side(rows(1, 2, 4, 3), "B9")])
    taus = [one.found.tau for g in told.groups for one in g.rankings.values() if one and one.found]
    assert taus == [pytest.approx(4 / 6)] * 2  # one of six pairs is turned, at each size
    assert told.together is not None
    together = told.together.rankings[0, 1]
    assert together is not None
    assert together.cases == 8
    assert told.together.standings == (None, None)


def test_a_case_out_of_memory_on_one_side_has_no_gain_and_tells_why() -> None:
    failed = row_of(CONV, 1.0, status=Status.OOM, message="oom: 8 GiB wanted", figures={})
    told = compare_devices([side([row_of(CONV, 1.0)], "A9"), side([failed], "B9")])
    found = next(told.cases)
    assert (found.gains, found.reasons) == ((None,), ("", "oom: 8 GiB wanted"))
    assert told.exit_code() is ExitCode.UNRELIABLE  # nothing was measured on two sides


def test_threads_are_compared_across() -> None:
    one = side([row_of(case(threads=1), 4.0), row_of(case("halo", threads=1), 4.0)])
    two = side([row_of(case(threads=2), 2.0), row_of(case("halo", threads=2), 3.0)])
    told = compare_devices([one, two], TIME, ["threads"])
    assert [gain and round(gain.ratio, 3) for one in told.cases for gain in one.gains] == [
        2.0,
        1.333,
    ]
    assert told.groups[0].group is not None
    assert "threads" not in told.groups[0].group
    with pytest.raises(ResultError, match="shares no case"):
        compare_devices([one, two], TIME)


def test_unlike_presets_are_refused_on_unlike_devices_too() -> None:
    quick = side([row_of(CONV, 1.0)], "B9", preset=preset(name="quick"))
    with pytest.raises(ResultError, match="preset"):
        compare_devices([side([row_of(CONV, 1.0)], "A9"), quick])


def test_one_device_in_unlike_environments_is_refused_unless_asked_for() -> None:
    rows = [row_of(CONV, 1.0)]
    sides = [side(rows, where=environment(torch=version)) for version in ("2.12", "2.13")]
    with pytest.raises(ResultError, match=r"torch 2\.12 -> 2\.13"):
        compare_devices(sides)
    assert compare_devices(sides, across_env=True).exit_code() is ExitCode.OK


def test_a_cpu_whose_model_is_not_told_may_be_the_other_one() -> None:
    rows = [row_of(CONV, 1.0)]
    sides = [side(rows, name) for name in ("AMD EPYC", "AMD EPYC (family 23, model 1)")]
    with pytest.raises(ResultError, match="unlike environments"):
        compare_devices(sides)


def test_two_further_sides_of_one_device_in_unlike_environments_are_refused_too() -> None:
    rows = [row_of(CONV, 1.0)]
    others = [side(rows, where=environment("B9", torch=version)) for version in ("2.12", "2.13")]
    with pytest.raises(ResultError, match=r"B9.*torch 2\.12 -> 2\.13"):
        compare_devices([side(rows, "A9"), *others])


def test_a_row_of_another_environment_than_its_results_has_no_gain() -> None:
    resumed = row_of(CONV, 1.0, environments=("earlier",))
    found = next(compare_devices([side([row_of(CONV, 1.0)], "A9"), side([resumed], "B9")]).cases)
    assert found.gains == (None,)
    assert "another environment" in found.reasons[1]


def test_two_devices_may_have_unlike_environments() -> None:
    rows = [row_of(CONV, 1.0)]
    sides = [
        side(rows, where=environment(name, torch=version))
        for name, version in (("A9", "2.12"), ("B9", "2.13"))
    ]
    assert compare_devices(sides).exit_code() is ExitCode.OK


def test_a_metric_that_there_is_not_is_refused() -> None:
    sides = [side([row_of(CONV, 1.0)], name) for name in ("A9", "B9")]
    with pytest.raises(ConfigError, match="speed: "):
        compare_devices(sides, "speed")


def test_macs_are_not_held_against_macs() -> None:
    rows = [row_of(case("halo", size=n), 1.0, macs=float(n)) for n in range(1, 6)]
    told = compare_devices([side(rows, "A9"), side(rows, "B9")], "macs")
    assert all(one is None for group in told.groups for one in group.macs)


def test_a_count_is_exact_however_few_processes_told_it() -> None:
    rows = [[row_of(CONV, value, (1.0,), metric="macs")] for value in (10.0, 5.0)]
    told = compare_devices([side(rows[0], "A9"), side(rows[1], "B9")], "macs")
    gain = next(told.cases).gains[0]
    assert gain is not None
    assert gain.interval == (pytest.approx(2.0), pytest.approx(2.0))
