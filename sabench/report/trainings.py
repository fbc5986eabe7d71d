"""How a training is told: its recipe in a line, its curve in a few letters."""

from sabench.cases.recipe import Recipe
from sabench.store.leaderboard import Leaderboard, Row

BARS = "▁▂▃▄▅▆▇█"  # eighths of all that can be right
LONGEST_CURVE = 16


def recipe_line(leaderboard: Leaderboard) -> str:
    """How the networks were trained or scored, and how often."""
    recipe, seeds = leaderboard.recipe or Recipe(), leaderboard.preset.processes
    if any(row.case.mode == "score" for row in leaderboard.rows):
        return (
            f"Scored untrained on a minibatch of {recipe.batch} images, with {seeds} draws of the "
            "weights; a dash: undefined for this network, or no memory for it; the JSON says why."
        )
    epochs = "epochs" if recipe.epochs > 1 else "epoch"
    return (
        f"Trained for {recipe.epochs} {epochs} (over e) by {recipe.optimizer}, lr {recipe.lr:g}, "
        f"with {seeds} seeds; accuracy on the test split after the last epoch, never the best."
    )


def untrusted(leaderboard: Leaderboard) -> list[str]:
    """The mark of an accuracy beside which no rank agreement is told."""
    if "accuracy" not in leaderboard.metrics:
        return []
    return ["Not known how far this accuracy ranks as a training in full would: sabench ranks."]


def curve_of(row: Row) -> str:
    """The accuracy after each epoch, from nothing to everything, in at most so many letters."""
    points = [point.accuracy for point in row.curve]
    if not points:
        return "-"
    count = min(len(points), LONGEST_CURVE)
    ends = [points[(place + 1) * len(points) // count - 1] for place in range(count)]
    return "".join(BARS[min(int(value * len(BARS)), len(BARS) - 1)] for value in ends)
