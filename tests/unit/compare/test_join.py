"""Which results may be held against each other, and which of their cases are the same."""

import pytest

from making_rows import board_of, row_of
from making_runs import case, environment, preset
from sabench.compare.join import SWEPT, Side, join, refuse_unlike, sides_of
from sabench.errors import ConfigError, ResultError
from sabench.store.leaderboard import Leaderboard

HALO, CONV = case("halo"), case("conv")


def side(name: str = "base", *cases, **fields) -> Side:
    rows = [row_of(one, 1.0) for one in cases or (CONV, HALO)]
    (only,) = sides_of(name, board_of(rows, **fields))
    return only


def two_devices(first: str = "Plain CPU 9000", second: str = "Plain GPU") -> Leaderboard:
    rows = [row_of(CONV, 1.0), row_of(CONV, 2.0, device="cuda:0")]
    where = {"cpu": environment(first), "cuda:0": environment(second)}
    return board_of(rows, environments=where)


def test_cases_of_one_id_are_joined_in_the_order_of_the_base_and_the_others_told() -> None:
    late = case("augmented")
    joined = join(side("base", HALO, CONV), side("new", late, CONV))
    assert [key for key, _, _ in joined.pairs] == [CONV.case_id]
    assert joined.missing == (HALO.case_id,)
    assert joined.added == (late.case_id,)


def test_across_a_key_cases_are_joined_that_differ_in_it() -> None:
    one, two = side("one", case(threads=1)), side("two", case(threads=2))
    assert join(one, two).pairs == ()
    ((key, old, new),) = join(one, two, ["threads"]).pairs
    assert key == case().case_id
    assert (old.case.threads, new.case.threads) == (1, 2)


@pytest.mark.parametrize("key", SWEPT)
def test_each_key_that_may_differ_is_one_of_every_case_and_stands_in_ids(key: str) -> None:
    other = {
        **dict.fromkeys(("threads", "batch", "stride"), 2),
        **{"layout": "channels_last", "autocast": "bf16", "dtype": "bf16", "mode": "step"},
        **{"implementation": "blocked", "runtime": "compiled"},
    }[key]
    changed = case(**{key: other})
    assert changed.case_id != case().case_id
    ((joined, _, _),) = join(side("one", case()), side("two", changed), [key]).pairs
    assert joined == case().case_id


def test_a_result_that_has_several_values_of_a_key_has_a_side_for_each() -> None:
    board = board_of([row_of(case(threads=n), 1.0) for n in (1, 2)])
    sides = sides_of("run", board, ["threads"])
    assert [one.name for one in sides] == ["run threads=1", "run threads=2"]
    assert [len(one.rows) for one in sides] == [1, 1]
    (alone,) = sides_of("run", board)
    assert alone.name == "run"


def test_a_result_of_several_devices_has_a_side_for_each() -> None:
    sides = sides_of("run", two_devices())
    assert [one.name for one in sides] == ["run cpu", "run cuda:0"]
    assert [one.environment.device_name for one in sides] == ["Plain CPU 9000", "Plain GPU"]


def test_a_key_that_no_case_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"--across window: .* there are threads, batch"):
        sides_of("run", board_of([row_of(CONV, 1.0)]), ["window"])


def test_a_result_with_one_case_twice_is_refused() -> None:
    with pytest.raises(ResultError, match=r"twice\.json: conv/.* stands there twice"):
        join(side("base"), side("twice.json", CONV, CONV))


def test_equal_environments_and_presets_are_comparable() -> None:
    refuse_unlike(side("base"), side("new"), across_env=False)


def test_unlike_environments_are_refused_with_what_differs_unless_asked_for() -> None:
    base = side("base", where=environment(torch="2.9", driver="570"))
    new = side("new", where=environment(torch="2.13", driver="570"))
    told = r"base and new .* \(torch 2\.9 -> 2\.13\): not comparable; .*--across-env"
    with pytest.raises(ResultError, match=told):
        refuse_unlike(base, new, across_env=False)
    refuse_unlike(base, new, across_env=True)


def test_a_setting_that_only_one_side_has_is_told() -> None:
    with pytest.raises(ResultError, match="triton untold -> 3"):
        refuse_unlike(side(), side("new", where=environment(triton="3")), across_env=False)


def test_unlike_presets_are_refused_whatever_is_asked_for() -> None:
    altered = preset(processes=5).alter({"half_width": "0.2"})
    told = r"preset standard and new with standard\+half_width=0\.2: not comparable"
    with pytest.raises(ResultError, match=told):
        refuse_unlike(side(), side("new", preset=altered), across_env=True)


@pytest.mark.parametrize("limits", [(0.0, 1.25), (1.25, 0.0), (1.25, 1.25)])
def test_a_version_that_read_no_core_measured_the_same(limits: tuple[float, float]) -> None:
    one, other = (preset().model_copy(update={"slow_core": limit}) for limit in limits)
    refuse_unlike(side(preset=one), side("new", preset=other), across_env=False)
    asked = other.model_copy(update={"name": f"standard+slow_core={limits[1]}"})
    refuse_unlike(side(preset=one), side("new", preset=asked), across_env=False)
    longer = other.model_copy(update={"processes": 7})
    if 0.0 not in limits:
        wide = other.alter({"slow_core": "50"})
        with pytest.raises(ResultError, match="not comparable"):
            refuse_unlike(side(preset=one), side("new", preset=wide), across_env=False)
    told = r"preset standard \(processes=2\) and new with standard \(processes=7\)"
    with pytest.raises(ResultError, match=told):
        refuse_unlike(side(preset=one), side("new", preset=longer), across_env=False)


def test_presets_of_one_name_and_other_constants_are_told_apart() -> None:
    with pytest.raises(ResultError, match=r"processes=5.* and new with .*processes=7"):
        refuse_unlike(side(), side("new", preset=preset(processes=7)), across_env=False)


def test_a_row_of_a_device_without_environment_is_refused() -> None:
    board = board_of([row_of(CONV, 1.0)], environments={"cuda:0": environment()})
    with pytest.raises(ResultError, match=r"run: conv/.* is of cpu, whose environment"):
        sides_of("run", board)
