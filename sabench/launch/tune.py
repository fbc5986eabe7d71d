"""What `auto` stands for on a device: the fastest of a run, kept beside what is known of it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from sabench.cases.build import setting_of
from sabench.cases.choosing import device_of
from sabench.catalog.choices import FALLBACK, Choice, Setting
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.known import Chosen, load_choices, save_choices
from sabench.measure.fake_script import is_made_up
from sabench.records import MEASURED, Status
from sabench.stats import Interval
from sabench.store.accept import UNFIT
from sabench.store.leaderboard import Leaderboard, Row

METRIC = "latency_warm"
OPEN = frozenset({Status.CONTENDED, Status.THROTTLED, Status.INTERRUPTED})
"""Ends after which nobody knows how fast an implementation is."""

MARGIN = 1.05
"""What stands stays unless it takes so many times the fastest's time: ids change with it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was decided for a setting. `others`: their times over its, in the geometric mean.

    `open`: why it stays as it was; empty where it was decided.
    """

    setting: Setting
    implementation: str
    others: Mapping[str, float]
    before: str  # what it was
    open: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found on a device, and whether it could be kept."""

    device: str
    found: tuple[Found, ...]
    is_kept: bool

    @property
    def is_decided(self) -> bool:
        """Whether a setting was decided, and is kept."""
        return self.is_kept and not all(one.open for one in self.found)


def keep_choices(board: Leaderboard) -> tuple[Tuned, ...]:
    """Find the fastest of each setting on each device, and let `auto` be it from now on.

    Peers are passed over. Where an implementation was disturbed, its setting stays as it was, and
    so do those of other sizes: they would be the nearest to it.
    """
    tuned = []
    for device, environment in board.environments.items():
        standing = device_of(environment)
        rows = [row for row in board.rows if row.device == device and not is_made_up([row.case])]
        each = [
            fastest(setting, these, standing.choice(setting) or Choice(FALLBACK))
            for setting, these in _by_setting(rows).items()
        ]
        why = {one.setting.kind: one.open for one in each if one.open}
        found = tuple(
            replace(one, implementation=one.before, others={}, open=why[one.setting.kind])
            if one.setting.kind in why
            else one
            for one in each
            if one.others or one.open
        )
        torch = str(environment.settings.get("torch", ""))
        chosen = {
            one.setting.key: Chosen(implementation=one.implementation, torch=torch)
            for one in found
            if not one.open
        }
        known = load_choices(environment)
        kept = known.model_copy(update={"choices": known.choices | chosen})
        is_kept = not chosen or save_choices(environment, kept)
        tuned.append(Tuned(environment.device_name, found, is_kept))
    return tuple(tuned)


def fastest(setting: Setting, rows: Iterable[Row], before: Choice) -> Found:
    """Of those that were timed in all cases of a setting, and did not fail in any.

    What stands stays where it is within MARGIN of the fastest, or its interval overlaps.
    """
    stands = before.implementation
    by_case: dict[str, dict[str, Row]] = {}
    for row in rows:
        problem = row.case.model_copy(update={"implementation": "reference"}).case_id
        by_case.setdefault(problem, {})[row.case.implementation] = row
    cases = list(by_case.values())
    names = sorted(set.intersection(*map(set, cases)))
    if stands not in names:
        return Found(setting, stands, {}, stands, f"{stands} was not timed in all of its cases")
    if disturbed := [name for name in names if any(case[name].status in OPEN for case in cases)]:
        return Found(setting, stands, {}, stands, f"disturbed: {', '.join(disturbed)}")
    times = {name: found for name in names if (found := _mean([case[name] for case in cases]))}
    if not times:
        return Found(setting, stands, {}, stands)
    first = min(times, key=lambda name: times[name][0])
    if stands in times:
        mean, interval = times[stands]
        if mean <= MARGIN * times[first][0] or interval.low <= times[first][1].high:
            first = stands
    ratios = {name: mean / times[first][0] for name, (mean, _) in times.items() if name != first}
    return Found(setting, first, dict(sorted(ratios.items(), key=lambda one: one[1])), stands)


def _by_setting(rows: Iterable[Row]) -> dict[Setting, list[Row]]:
    found: dict[Setting, list[Row]] = {}
    for row in rows:
        case = row.case
        if (
            case.kind == "layer"
            and not case.file
            and layers()[case.subject].attention
            and not IMPLEMENTATIONS[case.implementation].package
        ):
            found.setdefault(setting_of(case), []).append(row)
    return found


def _mean(rows: list[Row]) -> tuple[float, Interval] | None:
    """The geometric mean of times, and of the ends of their intervals; None if one is missing."""
    taken = list(_intervals(rows))
    if len(taken) < len(rows):
        return None
    middles, lows, highs = zip(*taken, strict=True)
    return _geometric(middles), Interval(_geometric(lows), _geometric(highs))


def _intervals(rows: Iterable[Row]) -> Iterator[tuple[float, float, float]]:
    for row in rows:
        figure = row.figures.get(METRIC)
        is_fit = row.status in MEASURED and not set(row.flags) & set(UNFIT)
        if is_fit and figure and figure.headline and (interval := figure.interval):
            yield figure.headline, interval.low, interval.high


def _geometric(values: Iterable[float]) -> float:
    return math.exp(fmean(map(math.log, values)))
