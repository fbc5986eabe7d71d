"""What the comparison of two results reads like, for every way of showing it; not escaped."""

from collections.abc import Iterator, Sequence

from sabench.catalog.metrics import METRICS
from sabench.compare.join import Side
from sabench.compare.pair import MOST_PROCESSES, Effect, Verdict
from sabench.compare.runs import Compared, Comparison, Overall
from sabench.measure.fake_script import is_made_up
from sabench.records import MEASURED
from sabench.report.columns import SHOWN_AS, group_title, name_of
from sabench.report.device_words import factor, twice
from sabench.report.plain import ending

COLUMNS = ("case", "base", "new", "ratio", "99 %", "finds", "verdict")
BETTER = {"less": ("more", "less"), "more": ("less", "more")}
"""By which way is better: what REGRESSED and IMPROVED are of the figure."""

MOST_SHOWN = 200  # cases, and remarks, that a terminal is given
URGENT = (
    *(Verdict.REGRESSED, Verdict.CLOCK_SUSPECT, Verdict.IMPROVED, Verdict.AMBIGUOUS),
    *(None, Verdict.SAME),
)
"""What is shown first where not all can be."""


def heading(told: Comparison) -> list[str]:
    """What is held against what, and how much it is worth."""
    lines = [
        f"{told.metric} of {told.new.name} against {told.base.name}",
        f"{told.new.device}: {told.new.environment.device_name}, preset "
        f"{told.new.leaderboard.preset.name}, {METRICS[told.metric].title}, "
        f"{METRICS[told.metric].better} is better",
    ]
    if is_made_up(case.new.case for case in told.cases):
        lines.append("Made up: runtime fake took the figures from a script; they measure nothing.")
    if told.new.leaderboard.evidence == "smoke":
        lines.append(
            "One process a case: no interval, and no verdict that could be sure. --preset standard "
            "for figures that can be compared."
        )
    if not told.judged:
        lines.append("Unlike environments (--across-env): ratios without verdicts.")
    lines += [f"Not complete: {name}." for name in _incomplete(told.base, told.new)]
    return lines


def foremost(told: Comparison) -> list[Compared]:
    """As many cases as a terminal is given, the urgent ones, in the order of the base."""
    by_urgency = sorted(told.cases, key=lambda case: URGENT.index(case.verdict))
    chosen = {case.key for case in by_urgency[:MOST_SHOWN]}
    return [case for case in told.cases if case.key in chosen]


def groups(cases: Sequence[Compared]) -> Iterator[tuple[str, list[Compared]]]:
    """The cases by what they share, with its title, in their order."""
    found: dict[tuple[object, ...], list[Compared]] = {}
    for case in cases:
        found.setdefault(tuple(case.base.group.items()), []).append(case)
    for those in found.values():
        yield group_title(those[0].base.group, those[0].base.case), those


def labels(told: Comparison) -> dict[str, str]:
    """What each case is called within its group, by its key."""
    name = name_of(told.base.leaderboard)
    return {case.key: name(case.base) for case in told.cases}


def cells(told: Comparison, case: Compared) -> list[str]:
    """Both figures, the ratio, its interval, what would have been found, the verdict."""
    show = SHOWN_AS[METRICS[told.metric].show]
    medians = [row.median(told.metric) for row in (case.base, case.new)]
    figures = [show(one) if one is not None else "-" for one in medians]
    if case.effect is None:
        return [*figures, "-", "-", "-", "not compared"]
    interval, finds = case.effect.interval, finds_of(told, case.effect)
    return [
        *figures,
        ratio(case.effect.ratio),
        f"{ratio(interval[0])}-{ratio(interval[1])}" if interval else "-",
        _share(finds) if finds is not None else "-",
        _verdict(case),
    ]


def finds_of(told: Comparison, effect: Effect) -> float | None:
    """The change for the worse, as a share of the figure, that would have been found."""
    found = effect.detectable
    if found is None or METRICS[told.metric].better != "more":
        return found
    return -found / (1.0 + found)  # a rise of the time by this is a fall of the rate


def ratio(value: float) -> str:
    """Three places where a change of 1 % matters, three figures where it does not."""
    return f"{value:.3f}" if 0.01 <= value < 10.0 or not value else factor(value)


def _share(value: float) -> str:
    return f"{value:+.1%}" if abs(value) < 10.0 else f"x{factor(1.0 + value)}"


