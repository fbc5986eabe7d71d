"""The counters against products counted by hand, and their manners."""

import logging
from collections.abc import Iterator
from itertools import product

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import nn

from counting import EACH, HALOS, count_halo, count_layer
from layer_variants import OURS
from sabench.catalog.implementations import executed_macs, resolve
from sabench.catalog.layers import layers
from sabench.count import count
from sabench.layers.build import build_layer

# in, out, window, stride, padding, dilation, groups, map, output map by hand
CONVOLUTIONS = {
    "plain": (8, 16, 3, 1, 1, 1, 1, 10, 10),
    "no padding": (8, 16, 3, 1, 0, 1, 1, 10, 8),
    "stride": (8, 16, 3, 2, 1, 1, 1, 10, 5),
    "odd map, stride": (8, 16, 3, 2, 1, 1, 1, 13, 7),
    "dilation": (8, 16, 3, 1, 2, 2, 1, 10, 10),
    "dilation, no padding": (8, 16, 3, 1, 0, 2, 1, 10, 6),
    "groups": (8, 16, 3, 1, 1, 1, 4, 10, 10),
    "depthwise": (8, 8, 5, 1, 2, 1, 8, 30, 30),
    "pointwise": (8, 16, 1, 1, 0, 1, 1, 7, 7),
    "stem": (3, 64, 7, 2, 3, 1, 1, 224, 112),
}


