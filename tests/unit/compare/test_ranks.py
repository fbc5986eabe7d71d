"""Who wins on a side, and whether a ranking holds on another; tau against scipy's."""

import math

import numpy as np
import pytest
from scipy import stats

from making_rows import EXACT, NOISY, row_of
from making_runs import case
from sabench.compare.levels import level_of, redraws
from sabench.compare.ranks import macs_ranking, ranking_of, standing_of
from sabench.stats import Interval
from sabench.store.leaderboard import Row

TIME = "latency_warm"


def rows(*values: float, factors: tuple[float, ...] = EXACT, subject: str = "halo") -> list[Row]:
    """One subject's cases, told apart by the block."""
    return [
        row_of(case(subject, options={"block": block}), value, factors)
        for block, value in enumerate(values, start=1)
    ]


def keyed(*those: Row) -> dict[str, Row]:
    return {row.case_id: row for row in those}


def test_the_winner_leads_the_best_case_of_another_subject() -> None:
    slow, fast, near = rows(4.0, 2.0, 2.5)
    conv = row_of(case(), 3.0)
    found = standing_of(keyed(slow, fast, near, conv), TIME)
    assert found is not None
    assert (found.winner, found.rival, found.cases) == (fast.case_id, conv.case_id, 4)
    assert found.lead is not None
    assert found.lead.ratio == pytest.approx(1.5)
    assert found.level == (fast.case_id,)
    assert (found.stays, found.subject_stays) == (1.0, 1.0)


def test_the_winner_has_the_most_where_more_is_better() -> None:
    few, many = (
        row_of(case(size=size), value, metric="throughput") for size, value in [(1, 9.0), (2, 10.0)]
    )
    found = standing_of(keyed(few, many), "throughput")
    assert found is not None
    assert found.winner == many.case_id
    assert found.rival is None  # one subject only
    assert found.lead is None


def test_cases_within_noise_of_the_winner_are_level_with_it() -> None:
    one, other, far = rows(1.0, 1.005, 1.5, factors=NOISY)
    found = standing_of(keyed(one, other, far), TIME)
    assert found is not None
    assert found.level == (one.case_id, other.case_id)


def test_the_winner_stays_as_often_as_the_normal_distribution_says() -> None:
    factors = tuple(np.exp(np.random.default_rng(1).normal(0.0, 0.1, 400)))
    error = float(np.log(factors).std(ddof=1)) / math.sqrt(400)
    one, other = rows(1.0, 1.0 * math.exp(error), factors=factors)
    found = standing_of(keyed(one, other), TIME)
    assert found is not None
    assert found.stays == pytest.approx(stats.norm.cdf(1.0 / math.sqrt(2.0)), abs=0.05)  # 0.76
    assert found.subject_stays == 1.0  # both are halo


def test_one_process_tells_nothing_of_how_sure_a_place_is() -> None:
    found = standing_of(keyed(*rows(1.0, 2.0, 3.0, 4.0, factors=(1.0,))), TIME)
    assert found is not None
    assert (found.stays, found.subject_stays, found.itself) == (None, None, None)
    assert len(found.level) == 4


def test_an_empty_group_has_no_winner() -> None:
    assert standing_of({}, TIME) is None


@pytest.mark.parametrize("seed", range(5))
def test_tau_equals_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(1, 6, size=(2, 9)).astype(float)
    found = ranking_of(rows(*one), rows(*other), TIME)
    assert found is not None
    assert found.found is not None
    assert found.found.tau == pytest.approx(stats.kendalltau(one, other).statistic)
    assert found.found.interval is not None


def test_without_noise_tau_stays_where_it_is() -> None:
    found = ranking_of(rows(1.0, 2.0, 3.0, 4.0), rows(1.0, 2.0, 4.0, 3.0), TIME)
    assert found is not None
    assert found.noise is not None
    assert found.noise.low == found.noise.high == pytest.approx(4 / 6)  # one pair of six is turned


