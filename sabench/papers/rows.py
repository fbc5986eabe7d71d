"""Published rows: one YAML file a paper, every figure as it is printed.

A mistake in a file is one line with file:line:column. No figure of ours has a place here.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from sabench.catalog.attention import Counted
from sabench.catalog.networks import networks
from sabench.catalog.networks.options import hint
from sabench.catalog.networks.parts import Scalar
from sabench.errors import ConfigError
from sabench.records import Frozen

PAPERS = ("sasa", "aacn", "halonet")

Convention = Literal["MAC", "2 x MAC"]
Printed = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class Tolerance(Frozen):
    """Where ours may lie beyond the print's rounding, as shares of the printed figure; and why."""

    least: float
    most: float
    reason: Text


class Figure(Frozen):
    """A printed figure. `tolerance` names one of the paper's, for what is beyond the rounding;
    `uncertain` names the note that says why the figure cannot be held."""

    printed: Printed
    tolerance: str = ""
    uncertain: str = ""

    @property
    def value(self) -> Decimal:
        """The figure as a number."""
        return Decimal(self.printed)

    @property
    def rounding(self) -> Decimal:
        """Half a unit of the last printed digit."""
        exponent = self.value.as_tuple().exponent
        assert isinstance(exponent, int)
        return Decimal(5).scaleb(exponent - 1)


def _figure(value: object) -> object:
    """A bare number is a figure that only the rounding of the print holds."""
    return {"printed": value} if isinstance(value, str) else value


PrintedFigure = Annotated[Figure, BeforeValidator(_figure)]


class Row(Frozen):
    """A row of a published table: what it is here, and what is printed of it.

    `resolution`: the image's side, the network's own where it is left out. `top1` and `ap` are
    percent. `convention`: what `flops_b` counts, the paper's where the row does not say. `note`
    names one of the paper's: where the paper is silent or wrong.
    """

    table: Text
    row: Text
    network: str = ""
    options: dict[str, Scalar] = Field(default_factory=dict)
    not_built: str = ""
    resolution: Annotated[int, Field(ge=1)] | None = None
    params_m: PrintedFigure | None = None
    flops_b: PrintedFigure | None = None
    convention: Convention | None = None
    top1: Printed | None = None
    ap: Printed | None = None
    confidence: Literal["high", "medium", "low"]
    note: str = ""

    @property
    def has_figures(self) -> bool:
        """Whether there is anything to hold a count against."""
        return self.params_m is not None or self.flops_b is not None

    @model_validator(mode="after")
    def _fits(self) -> "Row":
        if bool(self.network) == bool(self.not_built):
            raise ValueError("a row has a network, or the reason why it is not_built")
        if self.not_built and self.options:
            raise ValueError("what is not built has no options")
        if self.flops_b and not self.convention:
            raise ValueError("flops_b needs a convention: MAC, 2 x MAC")
        return self


class Paper(Frozen):
    """A paper's published rows.

    `positions`: how its q.r is counted; `left_out`: which terms its FLOPs leave out.
    """

    title: Text
    source: Text
    convention: Convention | None = None
    positions: Counted
    left_out: Text
    tolerances: dict[str, Tolerance] = Field(default_factory=dict)
    notes: dict[str, Text] = Field(default_factory=dict)
    rows: tuple[Row, ...]


@cache
def load_paper(name: str) -> Paper:
    """The paper that goes by a name.

    Raises: ConfigError for an unknown name, and at the first mistake in its file.
    """
    if name not in PAPERS:
        raise ConfigError(f"paper {name!r} is not known, {hint(name, list(PAPERS))}")
    source = files("sabench.papers") / f"{name}.yaml"
    return parse_paper(source.read_text(encoding="utf-8"), f"sabench/papers/{name}.yaml")


