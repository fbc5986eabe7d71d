"""Self-checks judged without a clock: what passes, what fails, what cannot be told."""

from pathlib import Path

import pytest

from sabench.errors import ConfigError
from sabench.measure.selftest.judge import (
    JUDGES,
    Finding,
    Verdict,
    judge,
    no_answer,
    not_applicable,
    tally,
)
from sabench.measure.selftest.table import CHECKS, PLANTS, TURNS, find_checks
from sabench.records import Flag, Reading


def turns(*ratios: float, **details: float) -> Reading:
    """Nine turns, or as many as are given."""
    samples = list(ratios) if len(ratios) > 1 else [ratios[0] + 1e-5 * i for i in range(TURNS)]
    return Reading.of("1", samples, details={"turns": TURNS, **details})


def beside(*figures: tuple[float, str], quiet: str = "ok") -> Reading:
    ratios, statuses = zip(*figures, strict=True)
    return Reading.of("1", list(ratios), details={"quiet": quiet, "statuses": list(statuses)})


def energy(validity: str) -> Reading:
    return Reading.of("J", [100.0], details={"validity": validity, "integrated_j": 99.0})


def copies(ratio: float) -> Reading:
    return Reading.of("1", [ratio], details={"cold_s": ratio * 1e-4, "warm_s": 1e-4})


TRUE: dict[str, Reading] = {
    "fixed_work": turns(2.005),
    "two_clocks": turns(1.002),
    "own_cpu": turns(0.99),
    "aa_pair": turns(0.998),
    "planted_slowdown": turns(1.09),
    "neighbour": beside((2.3, "contended"), (1.04, "ok")),
    "wait_policy": Reading.of("1", [0.001], details={"slower": 2.1}),
    "cold_warm": copies(1.6),
    "spin": turns(1.99, once_s=1e-3, twice_s=1.99e-3),
    "energy": energy("valid"),
}

PLANTED: dict[str, Reading] = {  # what a child reads under each check's own fault
    "fixed_work": turns(1.9),
    "two_clocks": turns(0.95),
    "own_cpu": turns(0.91),
    "aa_pair": turns(1.04),
    "planted_slowdown": turns(1.0),
    "neighbour": beside((2.3, "ok"), (2.2, "ok_flagged")),
    "wait_policy": Reading.of("1", [0.48], details={"slower": 17.0}),
    "cold_warm": copies(1.01),
    "spin": turns(1.9, once_s=1e-3, twice_s=1.9e-3),
    "energy": Reading.absent("J", "the counter stood still", flags=(Flag.ENERGY_INVALID,)),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_true_reading_passes(name: str) -> None:
    found = judge(name, TRUE[name])
    assert found.verdict is Verdict.PASS, found.read


@pytest.mark.parametrize("name", CHECKS)
def test_what_the_planted_fault_reads_fails(name: str) -> None:
    found = judge(name, PLANTED[name])
    assert (found.verdict, found.answered) == (Verdict.FAIL, True), found.read


def test_every_check_has_a_judge_and_a_plant_of_its_own() -> None:
    assert JUDGES.keys() == CHECKS.keys()
    assert len(PLANTS) == len(CHECKS)
    assert all(row.elsewhere for row in CHECKS.values() if len(row.kinds) == 1)


@pytest.mark.parametrize("name", ["fixed_work", "own_cpu", "aa_pair", "planted_slowdown", "spin"])
def test_turns_without_quiet_cannot_be_told(name: str) -> None:
    none = Reading.absent("1", "no turn was undisturbed", flags=(Flag.HOST_NOISY,))
    few = turns(*[1.5] * 5, once_s=1e-3, twice_s=9e-3)
    assert judge(name, none).verdict is Verdict.UNRELIABLE
    assert judge(name, few).verdict is Verdict.UNRELIABLE


def test_a_wide_interval_cannot_be_told_although_its_median_is_right() -> None:
    wide = turns(1.9, 1.92, 1.95, 1.98, 2.0, 2.02, 2.05, 2.08, 2.1)
    assert judge("fixed_work", wide).verdict is Verdict.UNRELIABLE


def test_a_median_outside_with_an_interval_that_reaches_inside_cannot_be_told() -> None:
    near = turns(2.015, 2.018, 2.021, 2.022, 2.023, 2.024, 2.025, 2.026, 2.027)
    assert judge("fixed_work", near).verdict is Verdict.UNRELIABLE


def test_a_spin_may_be_two_microseconds_off_however_short_it_is() -> None:
    short = turns(1.9, once_s=15e-6, twice_s=28.5e-6)
    assert judge("spin", short).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("reading", "verdict"),
    [
        (beside((1.2, "contended"), (1.2, "contended")), Verdict.PASS),
        (beside((1.2, "contended"), (1.2, "ok_flagged")), Verdict.FAIL),
        (beside((1.02, "ok"), (1.05, "ok")), Verdict.UNRELIABLE),  # nobody came
        (beside((2.0, "contended"), (2.0, "contended"), quiet="contended"), Verdict.UNRELIABLE),
        (beside((2.0, "ok"), (2.0, "contended"), quiet="contended"), Verdict.FAIL),
    ],
)
def test_a_neighbour_fails_what_is_slow_and_ranked_alone(
    reading: Reading, verdict: Verdict
) -> None:
    assert judge("neighbour", reading).verdict is verdict


