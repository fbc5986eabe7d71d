"""What implementation=auto stands for, and that a case says why."""

import pytest

from faking import TRAINED_SUITE
from sabench.cases.expand import expand
from sabench.cases.suite import parse_suite
from sabench.catalog.choices import FALLBACK, ON_CPU, Chooser, Device, Setting, Table

HALO = "name: x\nlayers: [{layer: halo, size: 14%s}]"
FORWARD, BOTH = Setting("halo", "fp32", False), Setting("halo", "fp32", True)
HERE = Device("cpu", [Table({FORWARD.key: "sdpa", BOTH.key: "chunked"}, "here", "measured")])
NOTHING = Device("cpu", [])
TRITON = Device("cuda", [Table({FORWARD.key: "triton"}, "a GPU", "measured")])


def only(text: str, chooser: Chooser, **how):
    found = expand(parse_suite(text.encode(), "x.yaml"), chooser=chooser, **how)
    (case,) = found.cases
    return case.implementation, found.auto.get(case.case_id, "")


@pytest.mark.parametrize(
    ("more", "implementation"),
    [("", "sdpa"), (", mode: forward_backward", "chunked"), (", dtype: bf16", FALLBACK)],
)
def test_auto_goes_by_direction_and_precision(more: str, implementation: str) -> None:
    found, why = only(HALO % more, Chooser([HERE]))
    assert found == implementation
    assert why.startswith("halo, ")


def test_what_is_asked_for_by_name_is_no_choice() -> None:
    assert only(HALO % ", implementation: bmm_aug", Chooser([HERE])) == ("bmm_aug", "")


def test_the_first_table_that_tells_is_asked() -> None:
    empty, other = (Table(one, "here", "as shipped") for one in ({}, {FORWARD.key: "bmm_aug"}))
    assert only(HALO % "", Chooser([Device("cpu", [empty, other])]))[0] == "bmm_aug"
    assert only(HALO % "", Chooser([Device("cpu", [*HERE.tables, other])]))[0] == "sdpa"


@pytest.mark.parametrize(
    ("size", "implementation"), [(7, "blocked"), (19, "blocked"), (21, "sdpa"), (112, "sdpa")]
)
def test_the_nearest_size_counts(size: int, implementation: str) -> None:
    """Between 14 and 28 the middle is 14 times the root of 2: 19.8."""
    choices = {"halo, fp32, forward, 14 px": "blocked", "halo, fp32, forward, 28 px": "sdpa"}
    any_size = {FORWARD.key: "chunked", "halo, fp32, forward, no px": "chunked"}
    chooser = Chooser([Device("cpu", [Table(any_size | choices, "here", "measured")])])
    found, why = only(f"name: x\nlayers: [{{layer: halo, size: {size}}}]", chooser)
    side = {"blocked": 14, "sdpa": 28}[implementation]
    assert (found, why) == (
        implementation,
        f"halo, fp32, forward: the fastest at {side} px on here, measured",
    )


@pytest.mark.parametrize("name", ["timm", "lucidrains", "abandoned"])
def test_neither_a_peer_nor_what_is_no_more_is_chosen(name: str) -> None:
    chooser = Chooser([Device("cpu", [Table({FORWARD.key: name}, "here", "measured")])])
    assert only(HALO % "", chooser)[0] == FALLBACK


def test_what_needs_too_much_memory_gives_way() -> None:
    """At 116 px sdpa's three maps are more than the suite allows, and blocked's two are not."""
    text = "name: x\nlayers: [{layer: global_attention, size: 116}]"
    found, why = only(text, ON_CPU)
    assert found == FALLBACK
    assert why.startswith("blocked, for sdpa cannot: it needs 8.12 GiB of memory, more than")
    expansion = expand(parse_suite(text.replace("116", "400").encode(), "x.yaml"))
    assert [one.description for one in expansion.dropped] == [
        "global_attention/channels=64,size=400/forward.fp32.sdpa.eager"
    ]


def test_what_no_device_of_the_run_can_do_is_dropped() -> None:
    suite = parse_suite((HALO % ", implementation: [triton, blocked]").encode(), "x.yaml")
    here, there = (expand(suite, chooser=Chooser([one])) for one in (HERE, TRITON))
    assert [one.implementation for one in here.cases] == ["blocked"]
    assert [one.reason for one in here.dropped] == ["implementation=triton needs cuda, not cpu"]
    assert len(there.cases) == 2
    assert len(expand(suite, chooser=Chooser([HERE, TRITON])).cases) == 2


@pytest.mark.parametrize(
    ("key", "values", "left"),
    [("dtype", "fp32, tf32", "fp32"), ("runtime", "eager, cudagraph", "eager")],
)
def test_what_a_kind_of_device_has_not_is_dropped_there(key: str, values: str, left: str) -> None:
    text = f"name: x\nlayers: [{{layer: conv, size: 14, {key}: [{values}]}}]"
    suite = parse_suite(text.encode(), "x.yaml")
    missing = values.split(", ")[1]
    here = expand(suite, chooser=Chooser([HERE]))
    assert [getattr(one, key) for one in here.cases] == [left]
    assert [one.reason for one in here.dropped] == [f"{key}={missing} needs cuda, not cpu"]
    for devices in ([TRITON], [HERE, TRITON]):
        assert len(expand(suite, chooser=Chooser(devices)).cases) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_devices_that_differ_share_one_that_runs_on_all_of_them(order: int) -> None:
    """A case has one id on all devices of a run; what was measured comes before what was not."""
    assert only(HALO % "", Chooser([TRITON]))[0] == "triton"
    assert only(HALO % "", Chooser([TRITON, TRITON]))[0] == "triton"
    assert only(HALO % "", Chooser([TRITON, HERE][::order]))[0] == "sdpa"
    found = only(HALO % "", Chooser([HERE, NOTHING][::order]))
    assert found == ("sdpa", "halo, fp32, forward: the fastest on here, measured")
    found = only(HALO % "", Chooser([TRITON, NOTHING][::order]))
    assert found == (FALLBACK, "halo, fp32, forward, 14 px: no choice runs on all of cpu, cuda")
    found = only(HALO % "", Chooser([NOTHING]))
    assert found == (FALLBACK, "halo, fp32, forward, 14 px: no choice is kept for cpu")


def test_a_network_has_that_of_the_layer_that_multiplies_most() -> None:
    """Its stem of attention is one layer among sixteen others."""
    settings = (Setting(name, "fp32", False) for name in ("attention_stem", "self_attention"))
    choices = dict(zip((one.key for one in settings), ("chunked", "sdpa"), strict=True))
    text = "name: x\nnetworks: [{network: resnet50, mix: self_attention, stem: self_attention}]"
    assert only(text, Chooser([Device("cpu", [Table(choices, "here", "measured")])]))[0] == "sdpa"


def test_a_training_takes_what_is_fastest_both_ways() -> None:
    suite = parse_suite(TRAINED_SUITE.encode(), "x.yaml")
    for recipe, implementation in ((suite.recipe, "chunked"), (None, "sdpa")):
        conv, halo = expand(suite, chooser=Chooser([HERE]), recipe=recipe).cases
        assert (conv.implementation, halo.implementation) == ("reference", implementation)
