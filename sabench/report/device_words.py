"""Headings, figures and remarks of a comparison of devices, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from sabench.cases.case import show_scalar
from sabench.catalog.metrics import METRICS, Metric
from sabench.compare.crossover import Series
from sabench.compare.devices import DeviceComparison, GroupOnSides
from sabench.compare.join import Side
from sabench.measure.fake_script import is_made_up
from sabench.stats import Interval

MOST_REMARKS = 20  # lines of a kind; the JSON has all
SHARED_BY = 3  # figures that lack for one reason are named; of more, their number


@dataclass(frozen=True, slots=True)
class Wording:
    """The words that hang on the metric: of a gain, of what it is, and of the winner."""

    gain: str
    meaning: str
    best: str

    @classmethod
    def of(cls, metric: Metric) -> "Wording":
        """By what it shows and which way is better."""
        if metric.show == "time":
            return cls("speed-up", "how many times faster than A", "fastest")
        if metric.better == "more":
            return cls("gain", "how many times as much as A", "most")
        return cls("saving", "how many times less than A", "least")


def letter(place: int) -> str:
    """A side's letter; the base is A."""
    return chr(ord("A") + place) if place < 26 else f"S{place + 1}"


def factor(value: float) -> str:
    """Three figures: 0.982, 1.52, 15.2, 152, 1.5e+06, 1.5e-06."""
    if value >= 1e6 or 0.0 < value < 0.01:
        return f"{value:.2g}"
    if value < 1.0:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10.0 else f"{value:.1f}" if value < 100.0 else f"{value:.0f}"


def span(interval: Interval | tuple[float, float] | None) -> str:
    """'1.49..1.55'; '-' where there is none."""
    if interval is None:
        return "-"
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else interval
    if high >= 1e6 or 0.0 < high < 0.01:
        return f"{low:.2g}..{high:.2g}"
    return f"{low:.2f}..{high:.2f}" if high < 100.0 else f"{low:.0f}..{high:.0f}"


def share(value: float | None) -> str:
    """A share in percent, never rounded to all or nothing."""
    if value is None:
        return "-"
    shown = f"{value:.0%}"
    return {"100%": ">99%", "0%": "<1%"}.get(shown, shown) if 0.0 < value < 1.0 else shown


def series_name(series: Series, *, is_way: bool) -> str:
    """A subject with the options that stay fixed; how it is computed, if that is the contest."""
    words = [series.subject, *(f"{key}={show_scalar(value)}" for key, value in series.options)]
    return " ".join([*words, f"[{series.implementation}.{series.runtime}]"] if is_way else words)


def has_winners(group: GroupOnSides) -> bool:
    """Whether a group has two cases on a side, so that one of them wins."""
    return any(one is not None and one.cases > 1 for one in group.standings)


def heading(told: DeviceComparison) -> list[str]:
    """What is compared, and the sides by their letters."""
    across = f", across {', '.join(told.across)}" if told.across else ""
    preset = told.sides[0].leaderboard.preset.name
    lines = [f"{told.metric} ({METRICS[told.metric].title}){across}, preset {preset}"]
    lines += [f"{letter(place)}  {_side(side, told)}" for place, side in enumerate(told.sides)]
    if is_made_up(row.case for side in told.sides for row in side.rows):
        lines.append("Made up: runtime fake took the figures from a script; they measure nothing.")
    if any(side.leaderboard.evidence == "smoke" for side in told.sides):
        lines.append(
            "One process a case: a look, no intervals. --preset standard for figures to keep."
        )
    if not all(side.leaderboard.is_complete for side in told.sides):
        lines.append("Not complete: some jobs of a side have not run.")
    return lines


def remarks(told: DeviceComparison) -> list[str]:
    """Runs that stand twice; cases without a figure on a side, and those not every side has."""
    of_reason: dict[str, list[str]] = {}
    for case in told.cases:
        for place, reason in enumerate(case.reasons):
            if reason and case.rows[place] is not None:
                of_reason.setdefault(reason, []).append(f"{case.key} {letter(place)}")
    without: list[str] = []
    for reason, names in of_reason.items():
        those = names if len(names) <= SHARED_BY else [f"{len(names)} figures"]
        without += [f"{one}: {reason}" for one in those]
    alone = [
        f"{key} is in {' and '.join(map(letter, places))} alone"
        for key, places in told.alone.items()
    ]
    lines = [*twice(*told.sides), *_first(without), *_first(alone)]
    if alone and told.across:
        lines.append(
            f"In these ids {', '.join(told.across)} stands at its default, whatever it was."
        )
    if "implementation" not in told.across and _differ_in_implementation(told):
        lines.append("--across implementation joins cases that differ in it alone.")
    return lines


def twice(*sides: Side) -> list[str]:
    """'new.json and base.json are one run, named twice: the same records ...', where they are."""
    return [
        f"{side.name} and {side.same_run_as} are one run, named twice: the same records tell no "
        "difference"
        for side in sides
        if side.same_run_as
    ]


def _differ_in_implementation(told: DeviceComparison) -> bool:
    """Whether two sides have a case that only another implementation tells apart."""
    having: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for key, places in told.alone.items():
        case, _, how = key.rpartition("/")
        mode, *others = how.split(".")  # mode.dtype.implementation.runtime
        having.setdefault((case, mode, *others[:1], *others[2:]), []).append(places)
    return any(len(set(those)) > 1 for those in having.values())


def legend(told: DeviceComparison) -> list[str]:
    """What the columns mean."""
    words = Wording.of(METRICS[told.metric])
    lines = [
        f"{words.gain}: {words.meaning}, of the geometric means of process medians; 99 % interval."
    ]
    if any(map(has_winners, told.groups)):
        lines.append(
            f"{words.best}: the best case that every side has; level: cases not told apart from it "
            "(99 %); stays: in how many redraws of each figure within its error it is still best; "
            "ahead of: the best case of another layer."
        )
    if any(ranking for group in told.groups for ranking in group.rankings.values()):
        lines.append(
            "tau: Kendall's, of two orders of the same cases; 95 % as if the cases were drawn at "
            "random; in noise: 95 % of redraws; alike: pairs in one order; A again: A's own order "
            "against its redraws, which is as near as two orders can be told to agree."
        )
    if told.together and any(told.together.rankings.values()):
        lines.append(
            "All groups together: a larger map is slower everywhere, which brings the orders "
            "together."
        )
    if any(course and course.crossovers for one in told.contests for course in one.courses):
        lines.append(
            "first to 14, second from 28: surely (99 %) ahead at these values, and between them "
            "not told; near: where straight lines in logs cross, 95 % of redraws."
        )
    return lines


def _side(side: Side, told: DeviceComparison) -> str:
    words = [f"{side.name}: {side.environment.device_name}"]
    for key in told.across:
        values = dict.fromkeys(show_scalar(getattr(row.case, key)) for row in side.rows)
        shown = f"{key}={'/'.join(values)}"
        words += [shown] if shown not in side.name else []
    version = side.environment.settings.get("torch", "unknown")
    return ", ".join([*words, f"torch {version}"])


def _first(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_REMARKS]
    if len(lines) > MOST_REMARKS:
        yield f"... and {len(lines) - MOST_REMARKS} more: --json has all."
