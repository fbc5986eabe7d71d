"""Suites to cases: order, ids, what is dropped and why, overrides, filters, windows."""

import pytest

from sabench.cases.expand import Dropped, expand
from sabench.cases.model import Entry
from sabench.cases.parse import parse_suite
from sabench.errors import SuiteError


def expanded(text, **how):
    """The expansion of a suite's lines, its name and file filled in."""
    return expand(parse_suite(("name: x\n" + text).encode(), "x.yaml"), **how)


def ids(text, **how):
    return [case.case_id for case in expanded(text, **how).cases]


def test_entries_come_in_the_files_order_and_axes_vary_before_options():
    text = """
layers:
  - layer: halo
    halo: [1, 2]
    size: [28, 14]
  - layer: conv
"""
    assert ids(text) == [
        "halo/channels=64,size=28,halo=1/forward.fp32.sdpa.eager",
        "halo/channels=64,size=28,halo=2/forward.fp32.sdpa.eager",
        "halo/channels=64,size=14,halo=1/forward.fp32.sdpa.eager",
        "halo/channels=64,size=14,halo=2/forward.fp32.sdpa.eager",
        "conv/channels=64,size=56/forward.fp32.reference.eager",
    ]


def test_the_order_of_keys_in_a_file_changes_nothing():
    one = "layers: [{layer: halo, size: [14, 28], block: [4, 8], halo: [1, 3]}]"
    other = "layers: [{halo: [1, 3], block: [4, 8], size: [14, 28], layer: halo}]"
    assert ids(one) == ids(other)


def test_an_entry_overrides_a_shared_axis():
    text = "axes: {size: [28, 14]}\nlayers: [{layer: conv, size: 7}, {layer: conv}]"
    assert [case.size for case in expanded(text).cases] == [7, 28, 14]


def test_a_value_at_its_default_is_left_out_of_the_id():
    assert ids("layers: [{layer: conv, window: 3, groups: 1}]") == ids("layers: [{layer: conv}]")


def test_a_case_written_twice_is_measured_once():
    assert len(ids("layers: [{layer: conv, window: [3, 3]}, {layer: conv}]")) == 1


def test_auto_is_an_implementation_where_a_layer_attends():
    text = (
        "layers: [{layer: conv}, {layer: halo}, {layer: self_attention}, {layer: squeeze_excite}]"
    )
    assert [case.implementation for case in expanded(text).cases] == [
        "reference",
        "sdpa",
        "blocked",
        "reference",
    ]


def test_auto_is_that_of_the_first_attention_of_a_network():
    text = (
        "networks: [{network: resnet26, mix: [conv, 'conv,conv,conv,halo', "
        "'conv,conv,self_attention,halo']}]"
    )
    found = [case.implementation for case in expanded(text).cases]
    assert found == ["reference", "sdpa", "blocked"]


def test_a_layer_that_never_attends_is_one_case_for_all_implementations():
    text = "axes: {implementation: [reference, blocked]}\nlayers: [{layer: conv}, {layer: halo}]"
    assert [(case.subject, case.implementation) for case in expanded(text).cases] == [
        ("conv", "reference"),
        ("halo", "reference"),
        ("halo", "blocked"),
    ]


def test_a_network_takes_its_own_resolution_and_options_for_its_slots():
    text = """
networks:
  - network: resnet50
    mix: conv,conv,self_attention,self_attention
    self_attention.window: 5
  - network: halonet_h1
    resolution: 224
"""
    assert ids(text) == [
        "resnet50/resolution=224,mix=conv,conv,self_attention,self_attention,"
        "self_attention.window=5/forward.fp32.blocked.eager",
        "halonet_h1/resolution=224/forward.fp32.sdpa.eager",
    ]


def test_channels_and_sizes_reach_layers_and_resolutions_reach_networks():
    text = """
axes: {size: 14, resolution: 128, batch: 2}
layers: [{layer: conv}]
networks: [{network: resnet26}]
"""
    assert ids(text) == [
        "conv/channels=64,size=14,batch=2/forward.fp32.reference.eager",
        "resnet26/resolution=128,batch=2/forward.fp32.reference.eager",
    ]


def test_a_value_possible_in_some_cases_drops_the_others_with_the_reason():
    found = expanded("axes: {channels: [64, 60]}\nlayers: [{layer: conv}, {layer: halo}]")
    assert len(found.cases) == 3
    assert found.dropped == (
        Dropped(
            "halo/channels=60,size=56/forward.fp32.sdpa.eager",
            "heads=8 does not divide channels=60",
        ),
    )


