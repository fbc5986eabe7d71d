"""Indicators against the truth, and a proxy chosen on one half and judged on the other."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from making_trust import indicator, network
from sabench.compare.trust.choice import LEAST_HALF, Choice, choose
from sabench.compare.trust.gathering import gather
from sabench.compare.trust.indicators import Gathered, Indicator, plain_case
from sabench.compare.trust.judging import best_third, faster_by, find_truth, judge
from sabench.compare.trust.result import ranks_of, write_ranks
from sabench.errors import ConfigError, ResultError

WIDTHS = [round(0.125 + 0.03125 * step, 5) for step in range(12)]
KEYS = [plain_case(network(width)).case_id for width in WIDTHS]


def gathered(*indicators: Indicator) -> Gathered:
    cases = {plain_case(network(width)).case_id: plain_case(network(width)) for width in WIDTHS}
    return Gathered(indicators, cases)


def each(seconds: float) -> dict[str, float]:
    """Of a training of every network."""
    return dict.fromkeys(KEYS, seconds)


def by_place(
    accuracy: Callable[[int], float], name: str = "accuracy", **fields: object
) -> Indicator:
    """Three seeds a network, a thousandth apart."""
    values = {
        key: tuple(accuracy(place) + seed / 1000 for seed in range(3))
        for place, key in enumerate(KEYS)
    }
    return indicator(values, name, **fields)


FULL = by_place(lambda place: 0.6 + place / 100, seconds=each(160.0))
SHORT = by_place(
    lambda place: 0.4 + place / 200, "accuracy e=16", seconds=each(10.0), is_reduced=True
)
BACKWARDS = by_place(
    lambda place: 0.5 - place / 200, "accuracy r=4", seconds=each(8.0), is_reduced=True
)


def test_the_truth_is_by_the_suites_own_recipe_where_there_is_one() -> None:
    brief = replace(FULL, name="accuracy epochs=1", altered={"epochs": 1})
    assert find_truth([brief, FULL, SHORT]) is FULL
    assert find_truth([brief, SHORT]) is brief
    with pytest.raises(ConfigError, match="2 trainings in full among these results"):
        find_truth([brief, replace(brief, name="accuracy lr=1")])


def test_counts_are_of_the_truths_classes() -> None:
    few = judge(gathered(replace(FULL, classes=10), SHORT)).trusts[-2]
    many = judge(gathered(FULL, SHORT)).trusts[-2]
    assert few.indicator.name == many.indicator.name == "params"
    saved = {many.indicator.values[key][0] - few.indicator.values[key][0] for key in KEYS}
    assert all(
        one > 0 and one % 990 == 0 for one in saved
    )  # 990 classes, each a row of weights and a bias


def test_what_has_no_seeds_has_neither_a_ceiling_nor_a_tau_by_seeds() -> None:
    """A latency's processes are no seeds, though it has as many values."""
    slow = replace(FULL, name="latency_warm", origin="measurement", better="less")
    told = judge(gathered(slow, SHORT), "latency_warm")
    assert (told.ceiling.seeds, told.ceiling.tau) == (0, None)
    by_latency = judge(gathered(FULL, slow)).trusts[0]
    assert by_latency.seed_tau is None


@pytest.mark.parametrize("origin", ["training", "score"])
def test_no_seed_is_held_against_the_training_that_began_with_the_same_weights(
    origin: Literal["training", "score"],
) -> None:
    """Seed 1 ranks backwards, of both: each agrees with its own and disagrees with the other."""
    values = {key: (float(place), -float(place)) for place, key in enumerate(KEYS)}
    truth, one = replace(FULL, values=values), replace(SHORT, values=values, origin=origin)
    assert judge(gathered(truth, one), truth.name).trusts[0].seed_tau == -1.0


def test_everything_that_is_told_of_an_indicator_is_kept_in_the_file(tmp_path: Path) -> None:
    odd = {"seeds": dict.fromkeys(KEYS, (0, 2, 5)), "classes": 10, "contents": {16: "ab"}}
    full = replace(FULL, altered={"epochs": 1}, **odd)
    short = replace(SHORT, altered={"lr": 0.5}, **odd)
    write_ranks(tmp_path / "ranks.json", ranks_of(judge(gathered(full, short)), "one proxy"))
    again = gather([tmp_path / "ranks.json"])
    assert again.indicators == (full, short)


def test_latency_is_a_baseline_where_it_was_measured() -> None:
    slow = replace(BACKWARDS, name="latency_warm", origin="measurement", better="less")
    short = judge(gathered(FULL, SHORT, slow)).trusts[0]
    assert [*short.gains] == ["params", "macs", "latency_warm"]
    gain = short.gains["latency_warm"]
    assert gain is not None
    assert gain.low > 0.0


