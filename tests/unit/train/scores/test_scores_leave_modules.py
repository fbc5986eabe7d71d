"""A score leaves the module, the batch and the process as it found them."""

import copy

import pytest
import torch
from score_nets import EVERY, LAYERS, extra, score, scored, small_batch, small_network
from torch import nn

from sabench.catalog.scores import find_score
from sabench.errors import ConfigError
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import UndefinedScoreError

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def in_use(layer):
    """A network with a gradient, a frozen parameter, a part in eval mode and a hook."""
    network = copy.deepcopy(small_network(layer)).train()
    parameters = list(network.parameters())
    parameters[0].grad = torch.ones_like(parameters[0])
    parameters[1].requires_grad_(False)
    network.group2.eval()
    network.classifier.register_forward_hook(lambda part, inputs, output: None)
    return network


def state_of(network):
    """All that a score could have changed, as bits."""
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {
        "bits": {name: (id(one), one.numpy(force=True).tobytes()) for name, one in tensors.items()},
        "needed": {name: one.requires_grad for name, one in tensors.items()},
        "grads": {
            name: None if one.grad is None else (id(one.grad), one.grad.sum().item())
            for name, one in network.named_parameters()
        },
        "parts": {name: (id(one), one.training) for name, one in network.named_modules()},
        "hooks": {
            name: [list(getattr(one, kind)) for kind in HOOKS]
            for name, one in network.named_modules()
        },
        "names": {name: sorted(vars(one)) for name, one in network.named_modules()},
        "random": torch.get_rng_state().numpy().tobytes(),
        "gradients on": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", EVERY)
def test_a_score_leaves_the_module_as_it_was(name, layer):
    network = in_use(layer)
    before = state_of(network)
    chunks = 1 if name == "zen" else 2
    find_score(name).load()(network, small_batch(), chunks=chunks, **extra(name, layer))
    assert state_of(network) == before


def unlabelled():
    return Minibatch(small_batch().images)


def same_twice():
    return Minibatch(small_batch().images[[0, 0]])


def failing(outputs, labels):
    raise ZeroDivisionError


def failing_loss():
    return Minibatch(small_batch().images, small_batch().labels, failing)


@pytest.mark.parametrize(
    ("name", "layer", "batch", "error"),
    [
        ("grad_norm", "conv", unlabelled, ConfigError),
        ("snip", "halo", failing_loss, ZeroDivisionError),
        ("grasp", "halo", failing_loss, ZeroDivisionError),
        ("fisher", "conv", failing_loss, ZeroDivisionError),
        ("synflow", "self_attention", small_batch, UndefinedScoreError),
        ("naswot", "conv", same_twice, UndefinedScoreError),
        ("jacob_cov", "conv", lambda: Minibatch(torch.ones(2, 4, 8, 8)), RuntimeError),
        ("zen", "conv", lambda: Minibatch(torch.ones(1, 3, 32, 32)), UndefinedScoreError),
    ],
)
def test_a_score_that_fails_leaves_the_module_as_it_was(name, layer, batch, error):
    network = in_use(layer)
    before = state_of(network)
    with pytest.raises(error):
        find_score(name).load()(network, batch())
    assert state_of(network) == before


@pytest.mark.parametrize("name", EVERY)
def test_a_module_that_overwrites_its_input_does_not_overwrite_the_batch(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 3))
    rows = torch.randn(4, 24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    batch = Minibatch(rows.clone(), torch.tensor([0, 1, 2, 0]))
    inside = find_score(name).load()(net, batch)
    assert torch.equal(batch.images, rows)
    assert batch.images.grad is None
    outside = find_score(name).load()(
        nn.Sequential(nn.ReLU(), *net[1:]), Minibatch(rows, batch.labels)
    )
    assert inside.value == outside.value


@pytest.mark.parametrize("name", EVERY)
def test_a_caller_that_wants_no_gradients_gets_the_same_score(name):
    with torch.no_grad():
        found = score(name, "halo", small_batch())
    assert found == scored(name, "halo")