def test_values_that_each_go_with_some_other_only_drop_the_rest():
    found = expanded("layers: [{layer: halo, channels: [64, 60], heads: [8, 5]}]")
    assert [(case.channels, case.options) for case in found.cases] == [(64, {}), (60, {"heads": 5})]
    assert len(found.dropped) == 2


def test_autocast_is_dropped_where_the_weights_are_not_fp32():
    found = expanded("layers: [{layer: conv, dtype: [fp32, bf16], autocast: [none, bf16]}]")
    assert [(case.dtype, case.autocast) for case in found.cases] == [
        ("fp32", "none"),
        ("fp32", "bf16"),
        ("bf16", "none"),
    ]
    assert [one.reason for one in found.dropped] == [
        "autocast=bf16 casts from fp32 and not from dtype=bf16"
    ]


def test_norms_are_folded_in_networks_that_are_not_trained():
    modes = "mode: [forward, forward_backward]"
    found = expanded(f"networks: [{{network: resnet26, {modes}, runtime: [eager, folded]}}]")
    assert [(one.mode, one.runtime) for one in found.cases] == [
        ("forward", "eager"),
        ("forward", "folded"),
        ("forward_backward", "eager"),
    ]
    assert [one.reason for one in found.dropped] == [
        "runtime=folded folds batch norms, which in mode=forward_backward are the batch's"
    ]
    with pytest.raises(SuiteError, match="runtime=folded: conv has no batch norm; use eager"):
        expanded("layers: [{layer: conv, runtime: [eager, folded]}]")


def test_a_case_beyond_max_bytes_is_dropped_with_both_figures():
    # fp32 logits and weights of 784 x 784 pairs and 8 heads alone are 37.5 MiB
    found = expanded("max_bytes: 20971520\nlayers: [{layer: augmented, size: [14, 28]}]")
    assert [case.size for case in found.cases] == [14]
    assert found.dropped[0].description.startswith("augmented/channels=64,size=28/")
    assert found.dropped[0].reason.endswith("more than max_bytes=20.0 MiB")


def test_a_suite_of_which_nothing_fits_has_no_cases_and_says_why():
    found = expanded("max_bytes: 1\nlayers: [{layer: conv}]")
    assert found.cases == ()
    assert len(found.dropped) == 1


WINDOWS = """
match: receptive_field
axes: {size: [28, 14], window: [3, 5, 8]}
layers:
  - layer: conv
  - layer: augmented
  - layer: halo
    block: 4
"""


def test_a_matched_window_is_kernel_and_block_plus_two_halos_and_all():
    found = expanded(WINDOWS, axes={"size": [14]})
    assert [(case.subject, case.window, case.options) for case in found.cases] == [
        ("conv", 3, {}),
        ("conv", 5, {"window": 5}),
        ("augmented", "all", {}),
        ("halo", 8, {"block": 4, "halo": 2}),
    ]
    assert {one.description: one.reason for one in found.dropped} == {
        "conv/channels=64,size=14,window=8/forward.fp32.reference.eager": (
            "window=8 is even: a convolution needs a centre"
        ),
        "halo/channels=64,size=14,block=4,window=3/forward.fp32.sdpa.eager": (
            "window=3 is not block=4 plus twice a halo"
        ),
        "halo/channels=64,size=14,block=4,window=5/forward.fp32.sdpa.eager": (
            "window=5 is not block=4 plus twice a halo"
        ),
    }


def test_a_global_layer_stands_once_per_size_whatever_the_windows():
    cases = [case for case in expanded(WINDOWS).cases if case.subject == "augmented"]
    assert [(case.size, case.window) for case in cases] == [(28, "all"), (14, "all")]


def test_a_matched_entry_may_have_windows_of_its_own():
    text = "match: receptive_field\naxes: {window: [3, 5]}\nlayers: [{layer: conv, window: 7}]"
    assert [case.window for case in expanded(text).cases] == [7]


def test_a_global_layers_own_window_option_stays_an_option_in_a_matched_suite():
    text = "match: receptive_field\naxes: {window: 3}\nlayers:\n" + (
        "  - {layer: conv}\n  - {layer: augmented, size: 14, window: 5}\n"
    )
    case = expanded(text).cases[1]
    assert (case.options, case.window) == ({"window": 5}, "all")


