"""Networks that scores are tested on: the specification's by hand, and small real ones."""

from functools import cache

import torch
from torch import nn

from sabench.catalog.networks import networks
from sabench.catalog.scores import SCORES, find_score
from sabench.networks.build import build_network
from sabench.train.scores.minibatch import Minibatch

LAYERS = ("conv", "self_attention", "augmented", "halo")
SMALL = {
    **{"width": 0.125, "depth": 0.1, "classes": 5, "stem": "conv"},
    **{"self_attention.window": 3, "self_attention.heads": 2},
    **{"halo.block": 4, "halo.halo": 1, "halo.heads": 2},
    **{"augmented.heads": 2, "augmented.kappa": 0.5, "augmented.upsilon": 0.5},
    "augmented.min_head_keys": 2,
}
SAMPLES = 6


def half_square(outputs, labels):
    """0.5 (y - t)^2, the mean over the batch."""
    return 0.5 * ((outputs - labels) ** 2).mean()


def linear(rows):
    """y = W x without a bias, W given."""
    weight = torch.tensor(rows)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data.copy_(weight)
    return layer


def net_a(w=2.0, v=3.0):
    """y = v relu(w x)."""
    return nn.Sequential(linear([[w]]), nn.ReLU(), linear([[v]]))


def batch_1():
    return Minibatch(torch.tensor([[1.0]]), torch.tensor([[5.0]]), half_square)


def batch_2():
    return Minibatch(torch.tensor([[1.0], [2.0]]), torch.tensor([[5.0], [11.0]]), half_square)


def two_units():
    """The specification's net of jacob_cov and NASWOT."""
    return nn.Sequential(
        linear([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]), nn.ReLU(), linear([[1.0, 1.0]])
    )


def images(*rows):
    return Minibatch(torch.tensor(rows))


X1, X2, X3 = (0.0, -1.0, 1.0), (0.0, 1.0, -1.0), (1.0, 0.0, 0.0)


@cache
def small_network(layer):
    """A reduced resnet26 of one layer, with running statistics as after some training.

    Shared by the tests, as no score may change it.
    """
    row = networks()["resnet26"]
    kept = {key: SMALL[key] for key in SMALL if "." not in key or key.startswith(f"{layer}.")}
    options, overrides = row.parse({**kept, "mix": layer})
    plan = row.plan(options, overrides, 32)
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(plan)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.2, 1, generator=generator)
    return network


def small_batch(seed=0, order=None):
    generator = torch.Generator().manual_seed(7)
    pictures = torch.randn(SAMPLES, 3, 32, 32, generator=generator)
    labels = torch.arange(SAMPLES) % 5
    if order is not None:
        pictures, labels = pictures[order], labels[order]
    return Minibatch(pictures, labels, seed=seed)


def extra(name, layer="conv"):
    """What a score has to be asked for on that network, and a quick setting."""
    if name == "synflow" and layer != "conv":
        return {"variant": "absolute"}
    return {"draws": 2} if name == "zen" else {}


def score(name, layer, batch, **settings):
    return find_score(name).load()(small_network(layer), batch, **extra(name, layer), **settings)


@cache
def scored(name, layer):
    """A score of a small network and the small batch, unsplit."""
    return score(name, layer, small_batch())


EVERY = tuple(SCORES)


class Attending(nn.Module):
    """torch's attention over a row of vectors, then a linear head: 315 parameters."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        attended, _ = self.attention(x, x, x, need_weights=False)
        return self.head(attended.mean(1))


def attending():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Attending()


def attending_batch():
    x = torch.randn(4, 5, 8, generator=torch.Generator().manual_seed(5))
    return Minibatch(x, torch.tensor([0, 1, 2, 0]))
