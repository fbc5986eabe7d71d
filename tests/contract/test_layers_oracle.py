"""Every layer against its naive float64 oracle: output and every gradient, in fp32 and bf16."""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from layer_variants import IN_CHANNELS, ON_ANY_DEVICE, OUT_CHANNELS, variants
from sabench.catalog.layers import BUILT_IN
from sabench.catalog.rows import Layer, Options
from sabench.layers.build import build_layer

MAPS = ((8, 8), (7, 7), (13, 9), (30, 30))
ODD_MAPS = ((7, 7), (13, 9))
BORDERS = ("mask", "zeros")
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
CHANNELS = (IN_CHANNELS, OUT_CHANNELS)

BESIDES_SMALL: dict[str, tuple[dict[str, object], ...]] = {
    "conv": ({"window": 5}, {"groups": 2}, {"depthwise": True}, {"window": 1}),
    "self_attention": ({"window": 1}, {"window": 5}, {"window": 9}),
    "attention_stem": ({"block": 3},),
    "augmented": ({"downsample": True}, {"upsilon": 1}, {"kappa": 0.25, "window": 1}),
    "halo": ({"rv": 2}, {"rv": 0.5}, {"block": 6, "halo": 2}, {"block": 2, "halo": 0}),
}
"""Options that change the mathematics, tried on the odd maps as well."""


class Case(NamedTuple):
    row: Layer
    options: Options
    size: tuple[int, int]
    stride: int

    @property
    def channels(self) -> tuple[int, int]:
        return (CHANNELS[1], CHANNELS[1]) if self.row.square else CHANNELS


def cases() -> Iterator[Case]:
    for row in BUILT_IN:
        wanted = [(row.small, MAPS)]
        for changes in BESIDES_SMALL.get(row.name, ()):
            wanted.append((row.small.model_copy(update=changes), ODD_MAPS))
        for options, maps in wanted:
            for border in BORDERS if "border" in row.options.model_fields else (None,):
                changed = options.model_copy(update={"border": border}) if border else options
                for size in maps:
                    for stride in (1, 2):
                        case = Case(row, changed, size, stride)
                        if row.problems(changed, *case.channels, size, stride) is None:
                            yield case
    for variant in variants():
        for border in BORDERS if "border" in variant.row.options.model_fields else (None,):
            update = {"border": border} if border else {}
            changed = variant.options.model_copy(update=update)
            yield Case(variant.row, changed, variant.size, variant.stride)


def name(case: Case) -> str:
    values = ",".join(f"{key}={value}" for key, value in case.options.model_dump().items())
    return f"{case.row.name}/{case.size[0]}x{case.size[1]},stride={case.stride},{values}"


CASES = list(cases())


def is_usual(case: Case) -> bool:
    """Whether it is tried with every commit: of the maps on the one that leaves most rests."""
    return case.size == ODD_MAPS[-1] or case.size not in MAPS


def built(case: Case, implementation: str) -> nn.Module:
    return build_layer(
        case.row,
        case.options,
        *case.channels,
        stride=case.stride,
        size=case.size,
        implementation=implementation,
    )


class Expected(NamedTuple):
    """One rounded problem and what the oracle says of it."""

    state: dict[str, Tensor]
    x: Tensor
    upstream: Tensor
    tensors: dict[str, Tensor]


@cache
def expected(case: Case, dtype: torch.dtype) -> Expected:
    """The default initialisation and a random input, rounded to dtype, worked in float64."""
    torch.manual_seed(0)
    layer = built(case, "reference").to(dtype)
    state = {key: value.detach() for key, value in layer.state_dict().items()}
    x = torch.randn(2, case.channels[0], *case.size).to(dtype)
    exact = {key: value.double().requires_grad_() for key, value in state.items()}
    exact_x = x.double().requires_grad_()
    oracle = importlib.import_module(f"oracles.{case.row.name}").oracle
    out = oracle(exact, exact_x, case.options, case.stride)
    upstream = torch.randn(out.shape).to(dtype)
    out.backward(upstream.double())
    tensors = {"output": out.detach(), "input": gradient(exact_x)}
    tensors |= {key: gradient(value) for key, value in exact.items()}
    return Expected(state, x, upstream, tensors)


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def results(layer: nn.Module, given: Expected) -> dict[str, Tensor]:
    layer.load_state_dict(given.state)
    x = given.x.clone().requires_grad_()
    out = layer(x)
    out.backward(given.upstream)
    return {
        "output": out.detach(),
        "input": gradient(x),
        **{key: gradient(value) for key, value in layer.named_parameters()},
    }


def difference(actual: Tensor, exact: Tensor) -> float:
    """Norm of the difference over norm of the exact; an exact zero asks for a tiny difference."""
    return float((actual.double() - exact).norm() / exact.norm().clamp_min(1e-12))


def implementations(row: Layer) -> tuple[str, ...]:
    return ("reference",) if row.attention is None else ON_ANY_DEVICE


def in_each_dtype() -> Iterator[Any]:
    """With every commit maps that leave rests of blocks, half types on one of them: what those
    round does not depend on the map."""
    for case in CASES:
        usual = () if is_usual(case) else pytest.mark.slow
        yield pytest.param(case, torch.float32, id=f"{name(case)}-fp32", marks=usual)
        usual = () if case.size == ODD_MAPS[0] and case.stride == 1 else pytest.mark.slow
        yield pytest.param(case, torch.bfloat16, id=f"{name(case)}-bf16", marks=usual)


@pytest.mark.parametrize(("case", "dtype"), list(in_each_dtype()))
def test_output_and_every_gradient_equal_the_oracle(case: Case, dtype: torch.dtype) -> None:
    given = expected(case, dtype)
    for implementation in implementations(case.row):
        layer = built(case, implementation).to(dtype)
        found = results(layer, given)
        assert found.keys() == given.tensors.keys()
        for key, exact in given.tensors.items():
            error = difference(found[key], exact)
            assert error <= TOLERANCE[dtype], f"{implementation}: {key} is off by {error:.1e}"
            assert found[key].isfinite().all()


WITHOUT_GRADIENTS = [
    pytest.param(case, id=name(case), marks=() if is_usual(case) else pytest.mark.slow)
    for case in CASES
    if case.row.attention
]


@pytest.mark.parametrize("case", WITHOUT_GRADIENTS)
def test_every_implementation_gives_the_same_without_gradients(case: Case) -> None:
    """Some then take another way: `blocked` adds in place, torch's fused attention is used."""
    given = expected(case, torch.float32)
    for implementation in ON_ANY_DEVICE:
        layer = built(case, implementation)
        layer.load_state_dict(given.state)
        with torch.no_grad():
            error = difference(layer(given.x), given.tensors["output"])
        assert error <= 1e-5, f"{implementation} is off by {error:.1e}"
