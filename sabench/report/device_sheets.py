"""What `sabench compare` says of several devices: tables that any output can show."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sabench.cases.case import Case
from sabench.catalog.metrics import METRICS
from sabench.compare.crossover import Contest, Course, Crossover
from sabench.compare.devices import CaseOnSides, DeviceComparison, GroupOnSides
from sabench.compare.pair import Effect
from sabench.compare.ranks import Ranking, Standing
from sabench.records import MEASURED
from sabench.report.columns import SHOWN_AS, group_title, name_of
from sabench.report.device_words import (
    Wording,
    factor,
    has_winners,
    letter,
    series_name,
    share,
    span,
)
from sabench.store.leaderboard import Row

MOST_CONTESTS = 40  # that are shown; the JSON has all


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column. `spare`: left out where the terminal is narrow, 1 before 2; 0 never."""

    title: str
    is_text: bool = False
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A title and a table."""

    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Sheets:
    """The tables of a comparison, its cases called as in the first side's own table."""

    told: DeviceComparison

    def __iter__(self) -> Iterator[Sheet]:
        """Gains, winners and rankings of each group; then all together, and the crossovers."""
        for group in self.told.groups:
            title = self._title(group)
            yield self._gains(group, title)
            if has_winners(group):
                yield self._winners(group, title)
            yield from self._rankings(group, title)
        yield self._overall()
        if self.told.together:
            yield from self._rankings(self.told.together, "all groups together")
        yield from self._crossovers()

    @cached_property
    def _words(self) -> Wording:
        return Wording.of(METRICS[self.told.metric])

    @cached_property
    def _names(self) -> dict[str, str]:
        base = self.told.sides[0]
        name = name_of(base.leaderboard.model_copy(update={"rows": base.rows}))
        return {case.key: name(case.base) for case in self.told.cases}

    def _title(self, group: GroupOnSides) -> str:
        return group_title(group.group or {}, group.cases[0].base.case) or "all cases"

    def _gains(self, group: GroupOnSides, title: str) -> Sheet:
        several = len(self.told.sides) > 2
        heads = [Head("case", is_text=True), Head("A")]
        for place in range(1, len(self.told.sides)):
            gain = f"{self._words.gain} {letter(place)}" if several else self._words.gain
            heads += [
                Head(letter(place), spare=several),
                Head(gain),
                Head("99 %", spare=2 * several),
            ]
        rows = tuple(self._gain_cells(case) for case in group.cases)
        return Sheet(title, tuple(heads), rows)

    def _gain_cells(self, case: CaseOnSides) -> tuple[str, ...]:
        cells = [self._names[case.key], self._figure(case.base)]
        for row, gain in zip(case.rows[1:], case.gains, strict=True):
            cells += [self._figure(row), *_times(gain)]
        return tuple(cells)

    def _figure(self, row: Row | None) -> str:
        value = row.median(self.told.metric) if row else None
        if value is None:
            return "-" if row is None or row.status in MEASURED else str(row.status)
        return SHOWN_AS[METRICS[self.told.metric].show](value)

    def _winners(self, group: GroupOnSides, title: str) -> Sheet:
        heads = (
            Head("side"),
            Head(self._words.best, is_text=True),
            Head("level"),
            Head("stays"),
            Head("ahead of", is_text=True),
            Head("by"),
            Head("99 %", spare=2),
        )
        rows = tuple(
            (letter(place), *self._winner_cells(standing))
            for place, standing in enumerate(group.standings)
            if standing is not None
        )
        return Sheet(f"{self._words.best}: {title}", heads, rows)

    def _winner_cells(self, standing: Standing) -> tuple[str, ...]:
        others = len(standing.level) - 1
        return (
            self._names[standing.winner],
            f"{others} of {standing.cases - 1}" if others else "-",
            share(standing.stays),
            self._names[standing.rival] if standing.rival else "-",
            *_times(standing.lead),
        )

    def _rankings(self, group: GroupOnSides, title: str) -> Iterator[Sheet]:
        named: list[tuple[str, Ranking | None]] = [
            (f"{letter(i)} and {letter(j)}", ranking) for (i, j), ranking in group.rankings.items()
        ]
        named += [(f"MACs and {letter(place)}", one) for place, one in enumerate(group.macs)]
        rows = [_ranking_cells(name, ranking) for name, ranking in named if ranking is not None]
        rows += [
            (f"{letter(place)} again", "", "", span(one.itself), "", str(one.cases))
            for place, one in enumerate(group.standings)
            if one is not None and one.itself is not None
        ]
        if rows:
            heads = (
                Head("order", is_text=True),
                *(Head("tau"), Head("95 %"), Head("in noise"), Head("alike"), Head("cases")),
            )
            yield Sheet(f"one order: {title}", heads, tuple(rows))

    def _overall(self) -> Sheet:
        heads = (Head("side"), Head(f"mean {self._words.gain}"), Head("95 %"), Head("cases"))
        rows = [
            (
                letter(place),
                factor(one.ratio),
                "-" if one.low is None or one.high is None else span((one.low, one.high)),
                str(one.cases),
            )
            for place, one in enumerate(self.told.overall, start=1)
            if one is not None
        ]
        return Sheet("all cases", heads, tuple(rows))

    def _crossovers(self) -> Iterator[Sheet]:
        contests: dict[str, list[Contest]] = {}
        for contest in self.told.contests[:MOST_CONTESTS]:
            shared = dict(contest.shared)
            case = Case.model_validate(
                {"kind": "layer", "subject": contest.first.subject}
                | {key: shared[key] for key in ("dtype", "mode") if key in shared}
            )
            title = f"crossovers along {contest.axis}: {group_title(shared, case)}"
            contests.setdefault(title, []).append(contest)
        heads = (
            Head("first", is_text=True),
            Head("second", is_text=True),
            Head("side"),
            Head("ahead", is_text=True),
        )
        for title, those in contests.items():
            yield Sheet(title, heads, tuple(row for one in those for row in _contest_rows(one)))


