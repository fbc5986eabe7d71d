"""What indicators of accuracy are worth, in words and cells: for the table and for Markdown."""

from collections import Counter
from collections.abc import Iterator

from sabench.cases.case import REDUCTIONS
from sabench.compare.trust.agreement import Agreement
from sabench.compare.trust.choice import Choice
from sabench.compare.trust.indicators import NO_FIGURE, Indicator, are_of_other_data
from sabench.compare.trust.judging import Judgement, Trust
from sabench.stats import Interval

COLUMNS = ("indicator", "tau", "95 %", "seed", "top", "beats", "decides", "right", "faster")

SEEN = 0.01  # of the halvings: less is left out

LEGEND = (
    "tau: Kendall's tau-b with its sign, by the means over seeds; 95 % by resampling the networks.",
    "seed: mean tau of one seed of it against another of the truth; hold it against the ceiling.",
    "top: tau in the best third by the truth, as far as it has values of those.",
    "beats: tau is surely more than that of the baseline, over the same draws of networks.",
    "decides: pairs told apart by seeds or processes (95 %); by counts, all pairs that differ.",
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
    is_share = told.truth.origin in ("training", "published")
    span = f"{100 * low:.1f} to {100 * high:.1f} %" if is_share else f"{low:.4g} to {high:.4g}"
    lines = [f"How far indicators rank networks as {told.truth.name} does: {counted}, {span}"]
    if told.truth.origin == "training":
        lines.append(f"Trained {_training(told)}.")
    if not told.truth.is_drawn:
        lines.append("Seed ceiling: none, as the truth has no seeds.")
    elif ceiling.tau is None:
        why = "the truth has a single seed" if seeds < 2 else "the seeds of the truth are level"
        lines.append(f"Seed ceiling: not known, as {why}.")
    else:
        top = f"{ceiling.top:.2f}" if ceiling.top is not None else "not known"
        lines.append(
            f"Seed ceiling: tau of one of its seeds against another is {ceiling.tau:.2f}, "
            f"in the best third {top}."
        )
    return lines


def _training(told: Judgement) -> str:
    """What the truth was trained on, by what and where, as its factors left it."""
    way, recipe = told.truth.way, told.truth.recipe
    c, r, s, e = (int(way[key]) for key in REDUCTIONS)
    sizes = sorted({(told.cases[key].resolution or 0) // r for key in told.networks})
    part = f"1/{s} of " if s > 1 else ""
    width = f", 1/{c} of the channels" if c > 1 else ""
    by = ""
    if recipe:
        epochs = recipe.epochs_of(e)
        by = f", {epochs} epoch{'s' if epochs != 1 else ''} of {recipe.optimizer}"
        by += f", lr {recipe.lr:g}"
    threads = f"{way['threads']} thread{'s' if way['threads'] != '1' else ''}"
    return (
        f"on {part}{way['data']} of {' and '.join(map(str, sizes))} px{width}{by}, "
        f"batch {way['batch']}; {way['device']}, {threads}"
    )


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
        f"{trust.seed_tau:.2f}" if trust.seed_tau is not None else "-",
        _tau(trust.top),
        beaten(trust),
        f"{100 * pairs.decided / pairs.pairs:.0f}%" if has_seeds(trust.indicator) else "-",
        f"{pairs.right}/{pairs.both}" if has_seeds(trust.indicator) else "-",
        f"{trust.faster:.3g}x" if trust.faster else "-",
    )


def beaten(trust: Trust) -> str:
    """The baselines whose tau is surely less; a dash for a count, and where none is known."""
    if trust.indicator.origin == "count" or not any(trust.gains.values()):
        return "-"
    names = [name for name, gain in trust.gains.items() if gain is not None and gain.low > 0.0]
    return ", ".join(names) or "none"


def choice_lines(choice: Choice | str) -> list[str]:
    """Which proxy is chosen on one half of the networks, and what it is worth on the other."""
    if isinstance(choice, str):
        return [f"No proxy is chosen: {choice}."]
    on, there = choice.chosen_on, choice.reported_on
    found = f"tau {there.tau:.2f} ({_interval(there.interval)})" if there else "level"
    faster = f", {choice.faster:.3g} times faster" if choice.faster else ""
    among = "fast proxies" if choice.are_fast else "proxies (not two are fast enough)"
    shares = sorted(choice.halvings.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} in {100 * share:.0f} %" for name, share in shares if share >= SEEN)
    return [
        f"Of {len(choice.proxies)} {among} chosen on {on.networks} networks: {choice.chosen.name} "
        f"(tau {on.tau:.2f} there). On the others: {found}{faster}.",
        f"Over {choice.count} halvings: tau on the others {choice.middle:.2f} (half of them in "
        f"{_interval(choice.quartiles)}); chosen was {told}.",
    ]


def remarks(told: Judgement) -> list[str]:
    """What could not be ranked, and what stands on few networks."""
    indicators = [told.truth, *(trust.indicator for trust in told.trusts)]
    lines = [
        f"{name}: has only {count} of the networks, too few to rank."
        for name, count in told.left_out.items()
    ]
    lines += [line for one in indicators for line in _lost(one)]
    if told.truth.is_trained and told.truth.classes is None:
        lines.append("params, macs: of the papers' classes, as these results tell no other number.")
    if lacking := [one.name for one in indicators if not has_seeds(one)]:
        lines.append(f"With a single seed, so no pair is told: {', '.join(lacking)}.")
    lines += _of_other_seeds(told)
    for what, origin, differs in (
        ("Trained on other data than the truth", "training", are_of_other_data),
        ("Scored on other data than the truth", "score", are_of_other_data),
        ("Trained by another recipe than the truth", "training", _otherwise),
        ("Trained on another device or number of threads", "training", _is_elsewhere),
    ):
        others = (one for one in indicators[1:] if one.origin == origin)
        if those := [one.name for one in others if differs(one, told.truth)]:
            lines.append(f"{what}: {', '.join(those)}.")
    return lines


def _of_other_seeds(told: Judgement) -> Iterator[str]:
    """Indicators whose means and pairs are of more or fewer seeds than the truth's."""
    counts: dict[int, list[str]] = {}
    for one in (trust.indicator for trust in told.trusts):
        if one.is_drawn and told.truth.is_drawn:
            counts.setdefault(min(map(len, one.values.values())), []).append(one.name)
    for count, names in counts.items():
        if count != told.ceiling.seeds:
            seeds = f"{count} seed{'s' if count != 1 else ''}, not {told.ceiling.seeds}"
            yield f"Of {seeds}: {', '.join(names)}."


def has_seeds(one: Indicator) -> bool:
    """Whether it can tell a pair: it has two seeds of a network, or is of none."""
    return not one.is_drawn or max(map(len, one.values.values())) > 1


def _lost(one: Indicator) -> Iterator[str]:
    """Why networks are left out: a failed training is as bad news of a proxy as a wrong order."""
    for ended, number in Counter(one.lost.values()).items():
        networks = "network" if number == 1 else "networks"
        why = f"ended {ended}" if ended != NO_FIGURE else NO_FIGURE
        yield f"{one.name}: {number} {networks} left out, {why}."


def _otherwise(one: Indicator, truth: Indicator) -> bool:
    return truth.is_trained and one.recipe != truth.recipe


def _is_elsewhere(one: Indicator, truth: Indicator) -> bool:
    where = ("device", "threads")
    return truth.is_trained and any(one.way.get(key) != truth.way.get(key) for key in where)


def _tau(agreement: Agreement | None) -> str:
    return f"{agreement.tau:.2f}" if agreement else "-"


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.2f}..{interval.high:.2f}" if interval else "-"
