"""The gradient of overlapping windows: torch's own, by slower steps, is the oracle."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sabench.layers.kernels.windows import windows

SIZES = ((8, 8), (7, 5), (12, 9), (3, 3))
BLOCKS = ((4, 4), (8, 8), (2, 3), (1, 1))
EACH = [*itertools.product(SIZES, BLOCKS, (0, 1, 2, 4))]


def cut(x: Tensor, block: tuple[int, int], halo: int) -> Tensor:
    blocks = (-(-x.shape[2] // block[0]), -(-x.shape[3] // block[1]))
    return windows(x, blocks, block, halo)


def unfolded(x: Tensor, block: tuple[int, int], halo: int) -> Tensor:
    """One window after another, out of a map with zeros around it."""
    below, right = (-x.shape[2 + axis] % block[axis] + halo for axis in (0, 1))
    padded = functional.pad(x, (0, 0, halo, right, halo, below))
    rows = range(0, padded.shape[2] - 2 * halo, block[0])
    columns = range(0, padded.shape[3] - 2 * halo, block[1])
    high, wide = block[0] + 2 * halo, block[1] + 2 * halo
    found = [
        torch.stack([padded[:, :, i : i + high, j : j + wide] for j in columns], 2) for i in rows
    ]
    return torch.stack(found, 2)


def a_map(size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, *size, 5, dtype=torch.float64, generator=generator)
    return x.requires_grad_()


@pytest.mark.parametrize(("size", "block", "halo"), EACH)
def test_windows_their_gradient_and_its_own(
    size: tuple[int, int], block: tuple[int, int], halo: int
) -> None:
    x = a_map(size)
    mine, plain = cut(x, block, halo), unfolded(x, block, halo)
    assert torch.equal(mine, plain)
    given = torch.rand_like(plain).requires_grad_()
    first = [torch.autograd.grad(one, x, given, create_graph=True)[0] for one in (mine, plain)]
    torch.testing.assert_close(*first, rtol=1e-12, atol=1e-12)
    weights = torch.rand_like(x)
    second = [torch.autograd.grad((one * weights).sum(), given)[0] for one in first]
    torch.testing.assert_close(*second, rtol=1e-12, atol=1e-12)


def test_torchs_slow_gradient_is_taken_only_where_a_halo_is_wider_than_its_block() -> None:
    for block, halo, is_slow in (((4, 4), 4, False), ((4, 4), 5, True), ((2, 4), 3, True)):
        x = a_map((8, 8))
        with torch.profiler.profile() as seen:
            cut(x, block, halo).sum().backward()
        names = {event.key for event in seen.key_averages()}
        assert ("aten::unfold_backward" in names) is is_slow


def test_a_map_without_a_gradient_gives_a_view() -> None:
    x = a_map((8, 8)).detach()
    assert cut(x, (4, 4), 0)._base is not None
    with torch.no_grad():
        assert not cut(a_map((8, 8)), (4, 4), 1).requires_grad


def test_torchs_function_transforms_see_through_it() -> None:
    x = a_map((7, 5)).detach()

    def total(one: Tensor) -> Tensor:
        return cut(one, (4, 4), 1).square().sum()

    def plain(one: Tensor) -> Tensor:
        return unfolded(one, (4, 4), 1).square().sum()

    expected = torch.func.grad(plain)(x)
    torch.testing.assert_close(torch.func.grad(total)(x), expected)
    each = torch.func.vmap(torch.func.grad(lambda one: total(one[None])))(x)
    torch.testing.assert_close(each, expected)
