"""What the scripts that judge a run of probes share: a verdict's line, accuracies by seed."""

from sabench.cases.case import Case
from sabench.store.leaderboard import Row


def said(good: bool, told: str) -> bool:
    """The verdict, printed before what it is on."""
    print(f"{'held    ' if good else 'NOT HELD'} {told}")
    return good


def layer_of(case: Case) -> str:
    """The layer that a probe is of."""
    return str(case.options.get("mix", "conv"))


def by_seed(row: Row) -> dict[int, float]:
    """Its accuracies, each under its seed; of an earlier result, which names none, by place."""
    figure = row.figures["accuracy"]
    seeds = figure.seeds or range(len(figure.process_medians))
    return dict(zip(seeds, figure.process_medians, strict=True))