def test_two_cases_within_noise_move_tau_by_one_pair() -> None:
    one = rows(1.0, 1.001, 2.0, 3.0, factors=NOISY)
    found = ranking_of(one, rows(1.0, 1.5, 2.0, 3.0), TIME)
    assert found is not None
    assert found.found is not None
    assert found.found.tau == pytest.approx(1.0)
    assert found.noise is not None
    assert (found.noise.low, found.noise.high) == (pytest.approx(4 / 6), 1.0)


def test_noise_of_two_sides_is_drawn_apart() -> None:
    same = rows(1.0, 1.0001, 1.0002, 1.0003, factors=NOISY)
    found = ranking_of(same, same, TIME)
    assert found is not None
    assert found.noise is not None
    assert found.noise.low < 0.0  # the order is all noise; drawn together tau would stay at 1


def test_the_noise_of_tau_is_that_of_scipys_tau_over_the_redraws() -> None:
    one = rows(1.0, 1.01, 1.02, 1.5, 1.51, 2.0, factors=NOISY)
    other = rows(1.0, 1.02, 1.01, 1.5, 1.52, 1.515, factors=NOISY)
    drawn = [
        redraws([level_of(row, TIME) for row in side], stream)
        for stream, side in enumerate((one, other))
    ]
    assert drawn[0] is not None
    assert drawn[1] is not None
    taus = [stats.kendalltau(x, y).statistic for x, y in zip(*drawn, strict=True)]
    low, high = np.quantile(taus, [0.025, 0.975])
    found = ranking_of(one, other, TIME)
    assert found is not None
    assert found.noise == Interval(pytest.approx(low), pytest.approx(high))
    assert low < np.quantile(taus, 0.25)  # another quantile would be seen


def test_one_process_leaves_the_noise_of_tau_unknown() -> None:
    found = ranking_of(rows(1.0, 2.0, 3.0, 4.0, factors=(1.0,)), rows(1.0, 2.0, 3.0, 4.0), TIME)
    assert found is not None
    assert found.found is not None
    assert found.noise is None


def test_three_cases_have_no_ranking() -> None:
    assert ranking_of(rows(1.0, 2.0, 3.0), rows(1.0, 2.0, 3.0), TIME) is None


def test_a_level_order_has_no_tau() -> None:
    found = ranking_of(rows(1.0, 1.0, 1.0, 1.0), rows(1.0, 2.0, 3.0, 4.0), TIME)
    assert found is not None
    assert found.found is None


def test_noise_is_followed_through_a_part_of_many_pairs() -> None:
    values = np.linspace(1.0, 50.0, 160)  # 12,720 pairs
    found = ranking_of(rows(*values), rows(*values[::-1]), TIME)
    assert found is not None
    assert found.noise is not None
    assert (found.noise.low, found.noise.high) == (pytest.approx(-1.0), pytest.approx(-1.0))


def test_macs_agree_with_latency_where_fewer_are_faster() -> None:
    macs = (10.0, 20.0, 40.0, 30.0)
    those = [
        row_of(case("halo", options={"block": i}), float(i), macs=m) for i, m in enumerate(macs, 1)
    ]
    found = macs_ranking(those, TIME)
    assert found is not None
    assert found.found is not None
    assert (found.found.concordant, found.found.discordant) == (5, 1)
    assert macs_ranking(those[:3], TIME) is None
    assert macs_ranking(rows(1.0, 2.0, 3.0, 4.0), TIME) is None  # nothing was counted


@pytest.mark.parametrize("varied", [{"batch": 8}, {"mode": "step"}])
def test_macs_of_one_image_forward_order_no_mixture_of_batches_or_modes(varied) -> None:
    blocks = [{"options": {"block": block}} for block in range(1, 6)]
    alike = [row_of(case("halo", **one), 1.0, macs=9.0) for one in blocks]
    other = row_of(case("halo", **varied), 8.0, macs=9.0)
    assert macs_ranking(alike, TIME) is not None
    assert macs_ranking([*alike, other], TIME) is None


def test_macs_agree_with_throughput_where_fewer_bring_more() -> None:
    those = [
        row_of(case("halo", options={"block": i}), 10.0 - i, macs=float(i), metric="throughput")
        for i in range(1, 5)
    ]
    found = macs_ranking(those, "throughput")
    assert found is not None
    assert found.found is not None
    assert found.found.tau == pytest.approx(1.0)
