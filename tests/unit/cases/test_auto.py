"""What implementation=auto stands for, and that a case says why."""

import pytest

from faking import TRAINED_SUITE
from sabench.cases.expand import expand
from sabench.cases.suite import parse_suite
from sabench.catalog.choices import FALLBACK, Chooser, Setting, Table

HALO = "name: x\nlayers: [{layer: halo, size: 14%s}]"
FORWARD, BOTH = Setting("halo", False, False), Setting("halo", False, True)
HERE = Table("here", {FORWARD.key: "sdpa", BOTH.key: "chunked"}.get, "measured")
NOTHING = Table("there", {}.get, "measured")
TRITON = Table("a GPU", {FORWARD.key: "triton"}.get, "measured")


def only(text: str, chooser: Chooser, **how):
    found = expand(parse_suite(text.encode(), "x.yaml"), chooser=chooser, **how)
    (case,) = found.cases
    return case.implementation, found.auto.get(case.case_id, "")


@pytest.mark.parametrize(
    ("more", "implementation"),
    [("", "sdpa"), (", mode: forward_backward", "chunked"), (", dtype: bf16", FALLBACK)],
)
def test_auto_goes_by_direction_and_precision(more: str, implementation: str) -> None:
    found, why = only(HALO % more, Chooser(((HERE,),)))
    assert found == implementation
    assert why.startswith("halo, ")


def test_what_is_asked_for_by_name_is_no_choice() -> None:
    assert only(HALO % ", implementation: bmm_aug", Chooser(((HERE,),))) == ("bmm_aug", "")


def test_the_first_table_that_tells_is_asked() -> None:
    other = Table("here", {FORWARD.key: "bmm_aug"}.get, "as shipped")
    assert only(HALO % "", Chooser(((NOTHING, other),)))[0] == "bmm_aug"
    assert only(HALO % "", Chooser(((HERE, other),)))[0] == "sdpa"


def test_devices_that_differ_share_one_that_runs_on_all_of_them() -> None:
    """A case has one id on all devices of a run."""
    assert only(HALO % "", Chooser(((TRITON,),)))[0] == "triton"
    assert only(HALO % "", Chooser(((TRITON,), (TRITON,))))[0] == "triton"
    assert only(HALO % "", Chooser(((TRITON,), (HERE,))))[0] == "sdpa"
    found, why = only(HALO % "", Chooser(((HERE,), (NOTHING,))))
    assert (found, why) == ("sdpa", "halo, fp32, forward: the fastest on here, measured")


def test_a_training_takes_what_is_fastest_both_ways() -> None:
    suite = parse_suite(TRAINED_SUITE.encode(), "x.yaml")
    for recipe, implementation in ((suite.recipe, "chunked"), (None, "sdpa")):
        conv, halo = expand(suite, chooser=Chooser(((HERE,),)), recipe=recipe).cases
        assert (conv.implementation, halo.implementation) == ("reference", implementation)
