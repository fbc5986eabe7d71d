"""`flex` on a CPU: forward only, compiled as users have it, and its mathematics uncompiled."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attend import geometries, qkv, sides, tables

from sabench.cases.expand import expand
from sabench.cases.suite import parse_suite
from sabench.catalog.attention import Geometry
from sabench.catalog.implementations import executed_macs
from sabench.catalog.layers import layers
from sabench.count import flop_count
from sabench.errors import ConfigError
from sabench.layers.build import build_layer
from sabench.layers.kernels import flex, reference

KINDS = ("none", "split", "sum")
compiles = pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")


def both(
    geometry: Geometry, size: tuple[int, int], positions: str, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `flex` gives in a precision, and what the reference gives in double."""
    q, k, v = qkv(size, geometry.query_stride)
    relative = None if positions == "none" else tables(20, split=positions == "split")
    with torch.no_grad():
        expected = reference.attend(q, k, v, relative, geometry)
        rounded = relative and replace(
            relative, rows=relative.rows.to(dtype), columns=relative.columns.to(dtype)
        )
        found = flex.attend(*(x.to(dtype) for x in (q, k, v)), rounded, geometry)
    return found, expected.to(found.dtype)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(geometries(), sides, sides, st.sampled_from(KINDS))
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_its_mathematics_is_the_references(
    geometry: Geometry, height: int, width: int, positions: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flex, "_compiled", lambda: flex._flex)
        found, expected = both(geometry, (height, width), positions, torch.float64)
    torch.testing.assert_close(found, expected)


COMPILED = [
    (Geometry((4, 4), 1), (7, 6), "sum"),
    (Geometry((7, 7), 3, border="zeros"), (14, 14), "none"),
    (Geometry((1, 1), 2, band=True), (9, 6), "split"),
    (Geometry((4, 4), 1, query_stride=2), (9, 9), "sum"),
]
"""The first with every commit."""


@compiles
@pytest.mark.parametrize(
    ("geometry", "size", "positions"),
    [COMPILED[0], *(pytest.param(*one, marks=pytest.mark.slow) for one in COMPILED[1:])],
)
def test_compiled_it_equals_the_reference(
    geometry: Geometry, size: tuple[int, int], positions: str
) -> None:
    found, expected = both(geometry, size, positions)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_come_back_in_their_type(dtype: torch.dtype) -> None:
    found, expected = both(Geometry((4, 4), 1), (7, 6), "sum", dtype)
    assert found.dtype == dtype
    assert (found - expected).norm() <= 2e-2 * expected.norm()


@pytest.mark.parametrize("name", ["self_attention", "augmented", "halo", "global_attention"])
def test_a_counter_finds_all_that_it_multiplies(name: str) -> None:
    row = layers()[name]
    layer = build_layer(row, row.small, 16, 16, size=(10, 7), implementation="flex")
    counted = flop_count(layer, (16, 10, 7))
    assert counted.macs == executed_macs(row, row.small, 16, 16, (10, 7), 1, "flex")
    assert "sabench.flex_blocks" not in counted.uncounted_ops


def test_gradients_are_refused_on_a_cpu() -> None:
    q, k, v = (x.requires_grad_() for x in qkv((4, 4)))
    with pytest.raises(ConfigError, match="flex has no gradients on a CPU"):
        flex.attend(q, k, v, None, Geometry((4, 4), 0))
    text = (
        b"name: x\nlayers: [{layer: halo, mode: [forward, forward_backward], implementation: flex}]"
    )
    found = expand(parse_suite(text, "x.yaml"))
    assert [case.mode for case in found.cases] == ["forward"]
    (dropped,) = found.dropped
    assert dropped.reason == "implementation=flex needs cuda for gradients, not cpu"