def test_windows_from_the_command_line_leave_a_global_layers_option_alone():
    found = expanded(WINDOWS, axes={"window": [5], "size": [14]})
    assert [(case.subject, case.window, case.options) for case in found.cases] == [
        ("conv", 5, {"window": 5}),
        ("augmented", "all", {}),
    ]
    of_one = expanded(WINDOWS, axes={"augmented.window": [5], "size": [14]}).cases
    assert [case.options for case in of_one if case.subject == "augmented"] == [{"window": 5}]


def test_a_fixed_halo_that_the_window_contradicts_is_dropped():
    text = "match: receptive_field\naxes: {window: [10, 14]}\nlayers:\n" + (
        "  - {layer: halo, block: 8, halo: 3}\n  - {layer: halo, block: 6}\n"
    )
    found = expanded(text)
    assert [(case.options, case.window) for case in found.cases] == [
        ({}, 14),  # 8 + 2 x 3
        ({"block": 6, "halo": 2}, 10),
        ({"block": 6, "halo": 4}, 14),
    ]
    assert [one.reason for one in found.dropped] == ["halo=3 is fixed, and window=10 needs halo=1"]


def test_a_layer_without_a_window_cannot_be_matched():
    text = "match: receptive_field\naxes: {window: 3}\nlayers:\n" + (
        "  - {layer: conv}\n  - {layer: attention_stem}\n"
    )
    assert [one.reason for one in expanded(text).dropped] == [
        "attention_stem has no window that a receptive field could set"
    ]


def test_without_match_no_case_is_listed_under_a_window():
    assert expanded("layers: [{layer: conv, window: 5}]").cases[0].window is None


def test_a_shared_window_without_match_is_each_layers_option():
    text = "axes: {window: [3, 5]}\nlayers: [{layer: conv}, {layer: self_attention, window: 7}]"
    assert [(case.subject, case.options) for case in expanded(text).cases] == [
        ("conv", {}),
        ("conv", {"window": 5}),
        ("self_attention", {}),
    ]


TWO = "axes: {size: [56, 14]}\nlayers: [{layer: conv, window: [3, 5]}, {layer: halo, size: 28}]"


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("", 5), ("conv", 4), ("size=14", 2), ("halo/*", 1), ("*window=5*", 2), ("alo/", 1), ("q", 0)],
)
def test_a_filter_keeps_ids_with_the_text_or_that_match_the_glob(wanted, number):
    assert len(ids(TWO, filter=wanted)) == number


def test_an_id_in_full_keeps_that_case_alone_though_it_is_a_part_of_others():
    text = "axes: {resolution: 64}\nnetworks: [{network: resnet50}, {network: se_resnet50}]"
    small, large = ids(text)
    assert small in large
    assert ids(text, filter=small) == [small]
    assert ids(text, filter=large) == [large]
    assert ids(text, filter="resnet50/") == [small, large]


def test_a_filter_keeps_the_reasons_of_its_own_cases():
    text = "axes: {channels: [64, 60]}\nlayers: [{layer: conv}, {layer: halo}]"
    assert len(expanded(text, filter="halo").dropped) == 1
    assert len(expanded(text, filter="conv").dropped) == 0


OWN = Entry(kind="layer", subject="Mine", place="--layer m.py:Mine", file="/somewhere/m.py:Mine")


def test_an_own_layer_takes_the_shared_axes_and_keeps_its_path_out_of_ids():
    cases = expanded("axes: {size: [28, 14]}\nlayers: [{layer: conv}]", own_layers=[OWN]).cases
    assert [case.case_id for case in cases[2:]] == [
        "Mine/channels=64,size=28/forward.fp32.reference.eager",
        "Mine/channels=64,size=14/forward.fp32.reference.eager",
    ]
    assert {case.file for case in cases[2:]} == {"/somewhere/m.py:Mine"}
    assert {case.file for case in cases[:2]} == {""}


def test_an_own_layer_stands_once_per_size_in_a_matched_suite_without_a_window():
    cases = expanded(WINDOWS, own_layers=[OWN]).cases
    assert [(case.size, case.window) for case in cases if case.subject == "Mine"] == [
        (28, None),
        (14, None),
    ]


def test_two_own_layers_of_one_name_are_refused():
    other = OWN.model_copy(update={"file": "/elsewhere/m.py:Mine", "place": "--layer n.py:Mine"})
    with pytest.raises(SuiteError, match=r"--layer n\.py:Mine: a second layer named Mine"):
        expanded("layers: [{layer: conv}]", own_layers=[OWN, other])
