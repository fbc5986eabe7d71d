"""What the scripts that judge a run of trainings share: a verdict's line, accuracies by seed."""

from sabench.store.leaderboard import Row


def said(good: bool, told: str) -> bool:
    """The verdict, printed before what it is on."""
    print(f"{'held    ' if good else 'NOT HELD'} {told}")
    return good


def by_seed(row: Row) -> dict[int, float]:
    """Its accuracies, each under its seed; of an earlier result, which names none, by place."""
    figure = row.figures["accuracy"]
    seeds = figure.seeds or range(len(figure.process_medians))
    return dict(zip(seeds, figure.process_medians, strict=True))
