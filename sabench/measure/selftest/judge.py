"""From a self-check's reading to a verdict. Torch-free, and without a clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pydantic import JsonValue

from sabench.measure.selftest.table import CHECKS, RATIOS, Check, Ratio
from sabench.records import MEASURED, Flag, Reading
from sabench.stats import median_interval, quantile
from sabench.units import show_energy, show_time

SLOWER = 1.1  # beside a neighbour: above this times its quiet median no figure may be ranked
IDLE_SHARE = 0.05  # of a core, used by threads that wait
COLD = 1.3
SPIN_S = 2e-6


class Verdict(StrEnum):
    """What came out of a check."""

    PASS = "pass"
    FAIL = "fail"
    UNRELIABLE = "unreliable"  # too much else ran to tell
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's verdict, the figure it rests on and what is allowed, both in words.

    `answered`: whether its child told anything; a fault is seen only by a check that did.
    """

    check: str
    verdict: Verdict
    read: str
    allowed: str = ""
    answered: bool = True


def judge(name: str, reading: Reading) -> Finding:
    """The verdict on what a child read."""
    if reading.reason:
        return Finding(name, _absent(reading.flags), reading.reason)
    verdict, read, allowed = JUDGES[name](reading)
    return Finding(name, verdict, read, allowed)


def _absent(flags: tuple[Flag, ...]) -> Verdict:
    """Without a flag there was nothing to read; a counter that tells nonsense is a lie."""
    if Flag.HOST_NOISY in flags:
        return Verdict.UNRELIABLE
    return Verdict.FAIL if Flag.ENERGY_INVALID in flags else Verdict.NOT_APPLICABLE


def not_applicable(check: Check) -> Finding:
    """A check that is made for another kind of device."""
    return Finding(check.name, Verdict.NOT_APPLICABLE, check.elsewhere)


def no_answer(check: Check, why: str) -> Finding:
    """A check whose child gave none: an instrument that breaks tells no truth."""
    return Finding(check.name, Verdict.FAIL, f"no answer: {why}", answered=False)


Said = tuple[Verdict, str, str]


def _ratio(ratio: Ratio, reading: Reading) -> Said:
    """Ratios of turns: red if the interval of their median lies outside what is allowed."""
    ratios, asked = reading.samples, _number(reading.details["turns"])
    expected, tolerance = ratio.expected, ratio.tolerance
    allowed = f"{expected:.2f} ± {tolerance * expected:.2f}"
    interval = median_interval(ratios)
    if interval is None:
        read = f"undisturbed turns: only {len(ratios)} of {asked:.0f}"
        return Verdict.UNRELIABLE, read, allowed
    middle = quantile(ratios, 0.5)
    read = f"{middle:.4f}, error {100 * (middle / expected - 1):+.2f} %, 95 % [{interval.low:.4f}, "
    read += f"{interval.high:.4f}]"
    low, high = expected * (1 - tolerance), expected * (1 + tolerance)
    if interval.high < low or interval.low > high:
        return Verdict.FAIL, read, allowed
    if low <= middle <= high and ratio.is_sharp(interval):
        return Verdict.PASS, read, allowed
    told = "too near the bound" if ratio.is_sharp(interval) else "too wide"
    return Verdict.UNRELIABLE, f"{read} in {len(ratios)} turns: {told} to tell", allowed


def _neighbour(reading: Reading) -> Said:
    """Samples are figures beside the neighbour over the quiet median, statuses stand beside."""
    allowed = f"ranked only up to {SLOWER:.2f} x quiet"
    statuses = [str(word) for word in _items(reading.details["statuses"])]
    told = zip(reading.samples, statuses, strict=True)
    read = ", ".join(f"{ratio:.2f} x ({status})" for ratio, status in told)
    ranked = {str(status) for status in MEASURED}
    for ratio, status in zip(reading.samples, statuses, strict=True):
        if ratio > SLOWER and status in ranked:
            return Verdict.FAIL, read, allowed
    if reading.details["quiet"] != "ok":
        return Verdict.UNRELIABLE, f"the quiet figure was {reading.details['quiet']}", allowed
    if max(reading.samples) <= SLOWER and "contended" not in statuses:
        return Verdict.UNRELIABLE, f"{read}: the neighbour was not felt", allowed
    return Verdict.PASS, read, allowed


def _wait_policy(reading: Reading) -> Said:
    share, slower = reading.samples[0], _number(reading.details["slower"])
    read = f"waiting threads use {share:.3f} of a core; calls take {slower:.1f} x the quiet time"
    verdict = Verdict.FAIL if share > IDLE_SHARE else Verdict.PASS
    return verdict, read, f"at most {IDLE_SHARE:.2f} of a core"


def _cold_warm(reading: Reading) -> Said:
    ratio = quantile(reading.samples, 0.5)
    read = f"cold {_time(reading, 'cold_s')}, warm {_time(reading, 'warm_s')}: {ratio:.2f} x"
    return Verdict.PASS if ratio >= COLD else Verdict.FAIL, read, f"at least {COLD:.2f} x"


def _spin(reading: Reading) -> Said:
    """The ratio's rule, or an error in seconds that an event cannot resolve."""
    verdict, read, allowed = _ratio(RATIOS["spin"], reading)
    error = abs(_number(reading.details["twice_s"]) - 2 * _number(reading.details["once_s"]))
    if verdict is not Verdict.PASS and error <= SPIN_S:
        verdict = Verdict.PASS
    return verdict, f"{read}, {show_time(error)} off", f"{allowed} or {show_time(SPIN_S)}"


def _energy(reading: Reading) -> Said:
    """The validity that the runner itself gives; a counter that covers others' work still moves."""
    validity = str(reading.details["validity"])
    read = f"{validity}: {show_energy(reading.samples[0])} in a window"
    integrated = reading.details["integrated_j"]
    if integrated is not None:
        read += f", {show_energy(_number(integrated))} from power"
    bad = validity in ("invalid", "disagree")
    return (Verdict.FAIL if bad else Verdict.PASS), read, "within 5 % of integrated power"


def _time(reading: Reading, key: str) -> str:
    return show_time(_number(reading.details[key]))


def _number(value: JsonValue) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _items(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


JUDGES: dict[str, Callable[[Reading], Said]] = {
    **{name: partial(_ratio, ratio) for name, ratio in RATIOS.items()},
    "neighbour": _neighbour,
    "wait_policy": _wait_policy,
    "cold_warm": _cold_warm,
    "spin": _spin,
    "energy": _energy,
}
assert JUDGES.keys() == CHECKS.keys()


def tally(findings: Iterable[Finding]) -> Verdict:
    """The worst of all; not applicable if nothing was checked."""
    found = {finding.verdict for finding in findings}
    for worst in (Verdict.FAIL, Verdict.UNRELIABLE):
        if worst in found:
            return worst
    return Verdict.PASS if Verdict.PASS in found else Verdict.NOT_APPLICABLE
