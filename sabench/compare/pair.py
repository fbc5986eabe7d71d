"""One case in two runs: the ratio of its figures with an interval, and what may be said of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from sabench.stats import t_quantile

CONFIDENCE = 0.99
SURELY_SAME = 0.9999  # the interval of a change that comes near to the least
LEAST_EFFECT = 0.03  # a change below this is none, however sure
NOISE = 3.0  # standard errors that a change must exceed
POWER = 0.8  # how often the slowdown that a run could have detected is detected
POWER_Z = NormalDist().inv_cdf(POWER)
MOST_PROCESSES = 200  # more than anybody starts to settle one case
MOST_LOG = 700.0  # e to this is near the largest number there is


class Verdict(StrEnum):
    """What a comparison says of a case."""

    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    SAME = "SAME"
    AMBIGUOUS = "AMBIGUOUS"
    CLOCK_SUSPECT = "CLOCK_SUSPECT"


@dataclass(frozen=True, slots=True)
class Effect:
    """A change of a figure, on the log scale: 0.1 is a factor of exp(0.1).

    `threshold`: the least change that anybody minds. `theta`: the least change that counts here,
    which noise may raise above it. `error` is the standard error of `change`, with `degrees` of
    freedom; it is None where one process is all there is.
    """

    change: float
    error: float | None
    degrees: float
    threshold: float
    theta: float
    processes: tuple[int, int]

    @property
    def ratio(self) -> float:
        """New over old."""
        return factor_of(self.change)

    @property
    def half_width(self) -> float:
        """Of the 99 % interval of `change`; infinite for one process a side."""
        return self.half_width_at(CONFIDENCE)

    def half_width_at(self, confidence: float) -> float:
        """The same of another interval."""
        if self.error is None:
            return math.inf
        return self.error * t_quantile(0.5 + confidence / 2, self.degrees)

    @property
    def theta_share(self) -> float:
        """Theta as a share: 0.03 is 3 %."""
        return math.expm1(min(self.theta, MOST_LOG))

    def lower_bound(self, confidence: float) -> float:
        """What `change` surely exceeds, one-sided; minus infinity for one process a side."""
        if self.error is None:
            return -math.inf
        return self.change - self.error * t_quantile(confidence, self.degrees)

    @property
    def interval(self) -> tuple[float, float] | None:
        """99 % of the ratio; None for one process a side."""
        if self.error is None:
            return None
        low, high = self.change - self.half_width, self.change + self.half_width
        return factor_of(low), factor_of(high)

    @property
    def detectable(self) -> float | None:
        """The slowdown, as a share, that four in five comparisons as noisy as this would find.

        It must pass the threshold, and the noise as each of them will estimate it.
        """
        if self.error is None:
            return None
        past_threshold = self.threshold + self.error * t_quantile(POWER, self.degrees)
        past_noise = self.error * errors_to_find(self.degrees)
        return math.expm1(min(max(past_threshold, past_noise), MOST_LOG))

    def over(self, blocks: int) -> "Effect":
        """The same of so many paired blocks, each as noisy as these."""
        if self.error is None:
            return self
        error = self.error * math.sqrt(self.processes[0] / blocks)
        return replace(
            self,
            error=error,
            degrees=blocks - 1.0,
            theta=max(self.threshold, NOISE * error),
            processes=(blocks, blocks),
        )


def factor_of(change: float) -> float:
    """The factor of a change of the log; a finite one stays finite, however wild the figures."""
    return math.exp(change if math.isinf(change) else min(change, MOST_LOG))


def errors_to_find(degrees: float) -> float:
    """Standard errors, as one comparison estimates them, that four in five others find: k.

    The others find what exceeds c of their own errors, c of the 99 % interval or NOISE. An estimate
    with n degrees has a variance v of about 1 / 2n and a squared mean of 1 - v; taken for normal,
    (k - c)^2 (1 - v) = z^2 (1 + (k^2 + c^2) v), z the normal quantile of POWER. Off by 8 % at
    n = 2, by 2 % from 4 on.
    """
    least = max(NOISE, t_quantile(0.5 + CONFIDENCE / 2, degrees))
    variance, chance = 1.0 / (2.0 * degrees), POWER_Z**2
    square = 1.0 - variance - chance * variance
    half = least * (1.0 - variance)
    rest = least**2 * square - chance
    return (half + math.sqrt(half**2 - square * rest)) / square


def effect_of(
    base: Sequence[float],
    new: Sequence[float],
    *,
    threshold: float = LEAST_EFFECT,
) -> Effect:
    """The change from one run's process medians to another's, which were not paired.

    Welch's standard error on the logs. `threshold`: a share, 0.03 is 3 %.
    Source: Welch 1947 (Biometrika 34, 28), degrees of freedom by Satterthwaite.
    """
    old, late = [math.log(value) for value in base], [math.log(value) for value in new]
    change = math.fsum(late) / len(late) - math.fsum(old) / len(old)
    counts = (len(old), len(late))
    if min(counts) < 2:
        return _effect(change, None, 0.0, threshold, counts)
    parts = [_squared_error(side) for side in (old, late)]
    error = math.sqrt(sum(parts))
    spread = sum(part**2 / (n - 1) for part, n in zip(parts, counts, strict=True))
    degrees = sum(parts) ** 2 / spread if spread else float(sum(counts) - 2)
    return _effect(change, error, degrees, threshold, counts)


def paired_effect(
    pairs: Sequence[tuple[float, float]],
    *,
    threshold: float = LEAST_EFFECT,
) -> Effect:
    """The change over interleaved blocks, each with its (base, new): a paired t on the logs."""
    differences = np.log(np.asarray(pairs, dtype=float)) @ np.array([-1.0, 1.0])
    count = len(differences)
    change = float(differences.mean())
    if count < 2:
        return _effect(change, None, 0.0, threshold, (count, count))
    error = float(differences.std(ddof=1)) / math.sqrt(count)
    return _effect(change, error, count - 1.0, threshold, (count, count))


def verdict_of(effect: Effect) -> Verdict:
    """A change is one if it is sure and large enough, none if it surely is too small to mind.

    SAME is held to the threshold, not to a theta that noise has raised. The 99 % interval of a few
    processes lies within it by chance once in forty where the change is the threshold itself: a
    figure beyond half of it is called the same only by a 99.99 % interval.
    """
    if effect.error is None:
        return Verdict.AMBIGUOUS
    low, high = effect.change - effect.half_width, effect.change + effect.half_width
    if low > 0.0 and effect.change > effect.theta:
        return Verdict.REGRESSED
    if high < 0.0 and effect.change < -effect.theta:
        return Verdict.IMPROVED
    size = abs(effect.change)
    confidence = CONFIDENCE if size <= effect.threshold / 2 else SURELY_SAME
    if size + effect.half_width_at(confidence) <= effect.threshold:
        return Verdict.SAME
    return Verdict.AMBIGUOUS


def is_of_the_clock(cycles: Effect) -> bool:
    """Whether a slowdown is the clock's: in cycles the whole interval lies below the least change.

    Noise never widens that.
    """
    return cycles.change + cycles.half_width <= cycles.threshold


def processes_needed(effect: Effect) -> int | None:
    """Processes a side, as noisy as these, that would settle the case; None if no number would.

    Settled is what has another verdict, if the change stays what it is. More than there are now;
    where the sides have unlike numbers, their noise is taken to be alike.
    """
    if effect.error is None:
        return None
    alike = 2.0 / (1 / effect.processes[0] + 1 / effect.processes[1])
    shares = min(
        2.0, max(1.0, effect.degrees / (alike - 1.0))
    )  # 1: all noise on one side, or pairs
    for count in range(max(effect.processes) + 1, MOST_PROCESSES + 1):
        error = effect.error * math.sqrt(alike / count)
        then = replace(effect, error=error, degrees=shares * (count - 1.0))
        then = replace(then, theta=max(effect.threshold, NOISE * error))
        if verdict_of(then) is not Verdict.AMBIGUOUS:
            return count
    return None


def _squared_error(values: Sequence[float]) -> float:
    """Of their mean. In plain Python: numpy takes ten times as long for so few."""
    mean, count = math.fsum(values) / len(values), len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count


def _effect(
    change: float,
    error: float | None,
    degrees: float,
    threshold: float,
    processes: tuple[int, int],
) -> Effect:
    least = math.log1p(threshold)
    theta = max(least, NOISE * (error or 0.0))
    return Effect(change, error, degrees, least, theta, processes)
