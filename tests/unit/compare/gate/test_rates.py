"""The measured rate of false alarms: counted from trials, bounded as binomial rates are."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binom, binomtest

from making_runs import environment
from sabench import jsonl
from sabench.compare.gate import rates
from sabench.compare.gate.driver import RULE
from sabench.compare.gate.rates import (
    Trial,
    lower_bound,
    rate_among,
    rate_of,
    read_trials,
    upper_bound,
)
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict

ENVIRONMENT = environment("Plain CPU 9000")
SLUG = "plain-9000"


def trial(outcome: Outcome = Outcome.PASSED, **changes: Any) -> Trial:
    fields = {
        "started_utc": "2026-01-01T00:00:00Z",
        "wall_s": 90.0,
        "device": "Plain CPU 9000",
        "suite": "gate",
        "commit": "0123456789abcdef",
        "judge_commit": "fedcba9876543210",
        "judge_is_dirty": False,
        "seed": 1,
        "outcome": outcome,
        "verdicts": {"conv": Verdict.SAME, "halo": Verdict.SAME},
        "ratios": {"conv": (1.0, 0.99, 1.01)},
        "blocks": {"conv": 8},
        "foreign_cores": 0.01,
    }
    return Trial.model_validate(fields | changes)


def write(path: Path, *trials: Trial) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for one in trials:
        jsonl.append(path, one.model_dump(mode="json", by_alias=True))


def test_none_red_in_200_bounds_the_rate_at_one_and_a_half_percent() -> None:
    assert upper_bound(0, 200) == pytest.approx(1.0 - 0.05 ** (1 / 200))  # closed form
    assert upper_bound(0, 200) == pytest.approx(0.015, abs=2e-4)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 200), (14, 20), (19, 20), (20, 20)])
def test_the_bounds_are_those_of_clopper_and_pearson(hits: int, n: int) -> None:
    either = binomtest(hits, n).proportion_ci(0.90, method="exact")  # both ends at 95 %
    assert upper_bound(hits, n) == pytest.approx(either.high)
    assert lower_bound(hits, n) == pytest.approx(either.low)


def test_at_the_upper_bound_so_few_hits_have_five_percent() -> None:
    assert binom.cdf(3, 200, upper_bound(3, 200)) == pytest.approx(0.05)


def test_trials_are_counted_by_what_they_ended_with() -> None:
    unsure = {"conv": Verdict.AMBIGUOUS, "halo": Verdict.SAME}
    lacking = {"conv": Verdict.SAME, "halo": None}
    found = rate_among(
        [
            *(trial() for _ in range(5)),
            trial(verdicts=unsure),
            trial(verdicts=lacking),
            trial(Outcome.REGRESSED, verdicts={"conv": Verdict.REGRESSED}),
            trial(Outcome.UNRELIABLE, verdicts=unsure),
            *(trial(Outcome.FAILED, verdicts=lacking) for _ in range(2)),
        ],
    )
    assert found is not None
    assert (found.runs, found.judged, found.red) == (11, 8, 1)
    assert (found.ambiguous, found.unreliable) == (1, 1)
    assert (found.failed, found.without_verdict) == (2, 1)
    assert found.upper_bound == pytest.approx(binomtest(1, 8).proportion_ci(0.9).high)


def test_gates_that_could_not_be_red_bound_nothing() -> None:
    found = rate_among([trial(Outcome.FAILED), trial(Outcome.UNRELIABLE)])
    assert found is not None
    assert (found.runs, found.judged, found.upper_bound) == (2, 0, 1.0)


def test_trials_that_another_rule_judged_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / rates.FILE, trial(Outcome.REGRESSED, rule=RULE - 1), trial())
    (found,) = read_trials(tmp_path / rates.FILE)
    assert (found.outcome, found.rule) == (Outcome.PASSED, RULE)


def test_planted_trials_are_no_false_alarms() -> None:
    planted = trial(Outcome.REGRESSED, plant=1.1, planted="conv")
    assert rate_among([planted]) is None
    found = rate_among([planted, trial()])
    assert found is not None
    assert (found.runs, found.red) == (1, 0)


def test_a_plant_is_found_if_its_case_and_no_other_is_red() -> None:
    red, same = Verdict.REGRESSED, Verdict.SAME
    hit = {"plant": 1.1, "planted": "conv"}
    assert trial(Outcome.REGRESSED, verdicts={"conv": red, "halo": same}, **hit).has_found
    assert not trial(Outcome.REGRESSED, verdicts={"conv": same, "halo": red}, **hit).has_found
    assert not trial(Outcome.REGRESSED, verdicts={"conv": red, "halo": red}, **hit).has_found
    assert not trial(Outcome.UNRELIABLE, verdicts={"conv": red, "halo": same}, **hit).has_found


def test_a_device_without_trials_has_no_rate(tmp_path: Path) -> None:
    assert rate_of(ENVIRONMENT, "gate", tmp_path) is None


def test_the_rate_is_that_of_the_devices_own_file(tmp_path: Path) -> None:
    write(tmp_path / SLUG / rates.FILE, trial(), trial())
    write(tmp_path / "another" / rates.FILE, trial(Outcome.REGRESSED))
    found = rate_of(ENVIRONMENT, "gate", tmp_path)
    assert found is not None
    assert (found.device, found.runs, found.red) == ("Plain CPU 9000", 2, 0)


def test_a_suite_without_trials_is_told_the_rate_of_the_suite_that_ships(tmp_path: Path) -> None:
    write(tmp_path / SLUG / rates.FILE, trial(), trial(Outcome.REGRESSED, suite="mine"))
    for asked, suite, red in (("mine", "mine", 1), ("another", "gate", 0)):
        found = rate_of(ENVIRONMENT, asked, tmp_path)
        assert found is not None
        assert (found.suite, found.runs, found.red) == (suite, 1, red)


def test_the_rate_ships_with_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "data" / "results" / SLUG / rates.FILE, trial())
    monkeypatch.setattr(rates, "files", lambda package: tmp_path)
    found = rate_of(ENVIRONMENT, "gate", tmp_path / "none here")
    assert found is not None
    assert found.runs == 1


def test_what_is_no_whole_trial_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / rates.FILE
    write(file, trial(), trial(Outcome.INTERRUPTED))
    newer = trial().model_dump(mode="json", by_alias=True) | {"schema_version": "2.0"}
    with file.open("a") as stream:
        stream.write(json.dumps(newer) + '\n{"schema": "sabench.gate_tr')
    assert list(read_trials(file)) == [trial()]
