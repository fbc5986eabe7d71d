"""Where a score has no value: one line with what, why and what to do instead."""

import pytest
import torch
from score_nets import (
    EVERY,
    X1,
    X2,
    X3,
    attending,
    attending_batch,
    images,
    linear,
    net_a,
    scored,
    small_batch,
    small_network,
    two_units,
)
from torch import nn

from sabench.catalog.scores import SCORES, find_score
from sabench.errors import ConfigError, MeasurementError
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError


class Function(nn.Module):
    """A function of one weight and the images."""

    def __init__(self, function):
        super().__init__()
        self.weight, self.function = nn.Parameter(torch.ones(1, 1)), function

    def forward(self, x):
        return self.function(x, self.weight)


class Stubborn(nn.BatchNorm1d):
    """Stays in training mode."""

    def train(self, mode=True):
        return super().train(True)


class Frozen(torch.autograd.Function):
    """A square whose derivative has none."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def vectors(*, labels=True, samples=3):
    rows = torch.tensor([X1, X2, X3])[:samples]
    return Minibatch(rows, torch.zeros(samples, dtype=torch.long) if labels else None)


def mixing():
    return nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False), two_units())


def gelu():
    return nn.Sequential(two_units()[0], nn.GELU(), linear([[1.0, 1.0]]))


def computed():
    """Holds a tensor that is the result of another's."""
    module = linear([[1.0]])
    module.kept = module.weight * 2
    return module


GRADIENTS = ("grad_norm", "snip", "grasp", "fisher")
APART = (*GRADIENTS, "jacob_cov", "naswot")

