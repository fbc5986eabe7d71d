"""The eight scores on networks small enough to score by hand, in float64 to 1e-9."""

import math

import pytest
import torch
from score_nets import (
    X1,
    X2,
    X3,
    batch_1,
    batch_2,
    half_square,
    images,
    linear,
    net_a,
    two_units,
)
from torch import nn

from sabench.train.scores.fisher import fisher
from sabench.train.scores.gradients import grad_norm, grasp, snip
from sabench.train.scores.jacobian import jacob_cov
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.naswot import naswot
from sabench.train.scores.synflow import synflow
from sabench.train.scores.zen import zen, zen_of


def near(value):
    return pytest.approx(value, abs=1e-9)


def to_six_digits(value):
    """Where the specification prints six decimals."""
    return pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize(
    ("score", "batch", "expected"),
    [
        (grad_norm, batch_1, 5),
        (grad_norm, batch_2, 7.5),
        (snip, batch_1, 12),
        (snip, batch_2, 18),
        (grasp, batch_1, -169),
        (grasp, batch_2, -614.25),
        (fisher, batch_2, 90),
    ],
)
def test_the_scores_of_v_relu_of_w_x_are_the_hands(score, batch, expected):
    assert score(net_a(), batch()).value == near(expected)


def test_a_tensor_that_two_layers_share_counts_once():
    """y = w relu(w x): dL/dw = 2 r w x = 4 at w = 2, x = 1, t = 3."""
    net = net_a(2.0, 2.0)
    net[2].weight = net[0].weight
    batch = Minibatch(torch.tensor([[1.0]]), torch.tensor([[3.0]]), half_square)
    for score, expected in ((grad_norm, 4), (snip, 8), (fisher, (2 * 2) ** 2 / 2 + 4**2 / 2)):
        found = score(net, batch)
        assert found.value == near(expected)
        assert (found.seen, found.unseen) == (("0.weight",), ())


@pytest.mark.parametrize("a", [0.1, 4.0])
def test_snip_is_unchanged_where_one_layer_is_scaled_and_the_next_unscaled(a):
    assert snip(net_a(2 * a, 3 / a), batch_2()).value == pytest.approx(18, rel=1e-6)


def test_grasp_is_minus_the_derivative_of_half_the_squared_gradient_along_the_weights():
    def half_squared_gradient(step):
        w, v, total = 2 * (1 + step), 3 * (1 + step), [0.0, 0.0]
        for x, t in ((1, 5), (2, 11)):
            residual = v * w * x - t
            total = [total[0] + residual * v * x / 2, total[1] + residual * w * x / 2]
        return sum(part**2 for part in total) / 2

    step = 1e-4
    slope = (half_squared_gradient(step) - half_squared_gradient(-step)) / (2 * step)
    assert slope == pytest.approx(614.2501872, abs=1e-6)
    assert -grasp(net_a(), batch_2()).value == pytest.approx(slope, rel=1e-6)


def test_grasp_of_a_loss_without_curvature_is_zero():
    batch = Minibatch(torch.ones(1, 1), torch.ones(1, 1), lambda y, t: y.sum())
    assert grasp(linear([[2.0]]), batch).value == 0


def synflow_net(*, bias):
    first = nn.Linear(2, 2, bias=bias)
    first.weight.data.copy_(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
    if bias:
        first.bias.data.copy_(torch.tensor([1.0, -1.0]))
    return nn.Sequential(first, nn.ReLU(), linear([[-1.0, 2.0]]))


@pytest.mark.parametrize(("bias", "flow"), [(False, 18), (True, 21)])
def test_synflow_of_two_layers_is_the_hands(bias, flow):
    found = synflow(synflow_net(bias=bias), images((5.0, -7.0)))
    assert found.details["flow"] == near(flow)
    assert found.value == near(math.log10(flow))


def test_synflow_without_biases_is_the_number_of_layers_times_what_comes_out():
    """Each layer's signed sum is R: conservation."""
    layers = [linear([[1.0, -2.0], [0.5, 3.0]]) for _ in range(4)]
    net = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    out = torch.ones(2)
    for _ in layers:
        out = torch.tensor([out[0] + 2 * out[1], 0.5 * out[0] + 3 * out[1]])
    assert synflow(net, images((1.0, 1.0))).details["flow"] == near(4 * out.sum().item())


def test_fisher_of_the_batchs_mean_loss_is_the_hands():
    found = fisher(net_a(), batch_2(), variant="batch_mean")
    assert found.value == near(22.5)
    assert found.details["gradients"] == "batch_mean"


def test_fisher_sums_over_positions_before_it_squares():
    """Two equal positions: (2 + 2)^2 / 2, not (2^2 + 2^2) / 2."""
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.data.fill_(2)
    batch = Minibatch(torch.ones(1, 1, 1, 2), torch.zeros(1), lambda y, t: y.sum())
    assert fisher(conv, batch).value == near(8)


def test_fisher_adds_the_calls_of_a_module_before_it_squares():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = linear([[2.0]])

        def forward(self, x):
            return self.layer(x) + self.layer(2 * x)

    batch = Minibatch(torch.ones(1, 1), torch.zeros(1), lambda y, t: y.sum())
    assert fisher(Twice(), batch).value == near((2 + 4) ** 2 / 2)


@pytest.mark.parametrize("chunks", [1, 2])
def test_fisher_of_a_module_that_only_some_samples_pass_is_a_mean_over_all(chunks):
    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = linear([[2.0]])

        def forward(self, x):
            return self.layer(x) * (x > 1) if (x > 1).any() else x

    batch = Minibatch(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1), lambda y, t: y.sum())
    whole = fisher(Routed(), batch, chunks=chunks)
    assert whole.value == near((2 * 3) ** 2 / 2 / 2)


