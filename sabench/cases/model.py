"""What a suite is once it is read: entries, sweeps, metrics, ranking. See docs/suites.md."""

from typing import Literal

from pydantic import Field

from sabench.cases.case import Kind, Scalar
from sabench.cases.gate_rules import GateRules
from sabench.cases.recipe import Recipe
from sabench.catalog.metrics import metrics_of
from sabench.records import Frozen

DEFAULT_MAX_BYTES = 8 * 1024**3

GROUP_KEYS = (
    *("channels", "size", "resolution", "stride", "batch", "threads"),
    *("layout", "dtype", "autocast", "mode"),
)
"""What must agree for two cases to be ranked against each other, unless the suite says more."""


class Value(Frozen):
    """One value of an axis or option, and where it was written."""

    value: Scalar
    place: str  # "suites/halo.yaml:7:12", "--axis window=3"


Sweep = dict[str, tuple[Value, ...]]
"""The values of each swept key, in the order of the file."""


class Entry(Frozen):
    """One layer or network with its own options, and the shared axes that it overrides."""

    kind: Kind
    subject: str
    place: str
    options: Sweep = Field(default_factory=dict)
    axes: Sweep = Field(default_factory=dict)
    yielding: tuple[str, ...] = ()  # LAYER.option of --axis, for combinations that hold the layer
    file: str = ""  # "path/to/file.py:Class" for a layer of the user's own


class Suite(Frozen):
    """A parsed suite file. `text` is the file as read: a run keeps it."""

    name: str
    title: str = ""
    match: Literal["receptive_field"] | None = None
    axes: Sweep = Field(default_factory=dict)
    devices: tuple[str, ...] = ()  # as --device spells them; no part of any case
    entries: tuple[Entry, ...]
    metrics: tuple[str, ...] = metrics_of("profile")
    group_by: tuple[str, ...] = GROUP_KEYS
    rank_by: str = "latency_warm"
    published: str = ""  # the paper whose printed FLOPs stand beside the networks' MACs
    max_bytes: int = DEFAULT_MAX_BYTES
    gate: GateRules = GateRules()
    recipe: Recipe | None = None  # of a suite that can be trained
    file: str
    text: str