def test_a_judgement_holds_every_indicator_and_both_baselines_against_the_truth() -> None:
    told = judge(gathered(FULL, SHORT, BACKWARDS))
    assert told.truth is FULL
    assert (told.span.low, told.span.high) == (pytest.approx(0.601), pytest.approx(0.711))
    assert (told.ceiling.seeds, told.ceiling.tau, told.ceiling.top) == (3, 1.0, 1.0)
    names = [trust.indicator.name for trust in told.trusts]
    assert names == ["accuracy e=16", "accuracy r=4", "params", "macs"]
    taus = [trust.overall.tau for trust in told.trusts if trust.overall]
    assert taus == pytest.approx([1.0, -1.0, 1.0, 1.0])  # wider networks are better here
    short, backwards, *_ = told.trusts
    assert short.faster == 16.0
    assert short.decided.pairs == short.decided.right == 66
    assert backwards.decided.right == 0
    gain = backwards.gains["params"]
    assert gain is not None
    assert (gain.low, gain.high) == (-2.0, -2.0)


def test_the_best_third_is_rounded_up_and_ranked_by_the_truth() -> None:
    assert best_third(FULL, KEYS) == KEYS[:-5:-1]
    assert best_third(FULL, KEYS[:4]) == [KEYS[3], KEYS[2]]


def top_backwards(place: int) -> float:
    """Eight networks in their order, and the best four among twelve the other way round."""
    return float(place if place < 8 else 19 - place)


def test_the_ceiling_of_the_best_third_is_of_its_networks_alone() -> None:
    """Two seeds that order the best four of twelve in contrary ways: 6 of 66 pairs."""
    ways = (float, top_backwards)
    values = {key: tuple(way(place) for way in ways) for place, key in enumerate(KEYS)}
    ceiling = judge(gathered(indicator(values))).ceiling
    assert ceiling.tau == pytest.approx((60 - 6) / 66)
    assert ceiling.top == pytest.approx(-1.0)


def test_tau_of_the_best_third_is_of_its_networks_alone() -> None:
    trust = judge(gathered(FULL, by_place(top_backwards, "accuracy e=4", is_reduced=True))).trusts[
        0
    ]
    assert trust.overall is not None
    assert trust.top is not None
    assert (trust.overall.networks, trust.top.networks) == (12, 4)
    assert trust.overall.tau == pytest.approx((60 - 6) / 66)
    assert trust.top.tau == pytest.approx(-1.0)


def test_networks_that_an_indicator_lacks_are_left_out_of_its_row() -> None:
    part = indicator({key: SHORT.values[key] for key in KEYS[:6]}, "part", is_reduced=True)
    few = indicator({key: SHORT.values[key] for key in KEYS[:2]}, "few", is_reduced=True)
    told = judge(gathered(FULL, part, few))
    assert told.trusts[0].overall is not None
    assert told.trusts[0].overall.networks == 6
    assert told.left_out == {"few": 2}


