"""What `auto` stands for on a device: the fastest of a run, kept with what is known of it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from sabench.cases.build import setting_of
from sabench.cases.case import Case
from sabench.catalog.choices import Setting
from sabench.catalog.layers import layers
from sabench.known import load_known, save_known
from sabench.measure.fake_script import is_made_up
from sabench.records import MEASURED
from sabench.store.leaderboard import Leaderboard

Times = dict[Setting, dict[str, dict[str, float]]]
"""Seconds by setting, by case but for its implementation, by implementation."""


@dataclass(frozen=True, slots=True)
class Found:
    """The fastest implementation of a setting; the others' time over its, in the geometric mean."""

    setting: Setting
    implementation: str
    others: dict[str, float]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found on a device, and whether it could be kept."""

    device: str
    found: tuple[Found, ...]
    is_kept: bool


def keep_choices(board: Leaderboard) -> tuple[Tuned, ...]:
    """Find the fastest of each setting on each device, and let `auto` be it from now on."""
    tuned = []
    for device, environment in board.environments.items():
        timed = [
            (row.case, seconds)
            for row in board.rows
            if row.device == device
            and row.status in MEASURED
            and not is_made_up([row.case])
            and (seconds := row.median("latency_warm"))
        ]
        found = tuple(fastest(timed))
        chosen = {one.setting.key: one.implementation for one in found}
        known = load_known(environment)
        kept = known.model_copy(update={"choices": known.choices | chosen})
        tuned.append(Tuned(device, found, save_known(environment, kept)))
    return tuple(tuned)


def fastest(timed: Iterable[tuple[Case, float]]) -> Iterable[Found]:
    """By setting; only implementations that were timed in all of its cases are held together."""
    for setting, cases in _times(timed).items():
        names = set.intersection(*(set(times) for times in cases.values()))
        means = {
            name: fmean(math.log(times[name]) for times in cases.values()) for name in sorted(names)
        }
        if len(means) > 1:
            first = min(means, key=means.__getitem__)
            others = {
                name: math.exp(mean - means[first])
                for name, mean in sorted(means.items(), key=lambda item: item[1])
                if name != first
            }
            yield Found(setting, first, others)


def _times(timed: Iterable[tuple[Case, float]]) -> Times:
    times: Times = {}
    for case, seconds in timed:
        if case.kind == "layer" and not case.file and layers()[case.subject].attention:
            cases = times.setdefault(setting_of(case), {})
            problem = case.model_copy(update={"implementation": "reference"}).case_id
            cases.setdefault(problem, {})[case.implementation] = seconds
    return times
