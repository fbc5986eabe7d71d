"""Scores as the authors' code takes them of networks of ReLUs and batch norms: norms in training.

Each oracle follows the definition that code has where it is right, in the simplest way: a mask for
snip, two backward passes for grasp, hooks for fisher and naswot.
"""

import copy

import numpy as np
import pytest
import torch
from score_nets import score, scored, small_batch, small_network
from torch import nn
from torch.nn import functional

from sabench.catalog.scores import find_score
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import UndefinedScoreError

BY_BATCH = {"variant": "batch_statistics"}
TOLERANCE = 1e-6
"""Of the goal; both sides compute in float64."""


@pytest.fixture
def network():
    """ReLUs and batch norms alone; convolutions and a linear head hold all weights."""
    found = copy.deepcopy(small_network("conv")).double().train()
    kinds = {type(part) for part in found.modules() if not [*part.children()]}
    assert {nn.ReLU, nn.BatchNorm2d} <= kinds
    assert len(holders(found)) == len(weights(found)) > 10
    return found


def holders(network):
    """Its convolutions and its linear head, each with one weight."""
    return [one for one in network.modules() if getattr(one, "weight", torch.ones(1)).ndim > 1]


def mean_loss(network):
    batch = small_batch()
    return functional.cross_entropy(network(batch.images.double()), batch.labels)


def weights(network):
    return [one for one in network.parameters() if one.ndim >= 2]


def test_grad_norm(network):
    mean_loss(network).backward()
    expected = sum(one.grad.norm().item() for one in weights(network))
    found = score("grad_norm", "conv", small_batch(), **BY_BATCH).value
    assert found == pytest.approx(expected, rel=TOLERANCE)
    assert scored("grad_norm", "conv").value != pytest.approx(expected, rel=0.01)


def test_snip_is_the_gradient_of_a_mask_of_ones(network):
    masks = {}
    for part in holders(network):
        weight = part.weight.detach()
        del part.weight
        masks[part] = torch.ones_like(weight, requires_grad=True)
        part.weight = weight * masks[part]
    gradients = torch.autograd.grad(mean_loss(network), list(masks.values()))
    expected = sum(one.abs().sum().item() for one in gradients)
    found = score("snip", "conv", small_batch(), **BY_BATCH).value
    assert found == pytest.approx(expected, rel=TOLERANCE)


def test_grasp_is_two_backward_passes(network):
    those = weights(network)
    first = torch.autograd.grad(mean_loss(network), those)
    again = torch.autograd.grad(mean_loss(network), those, create_graph=True)
    along = sum((one.detach() * other).sum() for one, other in zip(first, again, strict=True))
    along.backward()
    expected = -sum((one.detach() * one.grad).sum().item() for one in those)
    found = score("grasp", "conv", small_batch(), **BY_BATCH).value
    assert found == pytest.approx(expected, rel=TOLERANCE)


def test_fisher_is_that_of_activations_and_their_gradients(network):
    """Of the mean loss, as there: without this variant it is per sample."""
    outputs, found = {}, 0.0
    for part in holders(network):
        part.register_forward_hook(lambda part, inputs, output: outputs.update({part: output}))
    loss = mean_loss(network)
    for output, gradient in zip(
        outputs.values(), torch.autograd.grad(loss, list(outputs.values())), strict=True
    ):
        by_channel = (
            (output.detach() * gradient).flatten(2).sum(-1)
            if output.ndim > 2
            else (output.detach() * gradient)
        )
        found += (by_channel.square().mean(0) / 2).sum().item()
    mine = score("fisher", "conv", small_batch(), **BY_BATCH)
    assert mine.value == pytest.approx(found, rel=TOLERANCE)


def test_naswot_is_the_count_of_equal_codes(network):
    codes = []
    for part in network.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_pre_hook(
                lambda part, inputs: codes.append((inputs[0] > 0).flatten(1).double().numpy())
            )
    network(small_batch().images.double())
    kernel = sum(one @ one.T + (1 - one) @ (1 - one).T for one in codes)
    expected = np.linalg.slogdet(kernel)[1]
    found = score("naswot", "conv", small_batch(), **BY_BATCH)
    assert found.value == pytest.approx(expected, rel=TOLERANCE)
    assert found.value != scored("naswot", "conv").value


@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "fisher", "naswot"])
def test_the_order_of_the_images_changes_nothing_and_a_split_is_refused(name):
    whole = score(name, "conv", small_batch(), **BY_BATCH).value
    other = score(name, "conv", small_batch(order=[3, 0, 5, 1, 4, 2]), **BY_BATCH).value
    assert other == pytest.approx(whole, rel=1e-9)
    with pytest.raises(UndefinedScoreError, match="of all its images at once"):
        score(name, "conv", small_batch(), chunks=2, **BY_BATCH)


@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "fisher", "naswot"])
def test_a_channel_of_one_value_has_no_statistics(name):
    """A single image whose map has shrunk to one pixel."""
    network = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    one = Minibatch(torch.ones(1, 3, 2, 2), torch.tensor([1]))
    with pytest.raises(UndefinedScoreError, match="one value a channel"):
        find_score(name).load()(network, one, **BY_BATCH)


@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "fisher", "naswot"])
def test_a_norm_may_be_called_by_keyword(name):
    class Named(nn.BatchNorm2d):
        """Whatever it is given, its norm gets by keyword."""

        def __call__(self, x):
            return super().__call__(input=x)

    def network(norm):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 2), norm(4), nn.ReLU(), nn.Flatten())

    some = Minibatch(torch.randn(3, 3, 3, 3), torch.tensor([0, 1, 2]))
    one, other = (
        find_score(name).load()(network(norm), some, **BY_BATCH) for norm in (nn.BatchNorm2d, Named)
    )
    assert one.value == other.value


def test_zen_refuses_single_values_of_a_norm_that_tracks_nothing():
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    network = nn.Sequential(nn.Conv2d(3, 4, 2), norm, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UndefinedScoreError, match="one value a channel"):
        find_score("zen").load()(network, Minibatch(torch.ones(1, 3, 2, 2)))