@pytest.mark.parametrize(
    ("known", "truth", "message"),
    [
        ([SHORT], "", "no training in full among these results: name one by --truth"),
        ([FULL, by_place(float, "accuracy (b)")], "", "2 trainings in full among these results"),
        ([FULL], "acuracy", "--truth 'acuracy' is none of these results' indicators: 'accuracy'"),
    ],
)
def test_a_truth_that_is_not_told_is_one_clear_line(
    known: list[Indicator], truth: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        find_truth(known, truth)


def test_any_indicator_can_be_the_truth_by_name() -> None:
    told = judge(gathered(FULL, SHORT), "accuracy e=16")
    assert told.truth is SHORT
    assert [trust.indicator.name for trust in told.trusts][:1] == ["accuracy"]


def test_two_networks_are_too_few() -> None:
    pair = indicator({key: FULL.values[key] for key in KEYS[:2]})
    with pytest.raises(ResultError, match="accuracy: 2 networks are too few to rank"):
        judge(gathered(pair))


def test_the_proxy_chosen_is_the_one_that_ranks_best_and_is_told_on_other_networks() -> None:
    found = choose([SHORT, BACKWARDS], FULL, KEYS)
    assert isinstance(found, Choice)
    assert found.chosen is SHORT
    assert found.reported_on is not None
    assert (found.chosen_on.networks, found.reported_on.networks) == (6, 6)
    assert (found.chosen_on.tau, found.reported_on.tau, found.faster) == (1.0, 1.0, 16.0)
    assert (found.halvings, found.middle) == ({"accuracy e=16": 1.0, "accuracy r=4": 0.0}, 1.0)


def test_a_choice_among_noise_looks_good_where_it_was_made_and_not_where_it_is_told() -> None:
    """Why it is told on the other half: the best of many that know nothing seems to know much."""
    order = random.Random(1)
    noise = [
        by_place(lambda _: order.random(), f"accuracy e={n}", seconds=each(1.0), is_reduced=True)
        for n in range(20)
    ]
    found = choose(noise, FULL, KEYS)
    assert isinstance(found, Choice)
    assert found.chosen_on.tau > 0.3
    assert found.middle < 0.3


def test_slow_proxies_are_chosen_from_only_where_none_is_fast() -> None:
    better = by_place(
        lambda place: 0.6 + place / 100, "accuracy e=2", seconds=each(80.0), is_reduced=True
    )
    fast = choose([better, SHORT, BACKWARDS], FULL, KEYS, faster=16.0)
    assert isinstance(fast, Choice)
    assert set(fast.halvings) == {"accuracy e=16", "accuracy r=4"}
    none = choose([better, SHORT], FULL, KEYS, faster=100.0)
    assert isinstance(none, Choice)
    assert set(none.halvings) == {"accuracy e=2", "accuracy e=16"}


def test_nothing_is_chosen_from_one_proxy_or_too_few_networks() -> None:
    assert choose([SHORT], FULL, KEYS) == "1 reduced trainings on its data: a choice takes two"
    few = choose([SHORT, BACKWARDS], FULL, KEYS[: 2 * LEAST_HALF - 1])
    assert few == "9 networks are in all proxies: a choice takes 10"
    level = [
        by_place(lambda _: 0.5, f"accuracy e={e}", seconds=each(1.0), is_reduced=True)
        for e in (2, 4)
    ]
    assert choose(level, FULL, KEYS) == "all proxies are level on every half of the networks"


def test_a_proxy_is_of_the_truths_data_and_of_less_than_it_or_another_recipe() -> None:
    whole = replace(SHORT, name="accuracy (again)", is_reduced=False)
    elsewhere = replace(SHORT, name="accuracy data=xor,e=16", way={"data": "xor"})
    others = replace(SHORT, name="accuracy e=16 (2)", contents={16: "b"})
    full = replace(FULL, contents={16: "a"})
    assert choose([SHORT, whole, elsewhere, others], full, KEYS).startswith("1 reduced trainings")
    like, again = (replace(one, altered={"epochs": 1}) for one in (FULL, whole))
    assert choose([SHORT, again], like, KEYS).startswith("1 reduced trainings")
    found = choose([SHORT, replace(whole, altered={"epochs": 1})], FULL, KEYS)
    assert isinstance(found, Choice)
    assert choose([SHORT, BACKWARDS], SHORT, KEYS).startswith("1 reduced trainings")
    printed = replace(FULL, origin="published")
    assert isinstance(choose([elsewhere, SHORT], printed, KEYS), Choice)


def test_the_best_third_of_what_lacks_networks_is_the_truths() -> None:
    """Of the four best it lacks one; of the first six it would be the two best."""
    lacking = replace(SHORT, values={key: SHORT.values[key] for key in KEYS if key != KEYS[-1]})
    few = replace(BACKWARDS, values={key: BACKWARDS.values[key] for key in KEYS[:6]})
    there, absent, *_ = judge(gathered(FULL, lacking, few)).trusts
    assert there.top is not None
    assert (there.top.networks, there.top.tau) == (3, 1.0)
    assert absent.top is None


def test_a_proxy_that_lacks_networks_is_chosen_from_over_those_that_all_have() -> None:
    values = {key: SHORT.values[key] for key in KEYS[1:]}
    part = replace(SHORT, name="accuracy c=2", values=values)
    found = choose([part, BACKWARDS], FULL, KEYS)
    assert isinstance(found, Choice)
    assert found.chosen is part
    assert found.reported_on is not None
    assert found.chosen_on.networks + found.reported_on.networks == 11


def test_times_are_of_the_same_networks_on_the_same_device() -> None:
    """Four narrow networks take less than twelve of all widths, however they are trained."""
    times = {key: 10.0 + 10.0 * place for place, key in enumerate(KEYS)}
    full = replace(FULL, seconds=times)
    few = replace(SHORT, seconds={key: times[key] for key in KEYS[:4]})
    assert faster_by(few, full, KEYS) == 1.0
    elsewhere = replace(few, way={"device": "another"})
    assert faster_by(elsewhere, full, KEYS) is None
    assert faster_by(replace(few, seconds={}), full, KEYS) is None


def test_times_are_of_trainings_with_as_many_threads() -> None:
    """On a device of the same name, half the threads take about twice the time."""
    device = {"device": "a CPU"}
    full = replace(FULL, way=device | {"threads": "2"})
    assert faster_by(replace(SHORT, way=device | {"threads": "2"}), full, KEYS) == 16.0
    assert faster_by(replace(SHORT, way=device | {"threads": "1"}), full, KEYS) is None


def test_the_best_third_of_what_is_better_less_is_the_least() -> None:
    latency = replace(FULL, name="latency_warm", better="less", origin="measurement")
    assert best_third(latency, KEYS) == KEYS[:4]
