"""Known mistakes of published score code, each of which ours must not make."""

import math
from dataclasses import replace

import pytest
import torch
from score_nets import (
    X1,
    X2,
    X3,
    attending,
    attending_batch,
    batch_1,
    batch_2,
    half_square,
    images,
    linear,
    net_a,
    small_batch,
    small_network,
    two_units,
)
from torch import nn

from sabench.train.scores.fisher import NEVER_CALLED, fisher
from sabench.train.scores.gradients import grad_norm, grasp, snip
from sabench.train.scores.jacobian import jacob_cov
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.naswot import naswot
from sabench.train.scores.scored import UndefinedScoreError
from sabench.train.scores.synflow import synflow
from sabench.train.scores.zen import zen, zen_of


@pytest.mark.parametrize(
    ("score", "settings", "whole", "known"),
    [
        (grad_norm, {}, 7.5, 15),
        (snip, {}, 18, 36),
        (fisher, {"variant": "batch_mean"}, 22.5, 180),
    ],
    ids=["grad_norm", "snip", "fisher"],
)
def test_erratum_1_a_split_for_memory_changes_no_score(score, settings, whole, known):
    """`known`: what adding the gradients of the chunks' means gives."""
    parts = [score(net_a(), one, **settings).value for one in batch_2().split(2)]
    assert sum(parts) == pytest.approx(known, abs=1e-9)
    assert score(net_a(), batch_2(), chunks=2, **settings).value == pytest.approx(whole, abs=1e-9)


def test_erratum_2_grasp_of_a_split_multiplies_by_the_whole_batchs_gradient():
    """The last chunk's gradient alone gives -1638."""
    assert grasp(net_a(), batch_2(), chunks=2).value == pytest.approx(-614.25, abs=1e-9)


def test_erratum_3_grasp_keeps_the_papers_sign_and_says_so():
    found = grasp(net_a(), batch_1())
    assert found.value == pytest.approx(-169, abs=1e-9)
    assert found.details["sign"].startswith("-sum W (H g)")


def test_erratum_4_fisher_does_not_grow_with_an_input_of_weight_0():
    wide = nn.Sequential(linear([[2.0, 0.0]]), nn.ReLU(), linear([[3.0]]))
    batch = replace(batch_2(), images=torch.tensor([[1.0, 1.0], [2.0, 1.0]]))
    assert fisher(wide, batch).value == pytest.approx(90, abs=1e-9)
    assert fisher(wide, batch, variant="batch_mean").value == pytest.approx(22.5, abs=1e-9)


@pytest.mark.parametrize("score", [fisher, grad_norm, snip, grasp])
def test_erratum_4_no_score_depends_on_how_the_loss_is_reduced(score):
    def summed(outputs, labels):
        return 0.5 * ((outputs - labels) ** 2).sum()

    def unreduced(outputs, labels):
        return 0.5 * (outputs - labels) ** 2

    expected = score(net_a(), batch_2()).value
    for loss in (summed, unreduced):
        assert score(net_a(), replace(batch_2(), loss=loss)).value == pytest.approx(expected)


def test_erratum_4_fisher_does_not_depend_on_the_batchs_size():
    once, twice = batch_2(), torch.tensor([[1.0], [2.0], [1.0], [2.0]])
    more = Minibatch(twice, torch.cat([once.labels, once.labels]), half_square)
    assert fisher(net_a(), more).value == pytest.approx(90, abs=1e-9)


def test_erratum_5_jacob_cov_of_more_samples_than_features_is_real():
    """Four rows in three features: two eigenvalues are 0, which a general solver may turn complex.

    Rows (1, 2, 3), (1, 3, 2), (2, 5, 5) and (1, 2, 3) again; correlations by hand.
    """
    batch = images(X1, X2, X3, (0.0, -2.0, 2.0))
    a, b = 0.5, math.sqrt(3) / 2  # centred: (-1, 0, 1), (-1, 1, 0), (-2, 1, 1)
    matrix = [[1, a, b, 1], [a, 1, b, a], [b, b, 1, b], [1, a, b, 1]]
    expected = -sum(
        math.log(e + 1e-5) + 1 / (e + 1e-5)
        for e in torch.linalg.eigvalsh(torch.tensor(matrix, dtype=torch.float64)).clamp(0).tolist()
    )
    found = jacob_cov(two_units(), batch).value
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx(-2 * (math.log(1e-5) + 1e5), rel=1e-3)


def test_erratum_5_eigenvalues_that_rounding_leaves_below_0_are_0():
    """40 rows in three features: 38 eigenvalues are 0, give or take, and every log is finite."""
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(linear(torch.randn(64, 3, generator=generator).tolist()), nn.ReLU())
    rows = Minibatch(torch.randn(40, 3, generator=generator))
    assert jacob_cov(net, rows, k=1e-17).value < 0


def test_erratum_5_jacob_cov_refuses_a_sample_that_fires_nothing():
    with pytest.raises(UndefinedScoreError, match="the gradient at image 1 does not vary"):
        jacob_cov(two_units(), images(X1, (-1.0, 0.0, 0.0), X2))


def test_erratum_6_synflow_holds_what_float32_does_not():
    deep = nn.Sequential(*(linear([[1e5]]) for _ in range(10)))
    found = synflow(deep, images((1.0,)))
    assert found.value == pytest.approx(51, rel=1e-6)  # ten layers of 1e50 each
    with pytest.raises(UndefinedScoreError, match="inf"):
        synflow(deep, replace(images((1.0,)), dtype=torch.float32))


