"""Our Triton kernels as Triton's interpreter runs them on the CPU, against the reference.

Triton reads TRITON_INTERPRET when it is imported, so they are tested in a process of their own:

    TRITON_INTERPRET=1 .venv/bin/python -m pytest -q tests/unit/layers/test_triton.py
"""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from attention_problems import BAND, CASES, GLOBAL, Problem, assert_near
from sabench.catalog.attention import Geometry
from sabench.catalog.layers import layers
from sabench.errors import ConfigError
from sabench.layers.build import build_layer
from sabench.layers.kernels import reference, triton
from sabench.layers.relative import Relative
from sabench.measure import exp_kernel

pytest.importorskip("triton", reason="Triton is not installed")
if not os.environ.get("TRITON_INTERPRET"):
    pytest.skip(reason="run apart, by Triton's interpreter", allow_module_level=True)


@pytest.mark.parametrize("name", CASES)
def test_output_and_every_gradient_equal_the_reference(name: str) -> None:
    problem = Problem(*CASES[name])
    assert_near(problem.answers(triton.attend), problem.answers(reference.attend), 2e-6)


@pytest.mark.parametrize("name", ["halo", "band"])
def test_fp16_stays_within_its_precision(name: str) -> None:
    """Not bf16: the interpreter multiplies its bits as whole numbers; tests/gpu has it."""
    problem = Problem(*CASES[name], dtype=torch.float16)
    assert_near(problem.answers(triton.attend), problem.answers(reference.attend), 1e-2)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    block=st.sampled_from([BAND, GLOBAL, (1, 2), (2, 2), (3, 4), (4, 4), (6, 5), (8, 8)]),
    halo=st.integers(0, 4),
    stride=st.integers(1, 2),
    border=st.sampled_from(["mask", "zeros"]),
    positions=st.sampled_from(["none", "split", "sum"]),
    widths=st.tuples(st.sampled_from([2, 4, 6, 16, 20]), st.sampled_from([1, 4, 16, 20])),
)
def test_any_shape_equals_the_reference(size, block, halo, stride, border, positions, widths):
    """At most 12 x 12 pixels in blocks of one: 144 programs; most have fewer than ten."""
    if block == GLOBAL:
        halo, stride = 0, 1
    elif block == BAND:
        stride = 1
    else:
        block = (block[0] * stride, block[1] * stride)
    problem = Problem(size, block, halo, stride, border, positions, widths)
    assert_near(problem.answers(triton.attend), problem.answers(reference.attend), 5e-6)


def test_maps_are_read_in_any_strides() -> None:
    """Heads cut out of projections with their channels last, as layers give them."""
    torch.manual_seed(0)
    whole = torch.randn(2, 9, 7, 3 * 2 * 8).permute(0, 3, 1, 2)  # channels last
    q, k, v = (part.view(2, 2, 8, 9, 7).permute(0, 1, 3, 4, 2) for part in whole.chunk(3, dim=1))
    geometry = Geometry((4, 4), halo=1)
    found = triton.attend(q, k, v, None, geometry)
    torch.testing.assert_close(found, reference.attend(q, k, v, None, geometry))
    assert found.permute(0, 2, 3, 1, 4).is_contiguous()  # its channels are last too


@pytest.mark.parametrize("name", ["self_attention", "halo", "augmented", "global_attention"])
def test_a_layer_computes_the_same(name: str) -> None:
    row = layers()[name]
    torch.manual_seed(0)
    expected = build_layer(row, row.small, 8, 16, size=(6, 5))
    layer = build_layer(row, row.small, 8, 16, size=(6, 5), implementation="triton")
    layer.load_state_dict(expected.state_dict())
    x = torch.randn(2, 8, 6, 5)
    torch.testing.assert_close(layer(x), expected(x), rtol=1e-4, atol=1e-5)


def test_the_operator_is_known_to_autograd_the_compiler_and_fake_tensors() -> None:
    problem = Problem((2, 2), (2, 2), 0, 1, "mask", "sum", (4, 4))
    geometry = problem.geometry
    told = ([20, 20], False, [*geometry.block], geometry.halo, 1, False, True)
    torch.library.opcheck(triton.block_attention, (*problem.learnt, *told))


def test_compiled_equals_eager() -> None:
    problem = Problem(*CASES["band"])
    relative = Relative(*problem.tables, (20, 20), split=True)
    torch._dynamo.reset()
    compiled = torch.compile(triton.attend, backend="aot_eager", fullgraph=True)
    found = compiled(*problem.made, relative, problem.geometry)
    expected = triton.attend(*problem.made, relative, problem.geometry)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["halo", "self_attention"])
