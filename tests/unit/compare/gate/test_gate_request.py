"""What a gate will measure, and by whose rules, before anything is measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkouts import CONV, HALO, SUITE, pretend
from sabench.compare.gate.request import GateRequest, plan_gate
from sabench.errors import ConfigError, ResultError

LAYER = """from torch import nn


class Mine(nn.Conv2d):
    pass
"""
MINE = "Mine/channels=64,size=14/forward.fp32.reference.eager"


@pytest.fixture
def asked(tmp_path: Path) -> GateRequest:
    """Two checkouts that have both cases, and a suite each."""
    for name in ("base", "candidate"):
        folder = pretend(tmp_path / name)
        (folder / "suites").mkdir()
        (folder / "suites" / "pair.yaml").write_text(SUITE)
    return GateRequest(
        base=tmp_path / "base", candidate=tmp_path / "candidate", suite="pair", device="cpu"
    )


@pytest.mark.parametrize("suite", ["pair", "suites/pair.yaml", "candidate/suites/pair.yaml"])
def test_a_change_does_not_loosen_its_own_gate(
    asked: GateRequest, suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (asked.candidate / "suites" / "pair.yaml").write_text(SUITE + "gate: {threshold: 0.9}\n")
    monkeypatch.chdir(asked.candidate.parent)
    plan = plan_gate(replace(asked, suite=suite))
    assert Path(plan.suite.file) == asked.base / "suites" / "pair.yaml"
    assert plan.suite.gate.threshold_of(CONV) == 0.03


def test_a_suite_that_the_base_lacks_rules_as_it_is_named(asked: GateRequest) -> None:
    (asked.base / "suites" / "pair.yaml").unlink()
    there = asked.candidate / "suites" / "pair.yaml"
    there.write_text(SUITE + "gate: {threshold: 0.9}\n")
    plan = plan_gate(replace(asked, suite=str(there)))
    assert plan.suite.gate.threshold_of(CONV) == 0.9


def test_a_file_that_is_no_sides_rules_over_both(asked: GateRequest, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SUITE + "gate: {threshold: 0.2}\n")
    plan = plan_gate(replace(asked, suite=str(tmp_path / "mine.yaml")))
    assert plan.suite.gate.threshold_of(HALO) == 0.2


def test_cases_that_the_judge_does_not_know_are_refused_before_any_is_measured(
    asked: GateRequest,
) -> None:
    known = "".join(SUITE.partition("  - layer: halo\n    size: 14\n")[::2])
    (asked.base / "suites" / "pair.yaml").write_text(known)
    with pytest.raises(ResultError, match=r"1 cases that both sides have.* the first halo/"):
        plan_gate(asked)


def test_the_filter_keeps_cases_of_both_sides(asked: GateRequest) -> None:
    plan = plan_gate(replace(asked, filter="halo"))
    assert (list(plan.cases), plan.missing, plan.added) == ([HALO], (), ())


def test_a_filter_that_is_an_id_of_one_side_keeps_no_longer_one_of_the_other(
    asked: GateRequest,
) -> None:
    (asked.candidate / "figures.json").write_text(json.dumps({f"my_{CONV}": {}}))
    plan = plan_gate(replace(asked, filter=CONV))
    assert (list(plan.cases), plan.missing, plan.added) == ([], (CONV,), ())


@pytest.mark.parametrize("name", ["blocked", "chunked"])
def test_what_auto_is_to_the_sides_is_known_to_the_judge(asked: GateRequest, name: str) -> None:
    """An earlier version's, or one that was tuned: the id says it."""
    theirs = HALO.replace("sdpa", name)
    for side in (asked.base, asked.candidate):
        (side / "figures.json").write_text(json.dumps({CONV: {}, theirs: {}}))
    assert list(plan_gate(asked).cases) == [CONV, theirs]


def plans_its_layers(side: Path) -> None:
    """Let a side's sabench have a case for each layer that it is asked with."""
    (side / "sabench" / "__main__.py").write_text(
        "import json, sys\n"
        f"ids = [{MINE!r}] * sys.argv.count('--layer') + [{CONV!r}]\n"
        "print(json.dumps({'cases': [{'case_id': one} for one in ids]}))\n"
    )


@pytest.mark.parametrize(
    ("has_it", "missing", "added"), [("base", (MINE,), ()), ("candidate", (), (MINE,))]
)
def test_a_layer_that_one_side_lacks_is_missing_or_added(
    asked: GateRequest, has_it: str, missing: tuple[str, ...], added: tuple[str, ...]
) -> None:
    for side in (asked.base, asked.candidate):
        plans_its_layers(side)
        (side / "mine.py").write_text(LAYER if side.name == has_it else "")
    plan = plan_gate(replace(asked, layers=("mine.py:Mine",)))
    assert (plan.missing, plan.added, list(plan.cases)) == (missing, added, [CONV])


def test_a_layer_that_neither_side_has_is_refused_by_name(asked: GateRequest) -> None:
    with pytest.raises(ConfigError, match=r"mine\.py: cannot be read"):
        plan_gate(replace(asked, layers=("mine.py:Mine",)))


def test_a_layer_outside_its_checkout_is_refused(asked: GateRequest, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LAYER)
    (asked.base / "mine.py").write_text(LAYER)
    (asked.candidate / "mine.py").symlink_to(tmp_path / "mine.py")
    for spec in ("mine.py:Mine", "../mine.py:Mine", f"{tmp_path / 'mine.py'}:Mine"):
        with pytest.raises(ConfigError, match="lies outside") as caught:
            plan_gate(replace(asked, layers=(spec,)))
        assert "\n" not in str(caught.value)