def remarks(told: Comparison) -> list[str]:
    """A run that stands twice; each case that could not be compared, or that one side lacks."""
    lines = twice(told.new)
    for case in told.cases:
        if case.reason:
            lines.append(f"{case.key} not compared: {_why(case)}")
    lines += [f"{key} missing: {told.new.name} lacks it" for key in told.missing]
    lines += [f"{key} new: {told.base.name} lacks it" for key in told.added]
    on_cpu = [side for side in (told.base, told.new) if side.environment.device_kind == "cpu"]
    unread = [side.name for side in on_cpu if not side.leaderboard.preset.slow_core]
    is_time = METRICS[told.metric].show in ("time", "rate")
    if is_time and len(unread) == 1 and len(on_cpu) == 2:
        lines.append(
            f"{unread[0]} was measured without a look at whether its cores were shared: where they "
            "were, its times may be up to twice as long and ranked all the same"
        )
    return [" ".join(line.split()) for line in lines]


def tally(told: Comparison) -> str:
    """How many of each verdict, and the geometric mean."""
    counted = [
        f"{len(cases)} {verdict}" for verdict in Verdict if (cases := told.with_verdict(verdict))
    ]
    untold = sum(case.effect is None for case in told.cases)
    for number, word in (
        (untold, "not compared"),
        (len(told.missing), "missing"),
        (len(told.added), "new"),
    ):
        if number:
            counted.append(f"{number} {word}")
    words = [", ".join(counted)] if counted else []
    if overall := told.overall:
        words.append(overall_line(overall))
    return "; ".join(words) + "."


def overall_line(overall: Overall) -> str:
    """'geometric mean of 12 ratios 1.003 (95 % 0.998 to 1.008)'."""
    told = f"geometric mean of {overall.cases} ratios {ratio(overall.ratio)}"
    if overall.low is None or overall.high is None:
        return told
    return f"{told} (95 % {ratio(overall.low)} to {ratio(overall.high)})"


def legend(told: Comparison) -> list[str]:
    """The verdicts that stand there, and the columns."""
    worse, better = BETTER.get(METRICS[told.metric].better, ("more", "less"))
    meaning = {
        Verdict.REGRESSED: f"{worse}, surely (99 %), and by more than what counts",
        Verdict.IMPROVED: f"{better}, surely (99 %), and by more than what counts",
        Verdict.SAME: "surely (99 %) within the 3 % that nobody minds",
        Verdict.AMBIGUOUS: "neither: too noisy to tell",
        Verdict.CLOCK_SUSPECT: "slower in time and not in clock cycles: measure again",
    }
    if METRICS[told.metric].exact:
        meaning[Verdict.SAME] = "equal"
    lines = [f"{one}: {meaning[one]}." for one in Verdict if told.with_verdict(one)]
    unsure = told.with_verdict(Verdict.AMBIGUOUS)
    if any(case.needed for case in unsure):
        lines.append("(n): processes a side, as noisy as these, that would settle it.")
    if any(case.effect and case.effect.interval for case in told.cases):
        lines.append("ratio: new over base, by the geometric means of process medians.")
        lines.append("finds: the change for the worse that 4 of 5 such pairs would find.")
    elif any(case.effect for case in told.cases):
        lines.append("ratio: new over base.")
    if told.judged and told.cases and not METRICS[told.metric].exact:
        lines.append(
            "The sides were measured one after the other: what the machine changed between them "
            "counts as a change. `sabench gate` measures both in turn."
        )
        if told.moved_together:
            lines.append("Every case changed the same way: look at the machine before the code.")
    return lines


def _verdict(case: Compared) -> str:
    if case.verdict is None:
        return ""
    if case.verdict is not Verdict.AMBIGUOUS or case.effect is None or case.effect.error is None:
        return str(case.verdict)
    return f"{case.verdict} ({case.needed or f'>{MOST_PROCESSES}'})"


def _why(case: Compared) -> str:
    """The reason, and what the row says of how it ended."""
    for name, row in (("base", case.base), ("new", case.new)):
        if row.status not in MEASURED:
            return f"{name}: {ending(row.status, row.message)}"
    return case.reason


def _incomplete(*sides: Side) -> Iterator[str]:
    for side in sides:
        if not side.leaderboard.is_complete:
            yield f"{side.name}, some of whose jobs have not run"