def test_a_compiled_layer_keeps_its_gradient_beside_the_same_call_without(name: str) -> None:
    """As in test_compiled_beside_no_grad; of `attend` alone torch 2.13 would lose it."""
    row = layers()[name]
    layer = build_layer(row, row.small, 8, 16, size=(6, 5), implementation="triton")

    def both(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            teacher = layer(x)
        return layer(x), teacher

    torch._dynamo.reset()
    x = torch.randn(2, 8, 6, 5)
    found, teacher = torch.compile(both, backend="aot_eager", fullgraph=True)(x)
    assert not teacher.requires_grad
    gradients = [
        torch.autograd.grad(out.square().sum(), [*layer.parameters()]) for out in (found, layer(x))
    ]
    torch.testing.assert_close(*gradients)


def test_the_backward_pass_is_counted_by_hand() -> None:
    """One block of 4 x 4 queries, 16 keys, keys and values 8 wide, no positions: q.k twice, dout.v
    twice, and the gradients of q, k and v once each; forward q.k and a.v."""
    problem = Problem((4, 4), GLOBAL, 0, 1, "mask", "none", (8, 8))
    with FlopCounterMode(display=False) as counter:
        out = triton.attend(*problem.made, None, problem.geometry)
        assert counter.get_total_flops() == 2 * 2 * 16 * 16 * (8 + 8)
        out.sum().backward()
    assert counter.get_total_flops() == 2 * 2 * 16 * 16 * (2 + 7) * 8


@pytest.mark.parametrize("positions", ["sum", "split"])
def test_position_logits_are_counted_by_hand(positions: str) -> None:
    """As above with positions: q.rows and q.columns, 4 each of 16 queries in the forward pass and
    twice in the backward pass; and each axis's bmms for the gradients of q and of its table."""
    problem = Problem((4, 4), GLOBAL, 0, 1, "mask", positions, (8, 8))
    wide = 4 if positions == "split" else 8  # a logit's products
    once = 16 * (4 + 4) * wide
    with FlopCounterMode(display=False) as counter:
        relative = Relative(*problem.tables, (20, 20), problem.split)
        out = triton.attend(*problem.made, relative, problem.geometry)
        assert counter.get_total_flops() == 2 * 2 * (16 * 16 * (8 + 8) + once)
        out.sum().backward()
    forward_and_back = 16 * 16 * (2 + 7) * 8 + 3 * once
    assert counter.get_total_flops() == 2 * 2 * (forward_and_back + 2 * once)


def test_what_it_has_no_kernel_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (torch.zeros(1, 1, 4, 4, 8) for _ in range(3))
    geometry = Geometry((4, 4), halo=1)
    with pytest.raises(ConfigError, match=r"no kernel for torch\.float64"):
        triton.attend(q.double(), k.double(), v.double(), None, geometry)
    with pytest.raises(ConfigError, match="a window of 304 columns is too wide"):
        triton.attend(q, k, v, None, Geometry((1, 4), halo=150))
    many = torch.zeros(8192, 8, 1, 1, 1)
    with pytest.raises(ConfigError, match="batch x heads = 65536 is more than 65535"):
        triton.attend(many, many, many, None, geometry)
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(ConfigError, match="needs a CUDA device"):
        triton.attend(q, k, v, None, geometry)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_forward_mode_derivative_is_refused_and_never_zero() -> None:
    x, table, geometry = torch.randn(1, 1, 4, 4, 8), torch.randn(9, 8), Geometry((4, 4), 1)
    of_queries = lambda q: triton.attend(q, x, x, None, geometry)  # noqa: E731
    of_table = lambda t: triton.attend(x, x, x, Relative(t, table, (4, 4), False), geometry)  # noqa: E731
    for function, primal in ((of_queries, x), (of_table, table)):
        with pytest.raises(ConfigError, match="no forward-mode derivatives: use blocked"):
            torch.func.jvp(function, (primal,), (primal,))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_transforms_of_torch_func_are_refused_and_never_zero() -> None:
    """Of a backward pass by `vmap` alone the answer is right; tests of the other implementations'
    derivatives are in test_derivatives."""
    x, geometry = torch.randn(1, 1, 2, 2, 4), Geometry((2, 2), 0)
    attend = lambda q: triton.attend(q, x, x, None, geometry)  # noqa: E731
    for transform in (torch.func.grad, torch.func.jacrev, torch.func.jacfwd, torch.func.hessian):
        with pytest.raises(ConfigError, match="implementation=triton has no"):
            transform(lambda q: attend(q).sum())(x)
    maps = torch.randn(2, *x.shape)
    gradients = []
    for function in (torch.func.vmap(attend), lambda maps: torch.stack([*map(attend, maps)])):
        given = maps.clone().requires_grad_()
        function(given).square().sum().backward()
        gradients.append(given.grad)
    torch.testing.assert_close(*gradients)


def test_the_kernel_of_exponentials_repeats_them() -> None:
    torch.manual_seed(0)
    call, count = exp_kernel.exponentials("cpu", programs=2)
    assert count == 2 * exp_kernel.BLOCK * exp_kernel.REPEATS
    call()
    x, y = call.args[:2]  # type: ignore[attr-defined]
    expected = x.clone()
    for _ in range(exp_kernel.REPEATS):
        expected = torch.exp(-expected)
    torch.testing.assert_close(y, expected)
    assert y.mean() == pytest.approx(0.567143, abs=1e-5)  # the solution of x = exp(-x)
