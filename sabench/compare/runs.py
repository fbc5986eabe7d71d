"""A result against the base it followed, on one device: every case, and all of them together."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from sabench.catalog.metrics import METRICS
from sabench.compare.figures import is_exact, why_no_ratio
from sabench.compare.join import Side, join, refuse_unlike
from sabench.compare.pair import (
    Effect,
    Verdict,
    effect_of,
    factor_of,
    is_of_the_clock,
    processes_needed,
    verdict_of,
)
from sabench.errors import ConfigError, ExitCode, ResultError
from sabench.records import FAILED, MEASURED, SHOWN
from sabench.store.leaderboard import Row

MIRRORED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
CYCLES = "latency_cycles"
CLOCKED = ("latency_warm", "throughput")  # metrics whose clock CYCLES knows
LEAST_TOGETHER = 8  # cases that by chance all go one way in 1 of 128 comparisons
UNSURE = (Verdict.AMBIGUOUS, Verdict.CLOCK_SUSPECT)


@dataclass(frozen=True, slots=True)
class Compared:
    """One case: its figures on both sides, the change, the verdict, or why there is none.

    `effect` is the change of the figure itself, whichever way is better: the verdict knows which.
    """

    key: str
    base: Row
    new: Row
    effect: Effect | None
    verdict: Verdict | None
    reason: str = ""  # set exactly when there is no effect
    needed: int | None = None  # processes a side that would settle an ambiguous case

    @property
    def is_lost(self) -> bool:
        """Whether the base has figures and the new result could not: as good as missing."""
        ended = self.new.status
        return self.base.status in MEASURED and ended not in SHOWN and ended not in FAILED

    @property
    def is_broken(self) -> bool:
        """Whether it fails in the new result and did not in the base."""
        return self.new.status in FAILED and self.base.status not in FAILED


@dataclass(frozen=True, slots=True)
class Overall:
    """The geometric mean of the ratios with its 95 % interval over the cases."""

    ratio: float
    low: float | None
    high: float | None
    cases: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, what is told of each case, what only one side has."""

    base: Side
    new: Side
    metric: str
    cases: tuple[Compared, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    judged: bool  # False across environments: ratios without verdicts

    @property
    def overall(self) -> Overall | None:
        """Over the cases that have a ratio."""
        return overall_of([case.effect.change for case in self.cases if case.effect])

    @property
    def moved_together(self) -> bool:
        """Whether every case changed to the same side: a machine does that sooner than code."""
        changes = [case.effect.change for case in self.cases if case.effect]
        one_way = all(one > 0.0 for one in changes) or all(one < 0.0 for one in changes)
        return len(changes) >= LEAST_TOGETHER and one_way

    def with_verdict(self, verdict: Verdict) -> list[Compared]:
        """The cases of one verdict, in order."""
        return [case for case in self.cases if case.verdict is verdict]

    def exit_code(self, *, allow_missing: bool = False, strict: bool = False) -> ExitCode:
        """A regression, or a case that is gone, before one that fails, before nothing told.

        Strict also minds what could not be told: unsure verdicts, cases disturbed or not measured,
        a run that stands twice.
        """
        lost = self.missing or any(case.is_lost for case in self.cases)
        if self.with_verdict(Verdict.REGRESSED) or (lost and not allow_missing):
            return ExitCode.REGRESSION
        if any(case.is_broken for case in self.cases):
            return ExitCode.CASE_FAILED
        told = [case for case in self.cases if case.effect]
        untold = len(told) < len(self.cases) or any(map(self.with_verdict, UNSURE))
        untold = untold or bool(self.new.same_run_as)
        nothing = bool(self.cases) and not told  # a device that one side lacks has no case at all
        return ExitCode.UNRELIABLE if nothing or (strict and untold) else ExitCode.OK


def compare_runs(
    base: Side, new: Side, *, metric: str = "latency_warm", across_env: bool = False
) -> Comparison:
    """Every case of both, with what may be said of it.

    Raises: ResultError if the sides are not comparable or share no case, ConfigError for a metric
    that there is not, or of which neither more nor less is better.
    """
    refuse_metric(metric)
    refuse_unlike(base, new, across_env=across_env)
    judged = base.environment.id == new.environment.id
    joined = join(base, new)
    if not joined.pairs and base.rows and new.rows:
        raise ResultError(f"{base.name} and {new.name} share no case: not comparable")
    where = (base.environment.id, new.environment.id)
    cases = tuple(_compared(*pair, metric, where) for pair in joined.pairs)
    return Comparison(base, new, metric, cases, joined.missing, joined.added, judged)


def refuse_metric(metric: str) -> None:
    """Nothing, for a metric that there is and that is better one way.

    Raises: ConfigError otherwise.
    """
    if metric not in METRICS:
        raise ConfigError(f"--metric {metric}: not a metric; there are {', '.join(METRICS)}")
    if METRICS[metric].better == "neither":
        raise ConfigError(f"--metric {metric}: neither more nor less of it is better")


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of several comparisons."""
    order = (ExitCode.REGRESSION, ExitCode.CASE_FAILED, ExitCode.UNRELIABLE, ExitCode.OK)
    return min(codes, key=order.index)


def overall_of(changes: Iterable[float]) -> Overall | None:
    """The geometric mean of ratios given by their logs; its interval from three cases on.

    A ratio without end, of a count that was 0, has no part in it.
    """
    logs = np.array([change for change in changes if math.isfinite(change)])
    if not len(logs):
        return None
    mean = float(logs.mean())
    if len(logs) < 3:
        return Overall(factor_of(mean), None, None, len(logs))
    half = float(stdtrit(len(logs) - 1, 0.975)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    return Overall(factor_of(mean), factor_of(mean - half), factor_of(mean + half), len(logs))


def _compared(key: str, old: Row, late: Row, metric: str, where: tuple[str, str]) -> Compared:
    reason = why_no_ratio(old, late, metric, where)
    if reason:
        return Compared(key, old, late, None, None, reason)
    effect = change_of(old, late, metric)
    if where[0] != where[1]:
        return Compared(key, old, late, effect, None)
    verdict = _verdict(effect, metric)
    if verdict is Verdict.REGRESSED and metric in CLOCKED:
        clocked = not why_no_ratio(old, late, CYCLES, where)
        if clocked and is_of_the_clock(change_of(old, late, CYCLES)):
            verdict = Verdict.CLOCK_SUSPECT
    needed = processes_needed(effect) if verdict is Verdict.AMBIGUOUS else None
    return Compared(key, old, late, effect, verdict, needed=needed)


def _verdict(effect: Effect, metric: str) -> Verdict:
    verdict = verdict_of(effect)
    return MIRRORED.get(verdict, verdict) if METRICS[metric].better == "more" else verdict


def change_of(old: Row, late: Row, metric: str) -> Effect:
    """The change; a count that no process contradicts is exact, however few they are."""
    before, after = (row.figures[metric].process_medians for row in (old, late))
    if is_exact(old, late, metric):
        counts = (len(before), len(after))
        return Effect(_log_ratio(before[0], after[0]), 0.0, 1.0, 0.0, 0.0, counts)
    return effect_of(before, after)


def _log_ratio(before: float, after: float) -> float:
    if before == after:
        return 0.0
    if not (before and after):
        return math.inf if after else -math.inf
    return math.log(after / before)
