"""The same cases on several devices: speed-ups, who wins where, whether one ranking holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from sabench.catalog.metrics import METRICS
from sabench.compare.crossover import Contest, contests
from sabench.compare.figures import is_unproved
from sabench.compare.join import Side, is_one_device, join, refuse_unlike
from sabench.compare.levels import better_by, reason_without
from sabench.compare.pair import Effect
from sabench.compare.ranks import Keyed, Ranking, Standing, macs_ranking, ranking_of, standing_of
from sabench.compare.runs import Overall, overall_of, refuse_metric
from sabench.errors import ExitCode, ResultError
from sabench.records import FLAG_MEANING, Flag
from sabench.store.leaderboard import Group, Row


@dataclass(frozen=True, slots=True)
class CaseOnSides:
    """A case of the first side on all of them.

    `gains`: how many times better each further side is; None where one of the two has no figure.
    `reasons`: why a side has none, "" where it has one.
    """

    key: str
    rows: tuple[Row | None, ...]
    gains: tuple[Effect | None, ...]
    reasons: tuple[str, ...]

    @property
    def base(self) -> Row:
        """The first side's row, which every case here has."""
        assert self.rows[0] is not None
        return self.rows[0]


@dataclass(frozen=True, slots=True)
class GroupOnSides:
    """The cases that are ranked against each other; `group` is None for all of them together.

    `rankings` has a pair of sides by their places; `macs` a ranking a side. None: too few cases.
    """

    group: Group | None
    cases: tuple[CaseOnSides, ...]
    standings: tuple[Standing | None, ...]
    rankings: dict[tuple[int, int], Ranking | None]
    macs: tuple[Ranking | None, ...]


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """What several sides say of the cases they share, the first of them the base.

    `overall`: of each further side, the geometric mean of its gains. `alone`: cases that not every
    side has, with the places of those that have it.
    """

    sides: tuple[Side, ...]
    metric: str
    across: tuple[str, ...]
    groups: tuple[GroupOnSides, ...]
    together: GroupOnSides | None  # None where there is one group
    overall: tuple[Overall | None, ...]
    contests: tuple[Contest, ...]
    alone: dict[str, tuple[int, ...]]

    @property
    def cases(self) -> Iterator[CaseOnSides]:
        """Of all groups, in the order of the first side."""
        return (case for group in self.groups for case in group.cases)

    def exit_code(self, *, allow_missing: bool = False, strict: bool = False) -> ExitCode:
        """Unreliable where no case has a figure on two sides; another device is no regression.

        Strict also minds a case without a figure on a side, one that a side lacks, and a run that
        stands twice.
        """
        is_told = any(gain for case in self.cases for gain in case.gains)
        untold = any(
            reason and row
            for case in self.cases
            for row, reason in zip(case.rows, case.reasons, strict=True)
        ) or any(side.same_run_as for side in self.sides)
        lost = bool(self.alone) and not allow_missing
        unsure = not is_told or (strict and (untold or lost))
        return ExitCode.UNRELIABLE if unsure else ExitCode.OK


def compare_devices(
    sides: Sequence[Side],
    metric: str = "latency_warm",
    across: Sequence[str] = (),
    *,
    across_env: bool = False,
) -> DeviceComparison:
    """Every case of the first side on the others, and what follows for the choice of a layer.

    Raises: ConfigError for a metric there is not; ResultError where the sides were measured by
    unlike presets, or on one device in unlike environments, and where they share no case.
    """
    refuse_metric(metric)
    for one, other in combinations(sides, 2):
        is_one = is_one_device(one.environment, other.environment)
        refuse_unlike(one, other, across_env=across_env or not is_one)
    rows, alone = _joined(sides, across)
    if not rows:
        raise ResultError(
            f"{sides[0].name} shares no case with {', '.join(side.name for side in sides[1:])}; "
            "--across KEY joins cases that differ in that key"
        )
    groups: dict[tuple[object, ...], list[CaseOnSides]] = {}
    shared: dict[tuple[object, ...], Group] = {}
    for key, (base, others) in rows.items():
        group = _without(base.group, across)
        shared[tuple(group.items())] = group
        groups.setdefault(tuple(group.items()), []).append(
            _case(key, (base, *others), sides, metric)
        )
    told = tuple(_group(shared[key], cases, len(sides), metric) for key, cases in groups.items())
    everything = [case for cases in groups.values() for case in cases]
    return DeviceComparison(
        sides=tuple(sides),
        metric=metric,
        across=tuple(across),
        groups=told,
        together=_group(None, everything, len(sides), metric) if len(told) > 1 else None,
        overall=tuple(
            overall_of([gain.change for case in everything if (gain := case.gains[place])])
            for place in range(len(sides) - 1)
        ),
        contests=tuple(
            contests(
                [list(_with_figure(everything, place).values()) for place in range(len(sides))],
                metric,
                across,
            )
        ),
        alone=alone,
    )


