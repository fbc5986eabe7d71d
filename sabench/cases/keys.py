"""Catalogue rows as a suite addresses them: the keys an entry may have, the values they take."""

from collections.abc import Iterable

from sabench.cases.axes import AXES
from sabench.cases.case import Kind, Scalar
from sabench.cases.model import Entry
from sabench.cases.wording import option_problem, unknown
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Layer
from sabench.errors import ConfigError


def find_row(kind: Kind, subject: str) -> Layer | Network:
    """The catalogue's row."""
    return layers()[subject] if kind == "layer" else networks()[subject]


def entry_row(entry: Entry) -> Layer | Network | None:
    """The row of an entry, None for a layer of the user's own."""
    return None if entry.file else find_row(entry.kind, entry.subject)


def axes_of(row: Layer | Network | None, *, matched: bool) -> list[str]:
    """The shared axes that reach a row; None is a layer of the user's own.

    Without `match`, a window is an option or nothing.
    """
    kind = "network" if isinstance(row, Network) else "layer"
    by_window = matched and isinstance(row, Layer) and row.at_window is not None
    return [
        name
        for name, axis in AXES.items()
        if kind in axis.reaches and (name != "window" or by_window)
    ]


def key_problem(row: Layer | Network, key: str, axes: Iterable[str]) -> str | None:
    """Why `key` is no option: the row's own; for a network also LAYER.option, for its slots."""
    layer, dot, option = key.partition(".")
    if not dot or isinstance(row, Layer):
        fields = row.options.model_fields
        return None if key in fields else unknown(f"key of {row.name}", key, (*fields, *axes))
    if layer not in layers():
        return unknown("layer", layer, layers())
    fields = layers()[layer].options.model_fields
    return None if option in fields else unknown(f"option of {layer}", option, fields)


def value_problem(row: Layer | Network, key: str, value: Scalar) -> str | None:
    """Why an option cannot have this value; None if it can."""
    if isinstance(row, Layer):
        return option_problem(row.options, key, value)
    try:
        row.parse({key: value})
    except ConfigError as error:
        return str(error)
    return None
