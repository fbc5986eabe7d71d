"""Our counts beside each published figure: difference, verdict, reason.

Torch is imported by `build_all` alone, when it is called.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_macs_as
from sabench.catalog.networks.plan import Plan
from sabench.errors import ConfigError
from sabench.papers.rows import Figure, Paper, Row, load_paper, resolution_of, stated_options

MILLION, BILLION = Decimal(10) ** 6, Decimal(10) ** 9


class Verdict(StrEnum):
    """What a comparison with a printed figure comes to, the worst last."""

    NOT_BUILT = "not built"
    WITHIN = "within"
    EXPLAINED = "explained"
    UNCERTAIN = "uncertain"
    WRONG = "wrong"


MEANING = {
    Verdict.WITHIN: "ours rounds to the printed figure",
    Verdict.EXPLAINED: "beyond the rounding, inside a stated range that has a reason",
    Verdict.UNCERTAIN: "the paper leaves open what was counted: shown, not held",
    Verdict.WRONG: "neither: the command ends with exit code 1",
    Verdict.NOT_BUILT: "a network of others that is not among ours",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A printed figure and ours in its unit; `reason` for every verdict but within and wrong."""

    printed: str
    ours: Decimal
    verdict: Verdict
    reason: str = ""

    @property
    def difference(self) -> float:
        """Ours over the printed figure, less one."""
        return float(self.ours / Decimal(self.printed) - 1)


@dataclass(frozen=True, slots=True)
class Checked:
    """A row with its figures compared; the row's verdict is its worst figure's."""

    row: Row
    params: Compared | None
    flops: Compared | None
    verdict: Verdict


def verify_papers(names: Iterable[str]) -> dict[str, tuple[Checked, ...]]:
    """The checked rows of each named paper.

    Raises: ConfigError for an unknown name, and as `verify` does.
    """
    return {name: verify(load_paper(name)) for name in names}


def verify(paper: Paper) -> tuple[Checked, ...]:
    """Every row that has a figure, in the order of the paper's file.

    Raises: ConfigError for a row whose network cannot be built as it is written.
    """
    return tuple(_checked(row, paper) for row in paper.rows if row.has_figures)


def tally(rows: Iterable[Checked]) -> dict[Verdict, int]:
    """How many rows have each verdict; every verdict is there."""
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in MEANING}


def plan_of(row: Row) -> Plan:
    """The row's network as data.

    Raises: ConfigError if it cannot be built.
    """
    network = networks()[row.network]
    options, overrides = network.parse(row.options)
    problem = network.problems(options, overrides, resolution_of(row))
    if problem:
        raise ConfigError(f"{row.table}, {row.row}: {row.network}: {problem.text}")
    return network.plan(options, overrides, resolution_of(row))


def judge(figure: Figure, ours: Decimal, paper: Paper) -> Compared:
    """The verdict on one figure of a paper."""
    if figure.uncertain:
        reason = paper.notes[figure.uncertain]
        return Compared(figure.printed, ours, Verdict.UNCERTAIN, reason)
    if abs(ours - figure.value) <= figure.rounding:
        return Compared(figure.printed, ours, Verdict.WITHIN)
    share = ours / figure.value - 1
    tolerance = paper.tolerances.get(figure.tolerance)
    if tolerance and tolerance.least <= share <= tolerance.most:
        return Compared(figure.printed, ours, Verdict.EXPLAINED, tolerance.reason)
    return Compared(figure.printed, ours, Verdict.WRONG)


def _checked(row: Row, paper: Paper) -> Checked:
    if not row.network:
        return Checked(row, None, None, Verdict.NOT_BUILT)
    plan = plan_of(row)
    params = flops = None
    if row.params_m:
        ours = network_cost(plan).params / MILLION
        params = judge(row.params_m, ours, paper)
    if row.flops_b:
        times = 2 if row.convention == "2 x MAC" else 1
        ours = times * network_macs_as(plan, paper.positions) / BILLION
        flops = judge(row.flops_b, ours, paper)
    order = list(Verdict)
    found = [one.verdict for one in (params, flops) if one]
    return Checked(row, params, flops, max(found, key=order.index))


@dataclass(frozen=True, slots=True)
class Built:
    """A network that was built, and its parameters by both ways."""

    row: Row
    closed: int
    built: int

    @property
    def agrees(self) -> bool:
        """Whether the module has the closed form's parameters."""
        return self.closed == self.built


def build_all(rows: Sequence[Checked]) -> tuple[Built, ...]:
    """Each distinct network of the rows, built on the meta device: without memory for data.

    Raises: ConfigError if one cannot be built.
    """
    import torch

    from sabench.networks.build import build_network

    distinct: dict[object, Row] = {}
    for checked in rows:
        row = checked.row
        if row.network:
            options = tuple(stated_options(row).items())
            distinct.setdefault((row.network, options, resolution_of(row)), row)
    found = []
    for row in distinct.values():
        plan = plan_of(row)
        with torch.device("meta"):
            module = build_network(plan)
        built = sum(one.numel() for one in module.parameters())
        found.append(Built(row, network_cost(plan).params, built))
    return tuple(found)
