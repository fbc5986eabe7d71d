"""Position encodings of where a pixel lies on the map, added to it or put beside its channels."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.rows import Size
from sabench.layers.relative import new_table, resized, widened

LONGEST = 10_000.0
"""The wavelengths go from 2 pi to 2 pi times this: Vaswani et al. 2017 (arXiv:1706.03762)."""


class SinePositions(nn.Module):
    """Adds sinusoids of the row to the first half of the channels, of the column to the rest.

    Channel 2i of a half of d channels is sin(p / 10000^(2i / d)), channel 2i + 1 its cosine.
    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.5, for a row and a column.
    Shapes: (B, C, H, W) -> (B, C, H, W); another map than the built one gets its own sinusoids.
    """

    encoding: Tensor

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.register_buffer("encoding", sinusoids(channels, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add, in x's type."""
        return x + _of_map(x, self.encoding, partial(sinusoids, x.shape[1]))


class LearnedPositions(nn.Module):
    """Adds an embedding of the row and one of the column, each of the map's width.

    Shapes: (B, C, H, W) -> (B, C, H, W); for another map than the built one the tables are
    interpolated linearly between their ends.
    """

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.rows = new_table(size[0], channels)
        self.columns = new_table(size[1], channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add, in x's type."""
        rows = resized(widened(self.rows), x.shape[2]).t()[:, :, None]  # (C, H, 1)
        columns = resized(widened(self.columns), x.shape[3]).t()[:, None]  # (C, 1, W)
        return x + (rows + columns).to(x.dtype)


class FreePositions(nn.Module):
    """Adds an embedding of the position itself, which says nothing of row, column or neighbours.

    Source: the learned positions of ViT, Dosovitskiy et al. 2021 (arXiv:2010.11929), section 3.1.
    Shapes: (B, C, H, W) -> (B, C, H, W); for another map than the built one the table is
    interpolated in both directions (their section 3.2), linearly between its corners.
    """

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        table = new_table(size[0] * size[1], channels).detach()
        self.table = nn.Parameter(table.view(*size, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add, in x's type."""
        table, size = widened(self.table).permute(2, 0, 1)[None], x.shape[2:]  # (1, C, H, W)
        if table.shape[2:] != size:
            table = functional.interpolate(table, size, mode="bilinear", align_corners=True)
        return x + table.to(x.dtype)


class Coordinates(nn.Module):
    """Three channels more: the place across and down, from -1 to 1, and the distance from 0, 0.

    Source: Liu et al. 2018 (arXiv:1807.03247), section 3; a side of one pixel lies at 0.
    Shapes: (B, C, H, W) -> (B, C + 3, H, W); another map than the built one gets its own.
    """

    places: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.register_buffer("places", coordinates(size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Put them beside, in x's type."""
        places = _of_map(x, self.places, coordinates)
        return torch.cat([x, places.expand(len(x), -1, -1, -1)], dim=1)


def coordinates(size: Size, device: torch.device | None = None) -> Tensor:
    """What `Coordinates` puts beside: (3, H, W)."""
    down, across = (_centred(length, device) for length in size)
    places = (across.expand(size), down[:, None].expand(size))
    return torch.stack([*places, torch.hypot(*places)])


def sinusoids(channels: int, size: Size, device: torch.device | None = None) -> Tensor:
    """What `SinePositions` adds: (C, H, W), of the default type."""
    half = channels - channels // 2
    rows = _waves(half, size[0], device)[:, :, None].expand(-1, *size)
    columns = _waves(channels // 2, size[1], device)[:, None].expand(-1, *size)
    return torch.cat([rows, columns]).to(torch.get_default_dtype())


def _of_map(
    x: Tensor, built: Tensor, make: Callable[[Size, torch.device | None], Tensor]
) -> Tensor:
    """What was built, or what x's map needs if it is another one; in x's type."""
    size = (x.shape[2], x.shape[3])
    return (built if built.shape[1:] == size else make(size, x.device)).to(x.dtype)


def _waves(channels: int, length: int, device: torch.device | None) -> Tensor:
    """(channels, length), in fp64: a sine of a hundred radians keeps its digits."""
    number = torch.arange(channels, device=device, dtype=torch.float64)
    rates = LONGEST ** (-2 * number.div(2, rounding_mode="floor") / max(channels, 1))
    angles = rates[:, None] * torch.arange(length, device=device, dtype=torch.float64)
    return torch.where(number[:, None] % 2 == 0, angles.sin(), angles.cos())


def _centred(length: int, device: torch.device | None) -> Tensor:
    """-1 to 1 in even steps; 0 for a single place."""
    place = torch.arange(length, device=device, dtype=torch.float32)
    return (2 * place - (length - 1)) / max(length - 1, 1)
