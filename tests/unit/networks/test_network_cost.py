"""Closed forms of networks and cases against sums done by hand."""

import subprocess
import sys

import pytest

from sabench.cases.case import Case
from sabench.cases.cost import case_cost, case_plan
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_macs_executed, network_parts
from sabench.errors import ConfigError


def layer_case(subject, **more):
    return Case(kind="layer", subject=subject, channels=64, size=56, **more)


def network_case(subject, resolution=224, **more):
    return Case(kind="network", subject=subject, resolution=resolution, **more)


def test_the_parts_of_resnet26_are_those_counted_by_hand():
    network = networks()["resnet26"]
    parts = {
        part.path: (part.cost.params, part.cost.macs)
        for part in network_parts(network.plan(network.defaults, {}, 224))
    }
    assert parts["stem.conv"] == (7 * 7 * 3 * 64 + 2 * 64, 7 * 7 * 3 * 64 * 112 * 112)
    assert parts["group1.0.reduce"] == (64 * 64 + 2 * 64, 64 * 64 * 56 * 56)
    assert parts["group2.0.slot"] == (9 * 128 * 128 + 2 * 128, 9 * 128 * 128 * 28 * 28)
    assert parts["group2.0.shortcut"] == (256 * 512 + 2 * 512, 256 * 512 * 28 * 28)
    assert parts["classifier"] == (2048 * 1000 + 1000, 2048 * 1000)
    assert len(parts) == 1 + 3 * 8 + 4 + 1


def resnet26_of_self_attention():
    """Parameters and MACs by hand: windows of 49 keys, 8 heads, attention before the pooling."""
    params = 7 * 7 * 3 * 64 + 2 * 64 + 2048 * 1000 + 1000  # stem, classifier
    macs = 7 * 7 * 3 * 64 * 112**2 + 2048 * 1000
    entry, side = 64, 56
    for base, blocks in ((64, 1), (128, 2), (256, 4), (512, 1)):
        after = 56 * 64 // base
        params += entry * 4 * base + 2 * 4 * base  # shortcut
        macs += entry * 4 * base * after**2
        for _ in range(blocks):
            params += entry * base + 3 * base**2 + base * 4 * base
            params += 2 * 7 * (base // 8 // 2)  # tables of half a head's width
            params += 2 * (base + base + 4 * base)  # batch norms
            macs += (entry * base + 3 * base**2 + 3 * 49 * base) * side**2  # q.k, q.r, weights v
            macs += base * 4 * base * after**2
            entry, side = 4 * base, after
    return params, macs


def test_a_network_costs_what_the_hand_adds_up_and_the_paper_prints():
    """1906.05909, table 1: 10.3 M parameters, 4.5 B flops of 2 x MACs."""
    network = networks()["resnet26"]
    plan = network.plan(*network.parse({"mix": "self_attention"}), 224)
    params, macs = resnet26_of_self_attention()
    assert (round(params / 1e6, 1), round(2 * macs / 1e9, 1)) == (10.3, 4.5)
    assert (network_cost(plan).params, network_cost(plan).macs) == (params, macs)
    assert network_macs_executed(plan, "reference") == macs


@pytest.mark.parametrize(
    ("name", "params", "giga_macs"),
    [
        ("resnet34", 21_797_672, 3.66),
        ("resnet50", 25_557_032, 4.09),
        ("resnet101", 44_549_160, 7.80),
        ("resnet152", 60_192_808, 11.51),
    ],
)
def test_a_convolutional_network_costs_what_torchvision_prints(name, params, giga_macs):
    network = networks()[name]
    plan = network.plan(network.defaults, {}, 224)
    total = network_cost(plan)
    assert (total.params, round(total.macs / 1e9, 2)) == (params, giga_macs)
    for implementation in ("reference", "blocked"):
        assert network_macs_executed(plan, implementation) == total.macs


def test_closed_forms_need_no_torch():
    program = (
        "import sys\n"
        "from sabench.cases.case import Case\n"
        "from sabench.cases.cost import case_cost\n"
        "from sabench.catalog.networks import networks\n"
        "for network in networks().values():\n"
        "    case = Case(kind='network', subject=network.name, resolution=network.resolution)\n"
        "    assert case_cost(case).params > 1_000\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_convolution_case_costs_what_its_arithmetic_says():
    cost = case_cost(layer_case("conv"))
    assert cost is not None
    assert (cost.params, cost.macs) == (9 * 64 * 64, 9 * 64 * 64 * 56 * 56)
    maps = 2 * 64 * 56 * 56
    assert cost.bytes == 4 * (maps + 9 * 64 * 64)
    assert cost.passes == 1


def test_counts_are_of_one_image_and_memory_is_of_the_batch():
    one, four = case_cost(layer_case("halo")), case_cost(layer_case("halo", batch=4))
    assert one is not None
    assert four is not None
    assert (one.params, one.macs, one.macs_executed) == (four.params, four.macs, four.macs_executed)
    weights = 4 * one.params
    assert four.workspace_bytes - weights == 4 * (one.workspace_bytes - weights)
    assert four.bytes - weights == 4 * (one.bytes - weights)


def test_half_precision_halves_traffic_and_memory():
    full, half = case_cost(layer_case("halo")), case_cost(layer_case("halo", dtype="bf16"))
    assert full is not None
    assert half is not None
    assert (2 * half.bytes, 2 * half.workspace_bytes) == (full.bytes, full.workspace_bytes)


def test_training_needs_more_memory_than_inference_and_an_optimizer_more_still():
    needs = []
    for mode in ("forward", "forward_backward", "step"):
        cost = case_cost(network_case("resnet50", mode=mode))
        assert cost is not None
        assert cost.passes == (1 if mode == "forward" else 3)
        needs.append(cost.workspace_bytes)
    assert needs == sorted(needs)
    assert needs[2] - needs[1] == 2 * 4 * 25_557_032  # the optimizer's two states


def test_memory_holds_the_logits_of_global_attention():
    cost = case_cost(Case(kind="layer", subject="global_attention", channels=64, size=112, batch=8))
    assert cost is not None
    assert cost.workspace_bytes > 4 * 8 * 4 * (112 * 112) ** 2  # fp32, batch, heads, pairs


def test_blocked_executes_its_own_count():
    reference = case_cost(network_case("resnet50", options={"mix": "self_attention"}))
    blocked = case_cost(
        network_case("resnet50", options={"mix": "self_attention"}, implementation="blocked")
    )
    assert reference is not None
    assert blocked is not None
    assert reference.macs_executed == reference.macs == blocked.macs
    assert blocked.macs_executed != blocked.macs


def test_a_layer_of_the_users_own_has_no_closed_form():
    assert case_cost(layer_case("Mine", file="mine.py:Mine")) is None


def test_a_network_case_carries_its_options_into_the_plan():
    options = {"mix": "conv,conv,conv,self_attention", "self_attention.window": 5}
    slot = case_plan(network_case("resnet26", options=options)).groups[3][0].steps[1]
    assert (slot.layer, slot.options.window) == ("self_attention", 5)


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (network_case("resnet27"), "'resnet27' is no network"),
        (layer_case("hallo"), "'hallo' is no layer"),
        (
            network_case("resnet26", options={"mix": "halo", "halo.heads": 7}),
            "resnet26: group1.0.slot, halo on 56x56: heads=7",
        ),
    ],
)
def test_what_cannot_be_costed_is_told(case, told):
    with pytest.raises(ConfigError, match=told):
        case_cost(case)
