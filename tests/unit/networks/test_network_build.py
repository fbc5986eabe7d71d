"""What the builder adds to the plan: names, order, pooling."""

import pytest
import torch
from torch import nn

from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost
from sabench.catalog.networks.parts import conv_step
from sabench.catalog.networks.plan import Block, Classifier, Plan, placed_steps
from sabench.errors import ConfigError
from sabench.networks.build import build_network


def build(name, resolution, **raw):
    network = networks()[name]
    plan = network.plan(*network.parse(raw), resolution)
    return plan, build_network(plan)


def test_every_step_has_the_path_that_its_cost_has():
    with torch.device("meta"):
        plan, network = build("halonet_h4", 96, depth=0.3)
    for place in placed_steps(plan):
        step = network.get_submodule(place.path)
        assert sum(one.numel() for one in step.norm.parameters()) == 2 * place.step.out_channels


def test_the_second_convolution_of_a_basic_block_has_no_activation_before_the_sum():
    _, network = build("resnet34", 32, width=0.25, depth=0.1)
    block = network.get_submodule("group1.0")
    assert [name for name, _ in block.slot.named_children()] == ["layer", "norm", "activation"]
    assert [name for name, _ in block.conv.named_children()] == ["layer", "norm"]


def test_a_block_adds_its_input_before_the_last_activation():
    _, network = build("resnet26", 32, width=0.25)
    block = network.get_submodule("group3.1").eval()
    nn.init.zeros_(block.expand.norm.weight)
    x = torch.randn(1, 256, 4, 4)
    torch.testing.assert_close(block(x), x.relu())


def test_halonets_use_silu_and_resnets_relu():
    with torch.device("meta"):
        _, halonet = build("halonet_h0", 64, depth=0.1)
        _, resnet = build("resnet26", 64)
    assert not any(isinstance(part, nn.ReLU) for part in halonet.modules())
    assert not any(isinstance(part, nn.SiLU) for part in resnet.modules())


def test_another_seed_gives_other_logits_and_the_same_seed_the_same():
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    logits = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        _, network = build("resnet26", 32, width=0.25, classes=7)
        logits.append(network.eval()(image))
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def one_block(shortcut, **step):
    """A network of one strided convolution, 3 to 5 channels on 7 x 7, without a stem."""
    conv = conv_step("conv", 3, 5, window=3, stride=2, **step)
    block = Block((conv,), shortcut, "none")
    plan = Plan(7, (), None, ((block,),), Classifier(5, 2))
    return plan, build_network(plan).eval().get_submodule("group1.0")


def test_a_pooled_shortcut_is_the_mean_of_squares_with_zeros_for_the_new_channels():
    _, block = one_block("pool")
    nn.init.zeros_(block.conv.norm.weight)
    x = torch.randn(2, 3, 7, 7)
    out = block(x)
    assert out.shape == (2, 5, 4, 4)
    for row, column in ((0, 0), (1, 2)):
        square = x[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        torch.testing.assert_close(out[:, :3, row, column], square.sum((2, 3)) / 4)
    torch.testing.assert_close(out[:, :3, 3, 3], x[:, :, 6, 6])
    assert not out[:, 3:].any()


def test_a_block_without_a_shortcut_is_its_steps():
    _, block = one_block("none")
    x = torch.randn(2, 3, 7, 7)
    torch.testing.assert_close(block(x), block.conv(x))


def test_norm_before_a_step_is_over_its_input_and_has_the_activation_behind_it():
    plan, block = one_block("none", norm="before", activation="relu")
    assert [name for name, _ in block.conv.named_children()] == ["norm", "activation", "layer"]
    assert block.conv.norm.num_features == 3
    assert network_cost(plan).params == 9 * 3 * 5 + 2 * 3 + 5 * 2 + 2
    nn.init.constant_(block.conv.norm.bias, -1e6)
    assert not block(torch.randn(1, 3, 7, 7)).any()


def test_a_step_without_norm_may_have_a_bias():
    plan, block = one_block("none", norm="none", bias=True)
    assert [name for name, _ in block.conv.named_children()] == ["layer"]
    assert network_cost(plan).params == 9 * 3 * 5 + 5 + 5 * 2 + 2
    assert block.conv.layer.bias.shape == (5,)


def test_an_implementation_that_is_not_there_is_refused():
    network = networks()["resnet26"]
    plan = network.plan(*network.parse({"mix": "halo"}), 32)
    with pytest.raises(ConfigError, match="fast"):
        build_network(plan, implementation="fast")