def test_fisher_reads_an_output_before_it_is_overwritten():
    net = nn.Sequential(linear([[2.0]]), nn.ReLU(inplace=True), linear([[3.0]]))
    assert fisher(net, batch_2()).value == near(90)
    cut = nn.Sequential(linear([[8.0]]), nn.ReLU6(inplace=True), linear([[3.0]]))
    batch = Minibatch(torch.ones(1, 1), torch.zeros(1, 1), lambda y, t: y.sum())
    assert fisher(cut, batch).value == near((8 * 0) ** 2 / 2 + (6 * 3) ** 2 / 2)


def test_jacob_cov_of_two_units_is_the_hands():
    exact = -(math.log(1.5) + math.log(0.5) + 1 / 1.5 + 1 / 0.5)
    assert exact == to_six_digits(-2.378985)
    assert jacob_cov(two_units(), images(X1, X2), k=0).value == near(exact)
    found = jacob_cov(two_units(), images(X1, X2)).value
    assert found == near(-(math.log(1.50001) + math.log(0.50001) + 1 / 1.50001 + 1 / 0.50001))
    assert found == to_six_digits(-2.378967)


@pytest.mark.parametrize("rows", [(X1, X2), (X1, X2, X3)], ids=["2x2", "3x3"])
@pytest.mark.parametrize("inplace", [False, True])
def test_naswot_of_two_units_is_the_log_of_4(rows, inplace):
    net = two_units()
    net[1].inplace = inplace
    found = naswot(net, images(*rows))
    assert found.value == near(math.log(4))
    assert (found.details["units"], found.details["batch"]) == (2, len(rows))


def test_naswot_takes_a_unit_at_exactly_0_for_off():
    """Codes (1, 1) and (0, 0): K = [[2, 0], [0, 2]]."""
    assert naswot(two_units(), images(X3, (0.0, 0.0, 0.0))).value == near(math.log(4))


def test_naswot_counts_relus_that_are_functions():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = two_units()

        def forward(self, x):
            return self.layers[2](torch.relu_(self.layers[0](x)))

    assert naswot(Functional(), images(X1, X2)).value == near(math.log(4))


def test_naswot_counts_the_relus_of_torchs_transformer_layer():
    """In eval mode it has a path without gradients that calls no activation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    batch = Minibatch(torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        found = naswot(layer, batch)
    assert (found.details["activations"], found.details["units"]) == (1, 5 * 16)


def test_naswot_of_pre_activation_signs_reads_gelu_as_it_would_relu():
    net = two_units()
    net[1] = nn.GELU()
    found = naswot(net, images(X1, X2, X3), variant="preactivation_sign")
    assert found.value == near(math.log(4))
    assert found.details["codes"] == "preactivation_sign"


def test_zen_of_one_weight_is_the_log_of_its_change():
    change = zen_of(linear([[2.0]]).double(), ones(1), ones(1), alpha=0.01)
    assert change == near(math.log(0.02))
    assert change == to_six_digits(-3.912023)


def ones(count):
    return torch.ones(count, 1, dtype=torch.float64)


def test_zen_averages_its_draws_of_weights_and_inputs_from_the_seed():
    batch = Minibatch(torch.zeros(3, 2), seed=4)
    generator, values = torch.Generator().manual_seed(4), []
    for _ in range(5):
        w, _, e = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((1, 2), (3, 2), (3, 2))
        )
        values.append(math.log(sum(abs(0.01 * (w[0] * row).sum().item()) for row in e) / 3))
    assert zen(nn.Linear(2, 1), batch, draws=5).value == near(sum(values) / 5)
    assert zen(nn.Linear(2, 1), batch).details["draws"] == 32


def test_zen_does_not_depend_on_what_the_network_holds():
    def built(fill, eps):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            conv, norm = nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, eps=eps)
            net = nn.Sequential(conv, nn.ReLU(), nn.Conv2d(3, 3, 1), norm)
        for tensor in (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_var):
            tensor.data.fill_(fill)
        return net

    batch = Minibatch(torch.zeros(3, 2, 4, 4))
    assert zen(built(7.0, 0.5), batch).value == zen(built(0.3, 1e-5), batch).value


def test_a_batch_in_float32_is_scored_in_float32():
    batch = Minibatch(torch.tensor([[0.1]]), torch.tensor([[0.7]]), half_square)
    exact = grad_norm(net_a(), batch).value
    single = grad_norm(
        net_a(), Minibatch(batch.images, batch.labels, half_square, dtype=torch.float32)
    ).value
    assert single != exact
    assert single == pytest.approx(exact, rel=1e-6)