REFUSED = {
    **{
        f"{name} of samples that mix": (name, mixing, vectors, "mixes the samples")
        for name in APART
    },
    **{
        f"{name} of a batch norm kept in training": (
            *(name, lambda: nn.Sequential(Stubborn(3), two_units()), vectors),
            "follow eval()",
        )
        for name in APART
    },
    **{
        f"{name} of what cannot be copied": (name, computed, vectors, "cannot be copied")
        for name in EVERY
    },
    **{
        f"{name} of a module without weights": (name, nn.ReLU, vectors, "no parameter of two axes")
        for name in (*GRADIENTS[:3], "synflow", "zen")
    },
    **{
        f"{name} of a network with two outputs": (
            *(name, lambda: Function(lambda x, w: (x @ w.expand(3, 3), x)), vectors),
            "gives a tuple",
        )
        for name in EVERY
    },
    **{
        f"{name} of a network that gives one row": (
            *(name, lambda: Function(lambda x, w: (x * w).sum()), vectors),
            "gives the shape ()",
        )
        for name in EVERY
    },
    **{
        f"{name} of a loss without parameters": (
            *(name, lambda: Function(lambda x, w: x), vectors),
            "depends on no parameter",
        )
        for name in GRADIENTS[:3]
    },
    "fisher of weights outside the path": (
        *("fisher", lambda: Function(lambda x, w: x), vectors),
        "no output of a module that holds a weight reaches the loss",
    ),
    "grasp without a second derivative": (
        *("grasp", lambda: Function(lambda x, w: Frozen.apply(x * w)), vectors),
        "needs second derivatives",
    ),
    "synflow of softmax": ("synflow", attending, attending_batch, 'variant="absolute"'),
    "synflow of a halo network": (
        *("synflow", lambda: small_network("halo"), small_batch),
        "_softmax: not positively homogeneous",
    ),
    "synflow of a gate": (
        *("synflow", lambda: nn.Sequential(two_units(), nn.Sigmoid()), vectors),
        "sigmoid: not positively homogeneous",
    ),
    "synflow of a normalisation that is a function": (
        *(
            "synflow",
            lambda: Function(lambda x, w: nn.functional.layer_norm(x * w, (3,))),
            vectors,
        ),
        "native_layer_norm runs outside",
    ),
    "synflow where nothing flows": ("synflow", lambda: linear([[0.0] * 3]), vectors, "flow of 0.0"),
    "synflow without parameters": (
        *("synflow", lambda: Function(lambda x, w: x), vectors),
        "depends on no parameter",
    ),
    "jacob_cov of a sample without a gradient": (
        *("jacob_cov", two_units, lambda: images(X1, (-1.0, 0.0, 0.0))),
        "the gradient at image 1",
    ),
    "jacob_cov of a constant": (
        *("jacob_cov", lambda: Function(lambda x, w: x), vectors),
        "the gradient at image 0, 1, 2 does not vary",
    ),
    "naswot of gelu": ("naswot", gelu, vectors, 'variant="preactivation_sign"'),
    "naswot without relu": ("naswot", lambda: linear([[1.0] * 3]), vectors, "no ReLU"),
    "naswot of equal codes": (
        *("naswot", two_units, lambda: images(X1, X2, (0.0, -2.0, 2.0))),
        "images 0 and 2 put all 2 units in the same state",
    ),
    "naswot of dependent codes": (
        *("naswot", two_units, lambda: images(X1, X2, X3, (-1.0, 0.0, 0.0))),
        "have rank 3",
    ),
    "naswot of a folded batch": (
        *("naswot", lambda: Function(lambda x, w: (x[:1] * w).relu().expand(len(x), 3)), vectors),
        "gets the shape (1, 3) for 3 images",
    ),
    **{
        f"zen of {norm.__name__}": (
            *("zen", lambda norm=norm, size=size: nn.Sequential(norm(*size), two_units()), vectors),
            f"is a {norm.__name__}, whose scale",
        )
        for norm, size in ((nn.LayerNorm, (3,)), (nn.GroupNorm, (1, 3)), (nn.RMSNorm, (3,)))
    },
    "zen of one value a channel": (
        *("zen", lambda: nn.Sequential(two_units(), nn.BatchNorm1d(1))),
        *(lambda: vectors(samples=1), "one value a channel"),
    ),
    "zen of features that do not change": (
        *(
            "zen",
            lambda: nn.Sequential(two_units(), nn.Flatten(), Function(lambda x, w: w + 0 * x)),
        ),
        *(vectors, "comes out as -inf"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_score_is_refused_in_one_line(case):
    name, module, batch, told = REFUSED[case]
    with pytest.raises(UndefinedScoreError) as caught:
        find_score(name).load()(module(), batch())
    message = str(caught.value)
    assert told in message
    assert "\n" not in message
    assert isinstance(caught.value, MeasurementError)


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_batch_without_labels_is_refused_where_they_are_needed(name):
    assert find_score(name).needs_labels
    with pytest.raises(ConfigError, match="needs labels"):
        find_score(name).load()(two_units(), vectors(labels=False))


@pytest.mark.parametrize("name", sorted(set(EVERY) - set(GRADIENTS)))
def test_the_others_need_no_labels(name):
    assert not find_score(name).needs_labels
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 3))
    assert find_score(name).load()(net, vectors(labels=False)).seen


@pytest.mark.parametrize("chunks", [0, 4])
def test_a_batch_is_not_split_into_empty_parts(chunks):
    with pytest.raises(ConfigError, match=f"chunks={chunks} of 3 images; allowed: 1 to 3"):
        find_score("grad_norm").load()(two_units(), vectors(), chunks=chunks)


def test_a_batch_needs_an_image_and_a_label_to_each():
    with pytest.raises(ConfigError, match="no images"):
        Minibatch(torch.empty(0, 3))
    with pytest.raises(ConfigError, match="2 labels for 3 images"):
        Minibatch(torch.ones(3, 1), torch.ones(2))


@pytest.mark.parametrize("name", [name for name, row in SCORES.items() if row.variants])
def test_an_unknown_variant_is_refused_with_those_there_are(name):
    with pytest.raises(ConfigError, match=", ".join(find_score(name).variants)):
        find_score(name).load()(two_units(), vectors(), variant="own")


def test_zen_needs_a_draw():
    with pytest.raises(ConfigError, match="draws=0"):
        find_score("zen").load()(two_units(), vectors(), draws=0)


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(UndefinedScoreError, match="comes out as nan"):
        Scored(float("nan"), (), ())


def test_synflow_of_softmax_has_a_value_where_it_is_asked_for():
    found = scored("synflow", "halo")
    assert found.details["variant"] == "absolute"
    assert found.details["norms_removed"] == sum(
        isinstance(part, nn.BatchNorm2d) for part in small_network("halo").modules()
    )


@pytest.mark.parametrize(
    "norm",
    [
        *(nn.BatchNorm2d(2), nn.GroupNorm(1, 2), nn.LayerNorm([2, 1, 1])),
        *(nn.InstanceNorm2d(2), nn.RMSNorm([2, 1, 1])),
    ],
    ids=lambda norm: type(norm).__name__,
)
def test_synflow_takes_out_normalisations_of_every_kind(norm):
    conv = nn.Conv2d(1, 2, 1, bias=False)
    conv.weight.data.copy_(torch.tensor([3.0, -4.0]).view(2, 1, 1, 1))
    net = nn.Sequential(conv, norm, nn.ReLU(inplace=True), nn.Flatten(), linear([[1.0, 2.0]]))
    batch = Minibatch(torch.ones(1, 1, 1, 1))
    assert find_score("synflow").load()(net, batch).details["flow"] == pytest.approx(2 * (3 + 8))


def test_a_network_in_float32_on_gradients_off_is_scored_all_the_same():
    network = net_a().requires_grad_(False)
    batch = Minibatch(torch.ones(1, 1), torch.zeros(1, 1), lambda y, t: y.sum())
    assert find_score("snip").load()(network, batch).value == pytest.approx(12)