def test_erratum_6_synflow_takes_the_absolute_value_of_no_buffer():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = linear([[-3.0]]), linear([[2.0]])
            self.register_buffer("shift", torch.tensor(-1.0))

        def forward(self, x):
            return self.second(self.first(x) + self.shift)

    found = synflow(Shifted(), images((1.0,)))
    assert found.details["flow"] == pytest.approx(2 * (3 - 1) + 2 * 3)


def zen_norm(weight, running_var=1.0):
    """w x, then a batch norm, its eps too small to count."""
    norm = nn.BatchNorm1d(1, eps=1e-300)
    norm.running_var.fill_(running_var)
    return nn.Sequential(linear([[weight]]), norm).double().train()


def zen_of_four(module):
    x = torch.tensor([[1.0], [3.0], [5.0], [7.0]], dtype=torch.float64)
    e = torch.tensor([[1.0], [0.0], [0.0], [0.0]], dtype=torch.float64)
    return zen_of(module, x, e, alpha=0.01)


def test_erratum_7_zen_gives_back_the_clean_batchs_biased_deviation():
    def normalised(values):
        mean = sum(values) / 4
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / 4)
        return [(value - mean) / deviation for value in values]

    clean, changed = normalised([2, 6, 10, 14]), normalised([2.02, 6, 10, 14])
    change = sum(abs(a - b) for a, b in zip(clean, changed, strict=True)) / 4
    expected = math.log(change) + math.log(math.sqrt(20))
    assert expected == pytest.approx(-5.296817, abs=5e-7)
    assert zen_of_four(zen_norm(2.0)) == pytest.approx(expected, abs=1e-9)


def test_erratum_7_a_weight_ten_times_larger_adds_the_log_of_10_to_zen():
    once, ten = zen_of_four(zen_norm(2.0)), zen_of_four(zen_norm(20.0))
    assert ten - once == pytest.approx(math.log(10), abs=1e-9)


def test_erratum_7_zen_does_not_depend_on_running_statistics_or_earlier_passes():
    module = zen_norm(2.0, running_var=50.0)
    expected = zen_of_four(zen_norm(2.0))
    assert [zen_of_four(module) for _ in range(3)] == [expected] * 3


def test_erratum_7_zen_repeats_its_draws():
    batch = small_batch()
    apart = {zen(small_network("conv"), replace(batch, seed=n), draws=1).value for n in range(3)}
    assert len(apart) == 3
    assert zen(small_network("conv"), batch, draws=3).details["spread"] > 0


def test_erratum_8_naswot_is_a_determinant_and_the_jacobians_score_another():
    """Of [[2, 0], [0, 2]] the determinant is 4, the Frobenius norm sqrt(8)."""
    batch = images(X1, X2)
    assert naswot(two_units(), batch).value == pytest.approx(math.log(4), abs=1e-9)
    assert jacob_cov(two_units(), batch).value == pytest.approx(-2.378967, abs=5e-7)


def test_erratum_8_naswot_tells_batch_and_units_which_it_does_not_divide_by():
    doubled = nn.Sequential(two_units()[0], nn.ReLU(), nn.ReLU(), linear([[1.0, 1.0]]))
    found = naswot(doubled, images((0.0, -1.0, 1.0), (0.0, 1.0, -1.0)))
    assert found.value == pytest.approx(math.log(4 * 4), abs=1e-9)
    assert (found.details["batch"], found.details["units"]) == (2, 4)


def test_erratum_9_grad_norm_adds_the_tensors_norms():
    """The norm of the whole gradient is sqrt(13)."""
    assert grad_norm(net_a(), batch_1()).value == pytest.approx(3 + 2, abs=1e-9)


@pytest.mark.parametrize("score", [grad_norm, snip, grasp])
def test_attentions_projections_are_seen_by_every_gradient_score(score):
    """Code that looks at Conv2d and Linear sees 88 of 315 parameters."""
    net = attending()
    sizes = {name: one.numel() for name, one in net.named_parameters()}
    assert sum(sizes.values()) == 315
    kinds = [part for part in net.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    assert sum(part.weight.numel() for part in kinds) == 88
    found = score(net, attending_batch())
    assert sorted(found.seen) == [
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "head.weight",
    ]
    assert sum(sizes[name] for name in found.seen) == 192 + 64 + 24


def test_attention_adds_to_snip():
    """Code that patches the forward of Linear gives exactly 0 for the attention block."""
    net = attending()
    whole = snip(net, attending_batch()).value
    for parameter in (net.attention.in_proj_weight, net.attention.out_proj.weight):
        parameter.data.zero_()
    assert snip(net, attending_batch()).value < whole


def test_fisher_sees_attention_at_its_own_output_and_lists_what_is_never_called():
    found = fisher(attending(), attending_batch())
    assert found.seen == ("attention.in_proj_weight", "head.weight")
    assert dict(found.unseen)["attention.out_proj.weight"] == NEVER_CALLED
    assert found.details["channels"] == 8 + 3


def test_fisher_of_attention_is_the_same_with_the_batch_second():
    first = attending()
    value = fisher(first, attending_batch()).value

    class Second(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(8, 2), first.head
            self.attention.load_state_dict(first.attention.state_dict())

        def forward(self, x):
            x = x.transpose(0, 1)
            return self.head(self.attention(x, x, x)[0].mean(0))

    assert fisher(Second(), attending_batch()).value == pytest.approx(value, rel=1e-12)