class Attention(nn.Module):
    """Projections, then softmax(q k) v over all N positions, written in four ways."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.project, self.written = nn.Conv2d(32, 96, 1, bias=False), written

    def forward(self, x):
        q, k, v = self.project(x).flatten(2).transpose(1, 2).chunk(3, -1)
        if self.written == "sdpa":
            return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])
        if self.written == "einsum":
            weights = torch.einsum("bqd,bkd->bqk", q, k).softmax(-1)
            return torch.einsum("bqk,bkd->bqd", weights, v)
        if self.written == "bmm":
            return torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
        return (q @ k.transpose(1, 2)).softmax(-1) @ v


class Raises(nn.Linear):
    def forward(self, x):
        raise ValueError("not\ntoday")


class Divides(nn.Conv2d):
    """A tracer would give its height as a tensor, which has no divmod."""

    def forward(self, x):
        half, _ = divmod(x.shape[2], 2)
        return super().forward(x[:, :, :half, : x.size(3)])


class LooksAtData(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * x.sum().item()


PROJECTIONS = 32 * 96 * 49
PAIRS = 49 * 49 * 32


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_all_counters_agree_with_the_hand_on_a_convolution(name):
    entry, out, window, stride, padding, dilation, groups, size, out_size = CONVOLUTIONS[name]
    module = nn.Conv2d(entry, out, window, stride, padding, dilation, groups, bias=False)
    counts = count(module, (entry, size, size))
    macs = window * window * (entry // groups) * out * out_size * out_size
    assert counts.flop_counter.macs == macs
    assert counts.fvcore.macs == macs
    assert counts.ptflops.macs == macs
    assert counts.params == window * window * (entry // groups) * out


@pytest.mark.parametrize("written", ["sdpa", "einsum", "bmm", "matmul"])
def test_flop_counter_sees_attention_however_it_is_written(written):
    counter = count(Attention(written), (32, 7, 7)).flop_counter
    assert counter.macs == PROJECTIONS + 2 * PAIRS


def test_what_fvcore_and_ptflops_miss_stands_beside_their_counts():
    sdpa = count(Attention("sdpa"), (32, 7, 7))
    assert sdpa.fvcore.macs == PROJECTIONS
    assert sdpa.fvcore.uncounted_ops == {"aten::scaled_dot_product_attention": 1}
    matmul = count(Attention("matmul"), (32, 7, 7))
    assert matmul.ptflops.macs == PROJECTIONS
    assert matmul.ptflops.uncounted_ops["aten.bmm"] == 2


def test_ptflops_functions_that_it_does_count_are_not_reported():
    counter = count(Attention("bmm"), (32, 7, 7)).ptflops
    assert counter.macs == PROJECTIONS + 2 * PAIRS
    assert "aten.bmm" not in counter.uncounted_ops


def test_fvcore_and_ptflops_count_a_batch_norm_that_macs_leave_out():
    module = nn.Sequential(nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16))
    counts = count(module, (8, 5, 5))
    assert counts.flop_counter.macs == 8 * 16 * 25
    assert counts.flop_counter.uncounted_ops == {"aten._native_batch_norm_legit_no_training": 1}
    assert counts.fvcore.macs == 8 * 16 * 25 + 2 * 16 * 25
    assert counts.ptflops.macs == 8 * 16 * 25 + 2 * 16 * 25


def test_a_batch_counts_as_one_image():
    module = nn.Sequential(nn.Conv2d(8, 16, 3, bias=False), nn.ReLU())
    assert count(module, (64, 8, 9, 9)) == count(module, (8, 9, 9))


def test_frozen_parameters_are_counted_apart():
    module = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 4, 1, bias=False))
    module[0].weight.requires_grad_(False)
    counts = count(module, (8, 4, 4))
    assert (counts.params, counts.params_trainable) == (96, 32)


def test_each_result_says_its_version():
    counts = count(nn.Conv2d(3, 4, 1), (3, 4, 4))
    assert counts.flop_counter.version == torch.__version__
    assert counts.fvcore.version.startswith("0.")
    assert counts.ptflops.version.startswith("0.")


def test_a_module_that_raises_leaves_reasons_of_one_line(capfd):
    counts = count(Raises(4, 4), (1, 4, 4))
    for result in (counts.flop_counter, counts.fvcore, counts.ptflops):
        assert result.macs is None
        assert "ValueError: not" in result.reason.replace("<class 'ValueError'>", "ValueError")
        assert "\n" not in result.reason
    assert capfd.readouterr() == ("", "")


def test_a_module_that_looks_at_its_data_is_counted_with_data():
    counts = count(LooksAtData(4, 4, 1, bias=False), (4, 3, 3))
    assert counts.flop_counter.macs == 4 * 4 * 9
    assert counts.ptflops.uncounted_ops["aten._local_scalar_dense"] == 1


def test_a_module_without_data_is_counted_by_those_that_need_none():
    with torch.device("meta"):
        module = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    counts = count(module, (4, 6, 6))
    assert counts.flop_counter.macs == counts.ptflops.macs == 9 * 4 * 4 * 36
    assert counts.fvcore.reason.startswith("needs a module with data (")


def test_the_module_is_as_it_was():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).train()
    names = [set(vars(part)) for part in module.modules()]
    state = {key: value.clone() for key, value in module.state_dict().items()}
    count(module, (8, 6, 6))
    assert [set(vars(part)) for part in module.modules()] == names
    assert all(not part._forward_hooks for part in module.modules())
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_torch_is_as_it_was():
    before = {owner: dict(vars(owner)) for owner in (F, torch.Tensor)}
    products = torch.matmul, torch.bmm, torch.mul, torch.add
    count(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), (4, 4, 4))
    for owner, names in before.items():
        assert dict(vars(owner)) == names
    assert (torch.matmul, torch.bmm, torch.mul, torch.add) == products


def test_nothing_is_printed_or_logged(capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        count(Attention("sdpa"), (32, 7, 7))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def each_with_each() -> Iterator[object]:
    """With every commit each layer, and one of attention in each implementation
    that is not compiled."""
    for name, implementation in product(layers(), OURS):
        usual = implementation == "reference" or (name == "halo" and implementation != "flex")
        yield pytest.param(name, implementation, marks=() if usual else pytest.mark.slow)


@pytest.mark.parametrize(("name", "implementation"), list(each_with_each()))
def test_flop_counter_counts_what_each_implementation_executes(name, implementation):
    row = layers()[name]
    module = build_layer(row, row.small, 16, 16, size=(10, 7), implementation=implementation)
    executed = executed_macs(row, row.small, 16, 16, (10, 7), 1, resolve(row, implementation))
    assert count(module, (16, 10, 7)).flop_counter.macs == executed


@pytest.mark.parametrize(("name", "implementation"), EACH)
def test_a_layer_that_runs_multiplies_what_its_closed_form_says(name, implementation):
    counted = count_layer("cpu", name, implementation)
    assert counted.macs == counted.expected


@pytest.mark.parametrize("halo", HALOS)
@pytest.mark.parametrize("backend", ["math", "flash"])  # a CPU has no other
def test_each_attention_backend_counts_the_same(backend, halo):
    counted = count_halo("cpu", backend, halo)
    assert counted.macs == counted.expected
    assert counted.fused == {backend} - {"math"}


def test_a_backend_that_refuses_is_skipped_with_its_reason():
    with pytest.raises(pytest.skip.Exception, match="efficient refuses on cpu: No viable backend"):
        count_halo("cpu", "efficient", "with a bias")


def test_sizes_are_whole_numbers_to_a_traced_module():
    counter = count(Divides(4, 4, 1, bias=False), (4, 6, 5)).fvcore
    assert counter.macs == 4 * 4 * 3 * 5


def test_products_in_place_are_counted():
    class InPlace(nn.Linear):
        def forward(self, x):
            return x[0].baddbmm_(x[0], x[0])

    counter = count(InPlace(1, 1), (3, 5, 5)).flop_counter
    assert counter.macs == 3 * 5 * 5 * 5
    assert counter.uncounted_ops == {}


@pytest.mark.parametrize("name", layers())
def test_every_counter_gets_through_every_layer(name):
    row = layers()[name]
    counts = count(build_layer(row, row.small, 16, 16, size=(8, 8)), (16, 8, 8))
    for result in (counts.flop_counter, counts.fvcore, counts.ptflops):
        assert result.reason == ""
        assert result.macs is not None
