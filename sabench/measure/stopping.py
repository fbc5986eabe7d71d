"""When to stop warming up and sampling: pure functions of the samples, on a fixed schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sabench.catalog.presets import Preset
from sabench.stats import Interval, effective_count, median_interval, quantile

EVERY = 10  # samples between two looks
DECIDE_AT = 0.99  # the interval that decides; the 95 % one is reported
LEAST_GAIN = 0.05  # a doubling of the samples that narrows the interval less has settled
SETTLED_FROM = 250  # samples: before that a narrow start looks like no gain
DRIFT = 0.01  # medians of successive warm-up windows
CLOCK_DRIFT = 0.02  # a device's clock in the same windows
FEW_NOISE = 0.025  # what a sample's noise may be where a window has too few to tell


class Stop(StrEnum):
    """Why sampling ended."""

    PRECISE = "precise"
    SETTLED = "settled"  # more samples no longer narrow the interval
    SAMPLES = "samples"
    BUDGET = "budget"
    CONTENDED = "contended"
    DEADLINE = "deadline"
    TURNS = "turns"  # all were taken


@dataclass(frozen=True, slots=True)
class Progress:
    """Where sampling stands."""

    samples: Sequence[float]
    rejected: int
    elapsed_s: float  # since the first block
    deadline_s: float  # what is left for sampling since the first block


def half_width(samples: Sequence[float], confidence: float) -> float:
    """Half the interval of the median over the median; infinite while n is too small.

    Samples that resemble their neighbours count for as many as would tell as much alone.
    """
    if not len(samples):
        return math.inf
    interval = median_interval(samples, confidence, effective_count(samples))
    middle = quantile(samples, 0.5)
    if interval is None or middle <= 0:
        return math.inf
    return (interval.high - interval.low) / 2 / middle


def should_stop(progress: Progress, preset: Preset) -> Stop | None:
    """The stop rule; None: go on."""
    n = len(progress.samples)
    if progress.elapsed_s >= progress.deadline_s and n + progress.rejected > 0:
        return Stop.DEADLINE
    spent = progress.elapsed_s >= preset.budget_s
    if spent and n + progress.rejected >= 2 * preset.samples_min and progress.rejected > n:
        return Stop.CONTENDED
    if n < preset.samples_min:
        return None
    if n % EVERY == 0 and half_width(progress.samples, DECIDE_AT) <= preset.half_width:
        return Stop.PRECISE
    if n >= preset.samples_max:
        return Stop.SAMPLES
    if spent:
        return Stop.BUDGET
    if n % EVERY == 0 and n >= SETTLED_FROM and _has_settled(progress.samples):
        return Stop.SETTLED
    return None


def _has_settled(samples: Sequence[float]) -> bool:
    now = half_width(samples, DECIDE_AT)
    before = half_width(samples[: len(samples) // 2], DECIDE_AT)
    return now >= (1 - LEAST_GAIN) * before


def medians_agree(windows: Sequence[Sequence[float]]) -> bool:
    """Whether the last three windows' medians lie within 1 %."""
    if len(windows) < 3:
        return False
    medians = [quantile(window, 0.5) for window in windows[-3:]]
    return max(medians) <= (1 + DRIFT) * min(medians)


def clocks_agree(clocks_mhz: Sequence[float | None]) -> bool:
    """Whether a device's clock held within 2 % over the last three windows, as far as was told."""
    told = [clock for clock in clocks_mhz[-3:] if clock is not None]
    return not told or max(told) <= (1 + CLOCK_DRIFT) * min(told)


def still_drifts(windows: Sequence[Sequence[float]]) -> bool:
    """Whether the first and last of the last three windows differ by more than their noise."""
    if medians_agree(windows):
        return False
    first, last = windows[-3:][0], windows[-1]
    return len(windows) < 3 or not _spread(first).overlaps(_spread(last))


def _spread(window: Sequence[float]) -> Interval:
    few = Interval((1 - FEW_NOISE) * min(window), (1 + FEW_NOISE) * max(window))
    return median_interval(window) or few


def clearly_exceeds(count: int, n: int, share: float) -> bool:
    """Whether count of n shows a share above `share`, at 95 %: one of ten does not show 5 %."""
    below = sum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(share)
            + (n - k) * math.log1p(-share)
        )
        for k in range(count)
    )
    return 1.0 - below < 0.05
