"""`attend` for any geometry: implementations agree, and geometries that mean the same do too."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from layer_variants import ON_ANY_DEVICE
from sabench.catalog.attention import Geometry
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.layers.kernels import chunked, reference
from sabench.layers.relative import Relative

sides = st.integers(1, 9)
ATTENDS = {name: IMPLEMENTATIONS[name].load() for name in ON_ANY_DEVICE}
each_implementation = pytest.mark.parametrize("implementation", ON_ANY_DEVICE)
each_other = pytest.mark.parametrize(
    "implementation", [name for name in ON_ANY_DEVICE if name != "reference"]
)
quick = settings(max_examples=60, deadline=None, derandomize=True)


def qkv(size: tuple[int, int], stride: int = 1, width: int = 4, values: int = 3) -> list[Tensor]:
    """Random q, k, v of two images and two heads, float64."""
    torch.manual_seed(0)
    kept = (-(-size[0] // stride), -(-size[1] // stride))
    maps = ((kept, width), (size, width), (size, values))
    return [torch.randn(2, 2, *place, wide, dtype=torch.float64) for place, wide in maps]


def tables(reach: int, *, split: bool, width: int = 4) -> Relative:
    """Random tables for displacements of at most `reach`, float64."""
    torch.manual_seed(1)
    widths = (width // 2, width - width // 2) if split else (width, width)
    rows, columns = (torch.randn(2 * reach + 1, w, dtype=torch.float64) for w in widths)
    return Relative(rows, columns, (reach, reach), split)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    border = draw(st.sampled_from(["mask", "zeros"]))
    if draw(st.booleans()):
        return Geometry((1, 1), halo=draw(st.integers(0, 5)), band=True, border=border)
    stride = draw(st.integers(1, 2))
    block = (stride * draw(st.integers(1, 4)), stride * draw(st.integers(1, 4)))
    return Geometry(block, draw(st.integers(0, 4)), border=border, query_stride=stride)


@each_other
@quick
@given(geometries(), sides, sides, st.sampled_from(["none", "split", "sum"]), st.booleans())
def test_every_implementation_equals_the_reference(
    implementation: str,
    geometry: Geometry,
    height: int,
    width: int,
    positions: str,
    content: bool,
) -> None:
    q, k, v = qkv((height, width), geometry.query_stride)
    k = k if content else None
    relative = None if positions == "none" else tables(20, split=positions == "split")
    expected = reference.attend(q, k, v, relative, geometry)
    found = ATTENDS[implementation](q, k, v, relative, geometry)
    torch.testing.assert_close(found, expected)


@each_other
@quick
@given(geometries(), sides, sides, st.sampled_from(["none", "split", "sum"]), st.integers(3, 4))
def test_every_gradient_equals_the_references(
    implementation: str,
    geometry: Geometry,
    height: int,
    width: int,
    positions: str,
    values: int,
) -> None:
    made = qkv((height, width), geometry.query_stride, values=values)
    relative = None if positions == "none" else tables(20, split=positions == "split")
    learnt = [*made, *([] if relative is None else [relative.rows, relative.columns])]
    for x in learnt:
        x.requires_grad_()
    found, expected = (
        torch.autograd.grad(attend(*made, relative, geometry).square().sum(), learnt)
        for attend in (ATTENDS[implementation], reference.attend)
    )
    for mine, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize("logits", [1, 300, 10**9])
@pytest.mark.parametrize("images", [1, 5])
def test_chunks_of_any_size_give_the_same(
    logits: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of blocks of one image at a time, some images at a time, all at once."""
    monkeypatch.setattr(chunked, "CHUNK", logits)
    torch.manual_seed(0)
    q, k, v = (torch.randn(images, 2, 7, 5, 4, dtype=torch.float64) for _ in range(3))
    geometry, relative = Geometry((2, 2), halo=1), tables(9, split=False)
    expected = reference.attend(q, k, v, relative, geometry)
    torch.testing.assert_close(chunked.attend(q, k, v, relative, geometry), expected)


@quick
@given(sides, sides, st.integers(1, 4))
def test_a_window_over_the_whole_map_is_global_attention(
    height: int, width: int, spare: int
) -> None:
    q, k, v = qkv((height, width))
    relative, halo = tables(20, split=True), max(height, width) - 2 + spare
    everything = Geometry((height, width), halo=0)
    for attend in ATTENDS.values():
        torch.testing.assert_close(
            attend(q, k, v, relative, Geometry((1, 1), halo, band=True)),
            attend(q, k, v, relative, everything),
        )


@quick
@given(sides, sides, st.integers(1, 4))
def test_a_halo_over_the_whole_map_is_global_attention(height: int, width: int, block: int) -> None:
    q, k, v = qkv((height, width))
    relative = tables(20, split=False)
    for attend in ATTENDS.values():
        torch.testing.assert_close(
            attend(q, k, v, relative, Geometry((block, block), halo=9)),
            attend(q, k, v, relative, Geometry((height, width), halo=0)),
        )


@quick
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.sampled_from(["mask", "zeros"]))
def test_halo_at_zero_halo_is_attention_inside_each_block(
    down: int, across: int, block: int, border: str
) -> None:
    q, k, v = qkv((down * block, across * block))
    relative = tables(9, split=False)
    inside = Geometry((block, block), halo=0, border=border)
    for attend in ATTENDS.values():
        whole = attend(q, k, v, relative, inside)
        for row in range(down):
            for column in range(across):
                here = (
                    ...,
                    slice(row * block, (row + 1) * block),
                    slice(column * block, (column + 1) * block),
                    slice(None),
                )
                alone = Geometry((block, block), halo=0)
                expected = attend(q[here], k[here], v[here], relative, alone)
                torch.testing.assert_close(whole[here], expected)


