"""Which sides of several results are held against each other, and when they lie side by side."""

import re

import pytest

from making_rows import board_of, row_of
from making_runs import case, environment
from sabench.compare.join import Side, sides_of
from sabench.compare.runs import compare_runs
from sabench.compare.sources import Pair, pairs_on_one_device
from sabench.errors import ExitCode, ResultError

CONV = case("conv")


def result(name: str, **devices: str) -> list[Side]:
    """A result with one case on each of these devices, told by place and name."""
    named = {place.replace("_", ":"): device for place, device in devices.items()}
    rows = [row_of(CONV, 1.0, device=place) for place in named]
    where = {place: environment(device) for place, device in named.items()}
    return sides_of(name, board_of(rows, environments=where))


def told(pairs: list[Pair] | None) -> list[tuple[str, str]]:
    assert pairs is not None
    return [(base.name, new.name) for base, new in pairs]


def test_results_of_one_device_are_paired_with_the_first() -> None:
    sources = [result(name, cpu="P") for name in "abc"]
    assert told(pairs_on_one_device(sources)) == [("a", "b"), ("a", "c")]


def test_results_of_several_devices_are_paired_device_by_device() -> None:
    sources = [result(name, cpu="P", cuda_0="G") for name in "ab"]
    assert told(pairs_on_one_device(sources)) == [("a cpu", "b cpu"), ("a cuda:0", "b cuda:0")]


def test_the_place_of_a_device_that_is_the_only_one_of_its_name_does_not_count() -> None:
    sources = [result("a", cuda_0="G"), result("b", cuda_1="G")]
    assert told(pairs_on_one_device(sources)) == [("a", "b")]


@pytest.mark.parametrize("further", [[], [{"cuda_0": "Z"}], [{"cuda_0": "H"}]])
def test_results_that_share_no_device_with_the_first_are_not_paired(further) -> None:
    others = [result("b", cuda_0="H"), *(result("c", **one) for one in further)]
    assert pairs_on_one_device([result("a", cuda_0="G"), *others]) is None


@pytest.mark.parametrize(
    "others",
    [
        [{"cpu": "P", "cuda_0": "G"}],
        [{"cpu": "P"}, {"cuda_0": "G"}],
        [{"cuda_0": "G"}, {"cpu": "P"}],
    ],
)
def test_a_device_more_switches_no_verdicts_off_but_is_refused(others) -> None:
    sources = [result("a", cpu="P"), *(result("b", **one) for one in others)]
    with pytest.raises(ResultError, match=r"b.* has G, which a has not: .*--across device"):
        pairs_on_one_device(sources)


def test_the_cases_of_a_device_that_the_new_result_lacks_are_missing() -> None:
    pairs = pairs_on_one_device([result("a", cuda_0="G", cuda_1="H"), result("b", cuda_0="G")])
    assert told(pairs) == [("a cuda:0", "b"), ("a cuda:1", "b")]
    there, lacking = (compare_runs(*pair) for pair in pairs or ())
    assert (len(there.cases), there.missing) == (1, ())
    assert (lacking.cases, lacking.missing) == ((), (CONV.case_id,))
    assert lacking.exit_code() is ExitCode.REGRESSION
    assert lacking.exit_code(allow_missing=True, strict=True) is ExitCode.OK


EPYC, FIRST, SECOND = "AMD EPYC", *(f"AMD EPYC (family 23, model {one})" for one in (1, 49))


@pytest.mark.parametrize("names", [(EPYC, FIRST), (FIRST, EPYC)])
def test_a_name_from_before_models_were_told_may_be_of_any_of_them(names: tuple[str, str]) -> None:
    """Not another device: whoever holds a change to an older result would see no verdict."""
    pairs = pairs_on_one_device([result(name, cpu=name) for name in names])
    assert told(pairs) == [names]
    with pytest.raises(ResultError, match=re.escape(f"unlike environments ({' -> '.join(names)})")):
        compare_runs(*(pairs or ())[0])


def test_models_of_one_name_are_devices_of_their_own() -> None:
    assert pairs_on_one_device([result(name, cpu=name) for name in (FIRST, SECOND)]) is None


@pytest.mark.parametrize("more", ["base", "new"])
def test_of_two_boards_of_one_name_none_vanishes(more: str) -> None:
    """One of them against both: the other board's cases are missing, or new."""
    one, two = result("one", cuda_0="G"), result("two", cuda_0="G", cuda_1="G")
    pairs = pairs_on_one_device([two, one] if more == "base" else [one, two])
    first, second = (compare_runs(*pair) for pair in pairs or ())
    assert len(first.cases) == 1
    assert {first.base.device, first.new.device} == {"cuda:0"}
    lone = second.missing if more == "base" else second.added
    assert (second.cases, lone) == ((), (CONV.case_id,))


def test_boards_of_one_name_at_other_places_are_not_guessed_at() -> None:
    sources = [result("a", cuda_0="G"), result("b", cuda_1="G", cuda_2="G")]
    with pytest.raises(ResultError, match="several devices of one name"):
        pairs_on_one_device(sources)