def parse_paper(text: str, file: str) -> Paper:
    """The paper that a file's text describes; `file` is how places name it.

    Raises: ConfigError at the first mistake.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{_place(file, error.problem_mark)}: {error.problem}") from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{file}:1:1: a paper is a mapping of keys to values")
    data = _data(root, file)
    for row in data.get("rows") or ():
        if isinstance(row, dict):
            row.setdefault("convention", data.get("convention"))
    try:
        paper = Paper.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = _place(file, _found(root, first["loc"]).start_mark)
        raise ConfigError(f"{where}: {_told(first['loc'], first['msg'])}") from error
    for index, row in enumerate(paper.rows):
        problem = _problem(row, paper)
        if problem:
            key, told = problem
            raise ConfigError(
                f"{_place(file, _found(root, ('rows', index, *key)).start_mark)}: {told}"
            )
    return paper


def published_flops(
    subject: str, options: Mapping[str, Scalar], resolution: int | None
) -> tuple[Row, ...]:
    """Every row with FLOPs that is about this network, with the options that a case states.

    Raises: ConfigError if a paper's file has a mistake.
    """
    return tuple(row for row in _about(subject, options, resolution) if row.flops_b)


def published_top1(
    subject: str, options: Mapping[str, Scalar], resolution: int | None
) -> Printed | None:
    """Top-1 accuracy in percent as the first row that is about this network prints it.

    Raises: ConfigError if a paper's file has a mistake.
    """
    about = _about(subject, options, resolution)
    return next((row.top1 for row in about if row.top1 is not None), None)


def _about(subject: str, options: Mapping[str, Scalar], resolution: int | None) -> list[Row]:
    key = (subject, dict(options), resolution or networks()[subject].resolution)
    return [row for row, stated in _about_networks() if stated == key]


@cache
def _about_networks() -> tuple[tuple[Row, object], ...]:
    return tuple(
        (row, (row.network, stated_options(row), resolution_of(row)))
        for name in PAPERS
        for row in load_paper(name).rows
        if row.network
    )


def stated_options(row: Row) -> dict[str, Scalar]:
    """The row's options off the network's defaults, as a case states them."""
    network = networks()[row.network]
    return network.stated(*network.parse(row.options))


def resolution_of(row: Row) -> int:
    """The image's side, in pixels."""
    return row.resolution or networks()[row.network].resolution


def _problem(row: Row, paper: Paper) -> tuple[tuple[str, ...], str] | None:
    """What the catalogue or the paper says against a row, with the keys that lead there."""
    if row.network:
        if row.network not in networks():
            return ("network",), _unknown("network", row.network, networks())
        try:
            networks()[row.network].parse(row.options)
        except ConfigError as error:
            return ("options",), f"options of {row.network}: {error}"
    if row.note and row.note not in paper.notes:
        return ("note",), _unknown("note", row.note, paper.notes)
    for key, figure in (("params_m", row.params_m), ("flops_b", row.flops_b)):
        if figure and figure.tolerance and figure.tolerance not in paper.tolerances:
            where = (key, "tolerance")
            return where, _unknown("tolerance", figure.tolerance, paper.tolerances)
        if figure and figure.uncertain and figure.uncertain not in paper.notes:
            return (key, "uncertain"), _unknown("note", figure.uncertain, paper.notes)
    return None


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"{name!r} is no {what}, {hint(name, list(known))}"


def _data(node: yaml.Node, file: str, *, typed: bool = False) -> Any:
    """Plain values; numbers stay the text that is printed, except where they are options."""
    if isinstance(node, yaml.MappingNode):
        members: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in members:
                raise ConfigError(f"{_place(file, key.start_mark)}: duplicate key {key.value!r}")
            members[key.value] = _data(value, file, typed=typed or key.value == "options")
        return members
    if isinstance(node, yaml.SequenceNode):
        return [_data(one, file, typed=typed) for one in node.value]
    assert isinstance(node, yaml.ScalarNode)
    return yaml.safe_load(node.value) if typed and node.style is None else node.value


def _found(node: yaml.Node, loc: tuple[int | str, ...]) -> yaml.Node:
    """The node that a location leads to, as far as the file goes."""
    for part in loc:
        inner = None
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            inner = node.value[part]
        if inner is None:
            break
        node = inner
    return node


def _told(loc: tuple[int | str, ...], message: str) -> str:
    keys = ".".join(part for part in loc if isinstance(part, str) and part != "rows")
    told = message.removeprefix("Value error, ")
    return f"{keys}: {told}" if keys else told


def _place(file: str, mark: yaml.Mark | None) -> str:
    return f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else f"{file}:1:1"