@quick
@given(sides, sides, st.integers(1, 3), st.integers(0, 3), st.sampled_from(["mask", "zeros"]))
def test_a_query_stride_keeps_every_second_answer(
    height: int, width: int, half_block: int, halo: int, border: str
) -> None:
    q, k, v = qkv((height, width))
    relative, block = tables(20, split=False), (2 * half_block, 2 * half_block)
    for attend in ATTENDS.values():
        every = attend(q, k, v, relative, Geometry(block, halo, border=border))
        kept = Geometry(block, halo, border=border, query_stride=2)
        found = attend(q[:, :, ::2, ::2], k, v, relative, kept)
        torch.testing.assert_close(found, every[:, :, ::2, ::2])


@each_implementation
def test_a_shifted_map_gives_a_shifted_answer_away_from_the_border(implementation: str) -> None:
    attend = ATTENDS[implementation]
    q, k, v = qkv((12, 12))
    relative, band = tables(2, split=True), Geometry((1, 1), halo=2, band=True)
    whole = attend(q, k, v, relative, band)
    cut = attend(*(x[:, :, 1:, 3:] for x in (q, k, v)), relative, band)
    torch.testing.assert_close(cut[:, :, 2:, 2:], whole[:, :, 3:, 5:])


@each_implementation
def test_keys_that_are_all_alike_give_the_mean_of_the_window(implementation: str) -> None:
    attend = ATTENDS[implementation]
    q, k, v = qkv((6, 6))
    band = Geometry((1, 1), halo=1, band=True)
    found = attend(q, torch.zeros_like(k), v, None, band)
    torch.testing.assert_close(found[:, :, 2, 3], v[:, :, 1:4, 2:5].mean((2, 3)))
    torch.testing.assert_close(found[:, :, 0, 0], v[:, :, :2, :2].mean((2, 3)))


@quick
@given(geometries(), sides, sides, st.sampled_from(["none", "split", "sum"]))
def test_no_keys_are_keys_of_zero(
    geometry: Geometry, height: int, width: int, positions: str
) -> None:
    q, k, v = qkv((height, width), geometry.query_stride)
    relative = None if positions == "none" else tables(20, split=positions == "split")
    for attend in ATTENDS.values():
        with torch.no_grad():
            found = attend(q, None, v, relative, geometry)
            expected = attend(q, torch.zeros_like(k), v, relative, geometry)
        torch.testing.assert_close(found, expected)


@each_implementation
def test_zeros_at_the_border_take_their_share(implementation: str) -> None:
    attend = ATTENDS[implementation]
    q, k, v = qkv((6, 6))
    band = Geometry((1, 1), halo=1, band=True, border="zeros")
    found = attend(q, torch.zeros_like(k), v, None, band)
    torch.testing.assert_close(found[:, :, 0, 0], v[:, :, :2, :2].sum((2, 3)) / 9)


@each_implementation
def test_a_key_that_stands_out_takes_everything(implementation: str) -> None:
    """The column table points one step to the right: every query reads its right neighbour."""
    attend = ATTENDS[implementation]
    q, k, v = qkv((5, 5))
    rows, columns = torch.zeros(3, 2, dtype=q.dtype), torch.zeros(3, 2, dtype=q.dtype)
    rows[1], columns[2] = 1e3, 1e3  # displacement (0, +1)
    relative = Relative(rows, columns, (1, 1), split=True)
    band = Geometry((1, 1), halo=1, band=True)
    found = attend(torch.ones_like(q), torch.zeros_like(k), v, relative, band)
    torch.testing.assert_close(found[:, :, :, :-1], v[:, :, :, 1:])


@pytest.mark.parametrize("halo", [0, 1, 5])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@each_implementation
def test_blocks_with_queries_that_see_nothing_have_finite_gradients(
    implementation: str, dtype: torch.dtype, halo: int
) -> None:
    """A block may reach beyond the map by more than the band: those queries see no key at all."""
    attend = ATTENDS[implementation]
    q, k, v = (x.to(dtype).requires_grad_() for x in qkv((1, 1)))
    attend(q, k, v, None, Geometry((1, 1), halo, band=True)).sum().backward()
    for x in (q, k, v):
        assert x.grad is not None
        assert x.grad.isfinite().all()


@pytest.mark.parametrize("positions", ["none", "split"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@each_implementation
def test_half_types_come_back_in_their_type(
    implementation: str, dtype: torch.dtype, positions: str
) -> None:
    attend = ATTENDS[implementation]
    q, k, v = qkv((7, 5))
    band = Geometry((1, 1), halo=2, band=True)
    relative = None if positions == "none" else tables(2, split=True)
    rounded = relative and replace(
        relative, rows=relative.rows.to(dtype), columns=relative.columns.to(dtype)
    )
    found = attend(*(x.to(dtype) for x in (q, k, v)), rounded, band)
    assert found.dtype == dtype
    exact = reference.attend(q, k, v, relative, band)
    assert (found.double() - exact).norm() <= 2e-2 * exact.norm()


@pytest.mark.parametrize("name", ["reference", "blocked", "bmm_aug", "chunked"])
def test_gradients_of_gradients_are_those_of_differences(name: str) -> None:
    torch.manual_seed(0)
    made = [torch.randn(1, 1, 4, 4, 2, dtype=torch.double, requires_grad=True) for _ in range(3)]
    attend, geometry = ATTENDS[name], Geometry((2, 2), 1)
    assert torch.autograd.gradgradcheck(lambda q, k, v: attend(q, k, v, None, geometry), made)