def _joined(
    sides: Sequence[Side], across: Sequence[str]
) -> tuple[dict[str, tuple[Row, list[Row | None]]], dict[str, tuple[int, ...]]]:
    """The first side's cases that another has, with the rows there; what not every side has."""
    base, *others = sides
    rows: dict[str, tuple[Row, list[Row | None]]] = {}
    having: dict[str, set[int]] = {}
    for place, other in enumerate(others, start=1):
        joined = join(base, other, across)
        for key, old, new in joined.pairs:
            rows.setdefault(key, (old, [None for _ in others]))[1][place - 1] = new
            having.setdefault(key, {0}).add(place)
        for key in joined.missing:
            having.setdefault(key, {0})
        for key in joined.added:
            having.setdefault(key, set()).add(place)
    alone = {key: tuple(sorted(at)) for key, at in having.items() if len(at) < len(sides)}
    return rows, alone


def _without(group: Group, across: Sequence[str]) -> Group:
    return {key: value for key, value in group.items() if key not in ("device", *across)}


def _case(
    key: str, rows: tuple[Row | None, ...], sides: Sequence[Side], metric: str
) -> CaseOnSides:
    reasons = tuple(
        reason_without(row, metric, side.environment.id)
        for row, side in zip(rows, sides, strict=True)
    )
    reasons = _without_unproved(rows, reasons, metric)
    base = rows[0]
    gains = tuple(
        better_by(row, base, metric) if row and base and not (reason or reasons[0]) else None
        for row, reason in zip(rows[1:], reasons[1:], strict=True)
    )
    return CaseOnSides(key, rows, gains, reasons)


def _without_unproved(
    rows: tuple[Row | None, ...], reasons: tuple[str, ...], metric: str
) -> tuple[str, ...]:
    """A cold figure that may be a warm one is held against none that is surely cold."""
    told = [row for row, reason in zip(rows, reasons, strict=True) if row and not reason]
    doubted = [row for row in told if is_unproved(row.figures[metric])]
    if len(doubted) == len(told):
        return reasons
    why = FLAG_MEANING[Flag.COLD_UNPROVED]
    return tuple(
        why if any(row is one for one in doubted) else reason
        for row, reason in zip(rows, reasons, strict=True)
    )


def _group(
    group: Group | None, cases: Sequence[CaseOnSides], sides: int, metric: str
) -> GroupOnSides:
    """All together have no winner: theirs would be the smallest case."""
    common = [case for case in cases if None not in case.rows]
    counted = METRICS[metric].unit != "MAC"
    here = [_with_figure(cases, place) for place in range(sides)]
    both = {
        (i, j): [key for key in here[i] if key in here[j]] for i, j in combinations(range(sides), 2)
    }
    return GroupOnSides(
        group=group,
        cases=tuple(cases),
        standings=tuple(
            standing_of(_with_figure(common, place), metric) if group is not None else None
            for place in range(sides)
        ),
        rankings={
            (i, j): ranking_of([here[i][k] for k in keys], [here[j][k] for k in keys], metric)
            for (i, j), keys in both.items()
        },
        macs=tuple(macs_ranking(list(rows.values()), metric) if counted else None for rows in here),
    )


def _with_figure(cases: Sequence[CaseOnSides], place: int) -> Keyed:
    """The cases that have a figure on a side."""
    return {
        case.key: row
        for case in cases
        if (row := case.rows[place]) is not None and not case.reasons[place]
    }