def _times(gain: Effect | None) -> tuple[str, str]:
    """How many times, and its interval."""
    if gain is None:
        return "-", "-"
    return factor(gain.ratio), span(gain.interval)


def _ranking_cells(name: str, ranking: Ranking) -> tuple[str, ...]:
    found = ranking.found
    if found is None:
        return name, "none", "-", "-", "-", str(ranking.cases)
    return (
        name,
        f"{found.tau:.2f}",
        span(found.interval),
        span(ranking.noise),
        share(found.concordant / (found.concordant + found.discordant)),
        str(ranking.cases),
    )


def _contest_rows(contest: Contest) -> Iterator[tuple[str, ...]]:
    is_way = contest.first.subject == contest.second.subject
    names = [series_name(one, is_way=is_way) for one in (contest.first, contest.second)]
    for place, course in enumerate(contest.courses):
        shown = names if place == 0 else ["", ""]
        yield (*shown, letter(place), _course_words(course))


def _course_words(course: Course | None) -> str:
    """'first to 14, second from 28 (near 19..22)', or who is ahead throughout."""
    if course is None:
        return "fewer than two values"
    if course.crossovers:
        return "; ".join(map(_crossover_words, course.crossovers))
    leaders = set(course.ahead) - {0}
    if not leaders:
        return "not told apart"
    leader = "first" if 1 in leaders else "second"
    return f"{leader} throughout" if 0 not in course.ahead else f"{leader} where told apart"


def _crossover_words(one: Crossover) -> str:
    before, after = ("first", "second") if one.first_leads else ("second", "first")
    near = f" (near {one.near.low:.3g}..{one.near.high:.3g})" if one.near else ""
    return f"{before} to {one.low}, {after} from {one.high}{near}"
