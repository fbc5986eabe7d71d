"""docs/networks.md: every network with its options, and the command of each published row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sabench.cases.case import show_scalar
from sabench.catalog.layers import BUILT_IN as LAYERS
from sabench.catalog.networks import BUILT_IN as NETWORKS
from sabench.catalog.networks.cost import network_cost
from sabench.catalog.networks.options import is_per_group
from sabench.catalog.networks.plan import placed_steps
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Options, stated
from sabench.papers.rows import PAPERS, Paper, load_paper
from sabench.report.verify import count_command

HEAD = """\
# Networks

Written by `python tools/write_networks_page.py` from the catalogue and the papers' rows; a test
compares. Parameters and MACs are those of the network as it stands, at its own resolution.

    sabench count NAME key=value ... LAYER.option=value ...

`LAYER.option=value` reaches every slot that holds the layer. What has a value for each group takes
one for all, or all with commas between.
"""
NO_TABLE = "## In no table of these papers"


def networks_page() -> str:
    """The page, as Markdown."""
    parts = [HEAD]
    for _, rows in groupby(NETWORKS, key=lambda row: (row.family, row.options)):
        parts.append(_family(list(rows)))
    parts.append(_layers())
    papers = {name: load_paper(name) for name in PAPERS}
    parts += [_commands(name, paper) for name, paper in papers.items()]
    used = {row.network for paper in papers.values() for row in paper.rows}
    if unprinted := [row.name for row in NETWORKS if row.name not in used]:
        parts.append(_unprinted(unprinted))
    return "\n".join(parts)


def _family(rows: Sequence[Network]) -> str:
    options = rows[0].options
    lines = [f"## {rows[0].family}", "", " ".join(_described(options)), ""]
    lines += _table(("option", "default", "allowed"), _options(options, options()))
    lines.append("")
    heads = ("network", "what it is", "source", "px", "params", "MACs", "its defaults", "slots")
    return "\n".join(lines + list(_table(heads, map(_network, rows)))) + "\n"


def _network(row: Network) -> tuple[str, ...]:
    plan = row.plan(row.defaults, {}, row.resolution)
    cost = network_cost(plan)
    held = Counter(place.step.layer for place in placed_steps(plan) if place.step.slot)
    return (
        f"`{row.name}`",
        row.title,
        row.source,
        str(row.resolution),
        f"{cost.params / 1e6:.3f} M",
        f"{cost.macs / 1e9:.3f} G",
        _pairs(stated(row.defaults, row.options())),
        ", ".join(f"{number} {layer}" for layer, number in held.items()),
    )


def _layers() -> str:
    lines = ["## Options of the layers in slots", ""]
    rows = [
        (f"`{layer.name}.{key}`", default, allowed)
        for layer in LAYERS
        for (key, default, allowed) in _bare(layer.options, layer.options())
    ]
    return "\n".join(lines + list(_table(("option", "default", "allowed"), rows))) + "\n"


def _commands(name: str, paper: Paper) -> str:
    lines = [f"## {paper.title} ({paper.source})", ""]
    lines += [f"Held against its figures by `sabench verify {name}`.", ""]
    rows = [
        (row.table, row.row, f"`{count_command(row)}`" if row.network else "not built")
        for row in paper.rows
    ]
    return "\n".join(lines + list(_table(("table", "row", "command"), rows))) + "\n"


def _unprinted(names: Sequence[str]) -> str:
    lines = [NO_TABLE, "", *(f"- `sabench count {name}`" for name in names)]
    return "\n".join(lines) + "\n"


def _described(options: type[Options]) -> Iterator[str]:
    """What the options mean: the classes' own words, the most general first."""
    for one in reversed(options.__mro__):
        if issubclass(one, Options) and one is not Options:
            yield " ".join((one.__doc__ or "").split())


def _options(options: type[Options], defaults: Options) -> Iterator[tuple[str, ...]]:
    for key, default, allowed in _bare(options, defaults):
        yield f"`{key}`", default, allowed


def _bare(options: type[Options], defaults: Options) -> Iterator[tuple[str, str, str]]:
    """Each option with its default and what it may be."""
    schema = options.model_json_schema().get("properties", {})
    for key, about in schema.items():
        yield key, show_scalar(getattr(defaults, key)), _allowed(options, key, about)


def _allowed(options: type[Options], key: str, about: Mapping[str, Any]) -> str:
    if is_per_group(options, key):
        names = {layer.name for layer in LAYERS}
        is_layer = set(str(about["default"]).split(",")) <= names
        return f"{'a layer' if is_layer else 'a whole number'}, or one for each group"
    if "enum" in about:
        return ", ".join(about["enum"])
    if about.get("type") == "boolean":
        return "true, false"
    if "gt" in about:
        return f"more than {about['gt']}, at most {about['le']}"
    return f"{about['minimum']} to {about['maximum']}"


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={show_scalar(value)}" for key, value in values.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"
