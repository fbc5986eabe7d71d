"""The thresholds that a suite gives a gate."""

import pytest

from sabench.cases.gate_rules import GateRules
from sabench.cases.parse import parse_suite
from sabench.errors import SuiteError

SUITE = """name: mine
layers:
  - layer: conv
"""


def rules(text: str) -> GateRules:
    return parse_suite((SUITE + text).encode(), "mine.yaml").gate


def test_a_suite_without_rules_minds_three_percent():
    assert rules("").threshold_of("conv/channels=64") == 0.03


def test_of_several_globs_that_fit_the_last_rules():
    found = rules(
        "gate:\n  threshold: 0.05\n  thresholds:\n    'halo/*': 0.1\n    '*/size=7*': 0.2\n"
    )
    assert found.threshold_of("conv/size=14") == 0.05
    assert found.threshold_of("halo/size=14") == 0.1
    assert found.threshold_of("halo/size=7/forward") == 0.2


@pytest.mark.parametrize("share", ["0", "-0.1", "1.5", "3 %", "true", "[0.1]", "{}"])
def test_a_threshold_that_is_no_share_is_refused_with_its_place(share):
    with pytest.raises(SuiteError, match=r"mine\.yaml:5:14: threshold"):
        rules(f"gate:\n  threshold: {share}\n")


def test_an_unknown_key_of_the_rules_is_refused():
    with pytest.raises(SuiteError, match=r"mine\.yaml:5:3: .*treshold"):
        rules("gate:\n  treshold: 0.05\n")
