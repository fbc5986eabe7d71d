"""What each position of a layer's map sees, in closed form: along one axis, the other is alike."""

from typing import Any

from sabench.catalog.layers.conv import ConvOptions
from sabench.catalog.rows import Layer
from sabench.errors import ConfigError

Field = frozenset[int]
"""Places along an axis of the map."""


def fields(row: Layer, options: Any, channels: int, size: int) -> tuple[Field, ...]:
    """What the position at each place along an axis sees, of a square map at stride 1.

    Raises: ConfigError for a layer of which it is not known.
    """
    everything = frozenset(range(size))
    if row.sees_all:
        return (everything,) * size
    if isinstance(options, ConvOptions):
        half = options.window // 2
        return tuple(_within(size, place - half, place + half) for place in range(size))
    if row.attention is None:
        raise ConfigError(f"{row.name}: it is not known what a position of it sees")
    geometry = row.attention(options, channels, channels, (size, size), 1).geometry
    halo = geometry.halo
    if geometry.band:
        return tuple(_within(size, place - halo, place + halo) for place in range(size))
    block = geometry.block[1]
    starts = (place // block * block for place in range(size))
    return tuple(_within(size, start - halo, start + block - 1 + halo) for start in starts)


def _within(size: int, first: int, last: int) -> Field:
    return frozenset(range(max(0, first), min(size - 1, last) + 1))


def never_together(seen: tuple[Field, ...], distance: int) -> bool:
    """Whether no position sees two marks at that distance, wherever they lie."""
    return not any(_holds(field, place, distance) for field in seen for place in field)


def always_together(seen: tuple[Field, ...], distance: int) -> bool:
    """Whether some position sees both marks at that distance, wherever they lie."""
    places = range(len(seen) - distance)
    return all(any(_holds(field, place, distance) for field in seen) for place in places)


def _holds(field: Field, place: int, distance: int) -> bool:
    return place in field and place + distance in field