@pytest.mark.parametrize(
    ("validity", "verdict"),
    [
        ("valid", Verdict.PASS),
        ("shared", Verdict.PASS),
        ("thermal_ramp", Verdict.PASS),
        ("disagree", Verdict.FAIL),
    ],
)
def test_energy_is_judged_by_its_validity(validity: str, verdict: Verdict) -> None:
    assert judge("energy", energy(validity)).verdict is verdict


def test_what_is_not_there_is_not_applicable_and_no_answer_is_a_failure() -> None:
    absent = judge("energy", Reading.absent("J", "no counter"))
    assert (absent.verdict, absent.read) == (Verdict.NOT_APPLICABLE, "no counter")
    assert not_applicable(CHECKS["spin"]).verdict is Verdict.NOT_APPLICABLE
    killed = no_answer(CHECKS["aa_pair"], "killed")
    assert (killed.verdict, killed.answered) == (Verdict.FAIL, False)
    assert absent.answered


def test_the_worst_verdict_counts() -> None:
    def worst(*verdicts: Verdict) -> Verdict:
        return tally([Finding("x", verdict, "") for verdict in verdicts])

    assert worst(Verdict.PASS, Verdict.NOT_APPLICABLE) is Verdict.PASS
    assert worst(Verdict.NOT_APPLICABLE) is Verdict.NOT_APPLICABLE
    assert worst(Verdict.PASS, Verdict.UNRELIABLE) is Verdict.UNRELIABLE
    assert worst(Verdict.UNRELIABLE, Verdict.FAIL, Verdict.PASS) is Verdict.FAIL


def test_an_unknown_check_or_plant_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="check 'spn' is not known; there are fixed_work"):
        find_checks(["spn"])
    with pytest.raises(ConfigError, match="plant 'x' is not known; there are short-work"):
        find_checks([], "x")
    with pytest.raises(ConfigError, match="plant short-spin turns spin red: --check it too"):
        find_checks(["energy"], "short-spin")
    with pytest.raises(ConfigError, match="plant short-spin needs --device cuda, not cpu"):
        find_checks([], "short-spin", "cpu")
    assert [row.name for row in find_checks(["spin"], "short-spin")] == ["spin"]
    assert [row.name for row in find_checks([])] == list(CHECKS)


def test_the_docs_list_every_check_with_its_plant() -> None:
    rows = Path(__file__).parents[3].joinpath("docs/selftest.md").read_text().splitlines()
    for check in CHECKS.values():
        (row,) = (row for row in rows if row.startswith(f"| `{check.name}`"))
        assert f"`{check.plant}`" in row
