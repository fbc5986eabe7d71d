"""What indicators of accuracy are worth, in words and cells: for the table and for Markdown."""

from sabench.compare.trust.agreement import Agreement
from sabench.compare.trust.choice import Choice
from sabench.compare.trust.indicators import Indicator
from sabench.compare.trust.judging import Judgement, Trust
from sabench.stats import Interval

COLUMNS = ("indicator", "tau", "95 %", "seed", "top", "beats", "decides", "right", "faster")

LEGEND = (
    "tau: Kendall's tau-b with its sign, by the means over seeds; 95 % by resampling the networks.",
    "seed: the mean of tau from one seed of it to one of the truth; hold it against the ceiling.",
    "top: tau in the best third by the truth.",
    "beats: tau is surely more than that of the baseline, over the same draws of networks.",
    "decides: pairs told apart by their seeds (95 %; without seeds, pairs that differ).",
    "right: of the pairs that it and the truth decide, those that both decide alike.",
    "faster: training time of the truth over its own.",
)


def heading(told: Judgement) -> list[str]:
    """What all is held against, how far that spreads, and how well it agrees with itself."""
    ceiling, seeds = told.ceiling, told.ceiling.seeds
    counted = f"{len(told.networks)} networks"
    if told.truth.origin == "training":
        counted += f", {seeds} seed{'s' if seeds != 1 else ''} each"
    low, high = told.span.low, told.span.high
    span = f"{100 * low:.1f} to {100 * high:.1f} %" if high <= 1.0 else f"{low:.4g} to {high:.4g}"
    lines = [f"How far indicators rank networks as {told.truth.name} does: {counted}, {span}"]
    if ceiling.tau is None:
        lines.append("Seed ceiling: not known, as the truth has a single seed.")
    else:
        top = f"{ceiling.top:.2f}" if ceiling.top is not None else "not known"
        lines.append(
            f"Seed ceiling: tau of one of its seeds against another is {ceiling.tau:.2f}, "
            f"in the best third {top}."
        )
    return lines


def cells(told: Judgement, trust: Trust) -> tuple[str, ...]:
    """A row of the table; a dash for what there is not."""
    pairs = trust.decided
    name = trust.indicator.name
    if trust.overall and trust.overall.networks < len(told.networks):
        name += f" ({trust.overall.networks} networks)"
    return (
        name,
        _tau(trust.overall),
        _interval(trust.overall.interval if trust.overall else None),
        f"{trust.seed_tau:.2f}" if trust.seed_tau is not None and _has_seeds(trust) else "-",
        _tau(trust.top),
        beaten(trust),
        f"{100 * pairs.decided / pairs.pairs:.0f}%",
        f"{pairs.right}/{pairs.both}",
        f"{trust.faster:.3g}x" if trust.faster else "-",
    )


def beaten(trust: Trust) -> str:
    """The baselines whose tau is surely less; a dash for a baseline itself."""
    if trust.indicator.origin == "count":
        return "-"
    names = [name for name, gain in trust.gains.items() if gain is not None and gain.low > 0.0]
    return ", ".join(names) or "neither"


def choice_lines(choice: Choice | None) -> list[str]:
    """Which proxy is chosen on one half of the networks, and what it is worth on the other."""
    if choice is None:
        return []
    on, there = choice.chosen_on, choice.reported_on
    found = f"tau {there.tau:.2f} ({_interval(there.interval)})" if there else "level"
    lines = [
        f"Chosen on {on.networks} networks: {choice.chosen.name} (tau {on.tau:.2f} there). On the "
        f"others: {found}, at {choice.faster:.3g} times less training time."
    ]
    if choice.middle is not None and choice.quartiles is not None:
        shares = sorted(choice.halvings.items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} in {100 * share:.0f} %" for name, share in shares if share)
        lines.append(
            f"Over {choice.count} halvings: tau on the others {choice.middle:.2f} (half of them in "
            f"{_interval(choice.quartiles)}); chosen was {told}."
        )
    return lines


def remarks(told: Judgement) -> list[str]:
    """What could not be ranked, and what stands on few networks."""
    lines = [
        f"{name}: has only {count} of the networks, too few to rank."
        for name, count in told.left_out.items()
    ]
    if lacking := [one.name for one in _without_seeds(told)]:
        lines.append(f"Trained with a single seed, so no pair is surely told: {', '.join(lacking)}")
    return lines


def _without_seeds(told: Judgement) -> list[Indicator]:
    trained = [told.truth, *(trust.indicator for trust in told.trusts)]
    return [
        one
        for one in trained
        if one.origin == "training" and min(map(len, one.values.values())) < 2
    ]


def _has_seeds(trust: Trust) -> bool:
    return trust.indicator.origin in ("training", "score")


def _tau(agreement: Agreement | None) -> str:
    return f"{agreement.tau:.2f}" if agreement else "-"


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.2f}..{interval.high:.2f}" if interval else "-"
