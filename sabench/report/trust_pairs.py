"""What `sabench ranks --pairs` shows: the pairs of networks that an indicator decides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.cases.case import Case, show_scalar
from sabench.compare.trust.indicators import Indicator
from sabench.compare.trust.judging import Judgement
from sabench.compare.trust.pairs import Pair, decided_pairs
from sabench.errors import ConfigError
from sabench.report.markdown import escape, table_row
from sabench.report.plain import plain
from sabench.report.tables import Label

COLUMNS = ("more", "less", "by", "truth")
TRULY = {1: "alike", 0: "cannot tell", -1: "the other way"}


@dataclass(frozen=True, slots=True)
class PairsTable:
    """A line on how many there are, then each: the two networks, how far apart, what the truth
    says."""

    judgement: Judgement
    indicator: Indicator
    pairs: Sequence[Pair]

    @classmethod
    def of(cls, judgement: Judgement, name: str) -> "PairsTable":
        """The pairs of an indicator, or of the truth itself.

        Raises: ConfigError with the names there are if there is none of that name.
        """
        known = {one.indicator.name: one.indicator for one in judgement.trusts}
        known[judgement.truth.name] = judgement.truth
        if name not in known:
            names = ", ".join(map(repr, known))
            raise ConfigError(f"--pairs {name!r} is none of these results' indicators: {names}")
        truth, networks = judgement.truth, judgement.networks
        return cls(judgement, known[name], decided_pairs(known[name], truth, networks))

    @property
    def all(self) -> int:
        """Pairs of the networks that both the indicator and the truth have."""
        count = sum(key in self.indicator.values for key in self.judgement.networks)
        return count * (count - 1) // 2

    def dump(self) -> dict[str, Any]:
        """JSON-ready, by the networks' case ids."""
        pairs = [
            {"more": one.more, "less": one.less, "by": one.by, "truth": TRULY[one.truly]}
            for one in self.pairs
        ]
        return {"indicator": self.indicator.name, "all": self.all, "decided": pairs}

    @property
    def title(self) -> str:
        """How many there are, and what all networks have alike."""
        shared = ", ".join(f"{key}={value}" for key, value in self._labels.shared.items())
        title = f"{self.indicator.name} decides {len(self.pairs)} of {self.all} pairs"
        return f"{title} ({shared})" if shared else title

    @property
    def _labels(self) -> "Labels":
        return labels_of({key: self.judgement.cases[key] for key in self.judgement.networks})

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        names = self._labels.names
        for one in self.pairs:
            by = _by(self.indicator, one.by)
            yield names[one.more], names[one.less], by, TRULY[one.truly]

    def markdown(self) -> str:
        """The same as a section of a Markdown file."""
        head = [table_row(list(COLUMNS)), table_row([":--", ":--", "--:", ":--"])]
        rows = [table_row([escape(cell) for cell in row]) for row in self._rows()]
        return "\n".join(["", f"## {escape(self.title)}", "", *head, *rows]) + "\n"

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        yield Text(plain(self.title), style="bold")
        yield Text()
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for title in COLUMNS[:2]:
            table.add_column(title, overflow="fold", ratio=1)
        table.add_column(COLUMNS[2], justify="right", no_wrap=True)
        table.add_column(COLUMNS[3], no_wrap=True)
        for more, less, by, truth in self._rows():
            table.add_row(Label(plain(more)), Label(plain(less)), by, truth)
        yield table


@dataclass(frozen=True, slots=True)
class Labels:
    """What each network is called beside the others, and what all of them have alike."""

    names: Mapping[str, str]
    shared: Mapping[str, str]


def labels_of(networks: Mapping[str, Case]) -> Labels:
    """Subject, resolution and options, as far as they tell these networks apart."""
    told = {
        key: {"network": case.subject, "resolution": str(case.resolution)}
        | {name: show_scalar(one) for name, one in case.options.items()}
        for key, case in networks.items()
    }
    names = dict.fromkeys(name for one in told.values() for name in one)
    values = {name: {one.get(name) for one in told.values()} for name in names}
    apart = [name for name in names if len(values[name]) > 1]
    labels = {
        key: " ".join(f"{name}={one[name]}" for name in apart if name in one) or "as it is"
        for key, one in told.items()
    }
    first = next(iter(told.values()))
    return Labels(labels, {name: first[name] for name in names if name not in apart})


def _by(indicator: Indicator, difference: float) -> str:
    """Hundredths of a share; else as it is."""
    if indicator.origin in ("training", "published"):
        return f"{100 * difference:.1f} %"
    return f"{difference:.3g}"
