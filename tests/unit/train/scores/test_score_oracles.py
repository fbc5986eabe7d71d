"""Scores against slower ways to the same figure, on reduced networks of each layer."""

import copy

import numpy as np
import pytest
import torch
from score_nets import LAYERS, scored, small_batch, small_network
from torch import nn
from torch.nn import functional

from sabench.train.scores.zen import zen_of

EPS = 1e-5  # relative step of central differences
each_layer = pytest.mark.parametrize("layer", LAYERS)


def alone(layer):
    """The network in float64 and its batch, one image and label at a time."""
    network, batch = copy.deepcopy(small_network(layer)).double().eval(), small_batch()
    pairs = zip(batch.images.double(), batch.labels, strict=True)
    return network, [(image[None], label[None]) for image, label in pairs]


def holders(network):
    """The modules with a parameter tensor of at least two axes of their own."""
    return [
        part
        for part in network.modules()
        if any(one.ndim >= 2 for one in part._parameters.values() if one is not None)
    ]


@each_layer
def test_fisher_is_the_loop_over_samples_and_channels(layer):
    network, pairs = alone(layer)
    parts = holders(network)
    squares = {}
    for image, label in pairs:
        kept = {}

        def keep(part, inputs, output, kept=kept):
            kept[part] = output
            return output * 1  # what is overwritten later is a copy

        hooks = [part.register_forward_hook(keep) for part in parts]
        loss = functional.cross_entropy(network(image), label)
        for hook in hooks:
            hook.remove()
        for part, output in kept.items():
            (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
            output = output.detach()
            for channel in range(output.shape[1]):
                product = float((output[0, channel] * gradient[0, channel]).sum())
                squares.setdefault((part, channel), []).append(product**2)
    expected = sum(sum(each) / len(each) / 2 for each in squares.values())
    assert scored("fisher", layer).value == pytest.approx(expected, rel=1e-12)


@each_layer
def test_jacob_cov_is_that_of_the_samples_own_gradients(layer):
    network, pairs = alone(layer)
    rows = []
    for image, _ in pairs:
        image.requires_grad_(True)
        network(image).sum().backward()
        rows.append(image.grad.numpy().ravel())
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(np.stack(rows)))
    expected = -float(np.sum(np.log(eigenvalues + 1e-5) + 1 / (eigenvalues + 1e-5)))
    assert scored("jacob_cov", layer).value == pytest.approx(expected, rel=1e-9)


@each_layer
def test_naswot_is_the_count_of_equal_states_pair_by_pair(layer):
    network, pairs = alone(layer)
    codes = []
    for image, _ in pairs:
        states = []
        hooks = [
            part.register_forward_pre_hook(
                lambda part, inputs, states=states: states.append((inputs[0] > 0).flatten().numpy())
            )
            for part in network.modules()
            if isinstance(part, nn.ReLU)
        ]
        network(image)
        for hook in hooks:
            hook.remove()
        codes.append(np.concatenate(states))
    kernel = [[int((one == other).sum()) for other in codes] for one in codes]
    sign, logdet = np.linalg.slogdet(np.array(kernel, dtype=float))
    found = scored("naswot", layer)
    assert sign == 1
    assert found.value == pytest.approx(float(logdet), rel=1e-12)
    assert found.details["units"] == len(codes[0])


def weights(network):
    return [one for one in network.parameters() if one.ndim >= 2]


def mean_loss_gradients(network):
    batch = small_batch()
    loss = functional.cross_entropy(network(batch.images.double()), batch.labels)
    return torch.autograd.grad(loss, weights(network))


@each_layer
def test_grad_norm_and_snip_are_those_of_one_backward_pass(layer):
    network, _ = alone(layer)
    gradients = mean_loss_gradients(network)
    norms = sum(float((one**2).sum()) ** 0.5 for one in gradients)
    products = [
        one.detach() * other for one, other in zip(weights(network), gradients, strict=True)
    ]
    assert scored("grad_norm", layer).value == pytest.approx(norms, rel=1e-12)
    snip = sum(float(one.abs().sum()) for one in products)
    assert scored("snip", layer).value == pytest.approx(snip, rel=1e-12)


def slope_along_the_weights(network, function):
    """The central difference of a function of the network where all weights grow alike."""
    values = []
    for step in (EPS, -EPS):
        grown = copy.deepcopy(network)
        with torch.no_grad():
            for one in weights(grown):
                one.mul_(1 + step)
        values.append(function(grown))
    return (values[0] - values[1]) / (2 * EPS)


@each_layer
def test_grasp_is_minus_the_slope_of_half_the_squared_gradient(layer):
    def half_squared(network):
        return sum(float((one**2).sum()) for one in mean_loss_gradients(network)) / 2

    network, _ = alone(layer)
    slope = slope_along_the_weights(network, half_squared)
    assert scored("grasp", layer).value == pytest.approx(-slope, rel=1e-4)


@each_layer
def test_synflow_is_the_slope_of_what_comes_out_of_ones(layer):
    def outputs(network):
        with torch.no_grad():
            return network(torch.ones(1, 3, 32, 32, dtype=torch.float64)).sum().item()

    network, _ = alone(layer)
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    for one in network.parameters():
        one.data.abs_()
    slope = slope_along_the_weights(network, outputs)
    assert scored("synflow", layer).details["flow"] == pytest.approx(slope, rel=1e-4)


@each_layer
@pytest.mark.parametrize("scaled_part", ["stem.conv", "group2.0.expand"])
def test_zen_gains_the_log_of_10_from_a_ten_times_larger_convolution(layer, scaled_part):
    """A batch norm follows each, so nothing else changes, residual links or not."""
    network, _ = alone(layer)
    for part in network.train().modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-300
    generator = torch.Generator().manual_seed(3)
    x, e = (torch.randn(4, 3, 32, 32, generator=generator).double() for _ in range(2))
    with torch.no_grad():
        before = zen_of(network, x, e, alpha=0.01)
        network.get_submodule(scaled_part).layer.weight.mul_(10)
        after = zen_of(network, x, e, alpha=0.01)
    assert after - before == pytest.approx(float(np.log(10)), abs=1e-9)
