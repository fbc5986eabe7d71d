"""The table of scores: its columns, its spread, what a score did not see."""

import io

from rich.console import Console

from making_rows import board_of, row_of
from making_trust import network
from sabench.records import Reading
from sabench.report.legend import legend
from sabench.report.tables import LeaderboardTable
from sabench.store.figure import Figure, figure_over_seeds

WEIGHT = ("classifier.weight", "no path to what is scored")
TABLE = ("slot.rows", "its module is never called")


def told(*unseen: tuple[tuple[str, str], ...] | None) -> list[str]:
    """The lines on `zen` for networks that have these unseen weights; None: it is undefined."""
    rows = [
        row_of(network(0.1 * place, mode="score"), 3.0, metric="zen").model_copy(
            update={"figures": {"zen": figure(weights)}}
        )
        for place, weights in enumerate(unseen, 1)
    ]
    board = board_of(rows, rank_by="zen", metrics=("zen",))
    return [line for line in legend(board, {}) if line.startswith("zen")]


def figure(weights: tuple[tuple[str, str], ...] | None) -> Figure:
    if weights is None:
        return Figure(unit="1", reason="undefined here")
    return Figure(unit="1", median=3.0, mean=3.0, process_medians=(3.0,), unseen_weights=weights)


def test_scores_for_which_there_is_no_room_are_named() -> None:
    names = ("zen", "naswot_preactivation_sign", "grad_norm_batch_statistics")
    figures = {name: Figure(unit="1", median=3.0, process_medians=(3.0,)) for name in names}
    row = row_of(network(0.1, mode="score"), 3.0, metric="zen", figures=figures)
    table = LeaderboardTable(board_of([row], rank_by="zen", metrics=names))
    told = "No room for grad_norm_batch_statistics, naswot_preactivation_sign: a wider terminal"
    assert told in shown(table, 50)
    assert "No room" not in shown(table, 120)


def test_a_single_seed_has_no_spread() -> None:
    one, two = (figure_over_seeds(dict.fromkeys(range(n), Reading.of("1", [3.0]))) for n in (1, 2))
    for figures, told in ((one, "width=0.1 3 -"), (two, "width=0.1 3 0.0%")):
        row = row_of(network(0.1, mode="score"), 3.0, metric="zen", figures={"zen": figures})
        table = LeaderboardTable(board_of([row], rank_by="zen", metrics=("zen",)))
        assert told in shown(table, 80)
        assert "(±)" not in shown(table, 80)


def shown(table: LeaderboardTable, width: int) -> str:
    """What a terminal of that width shows, on one line."""
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return " ".join(out.getvalue().split())


def test_weights_are_counted_with_their_reasons() -> None:
    assert told((WEIGHT,), (WEIGHT, TABLE), ()) == [
        "zen did not see 1 to 2 weights of 2 of 3 networks: no path to what is scored, its module "
        "is never called; the JSON names them."
    ]


def test_a_network_for_which_the_score_is_undefined_is_not_counted() -> None:
    (line,) = told((WEIGHT,), None)
    assert line.startswith("zen did not see 1 weight of 1 of 1 networks: ")


def test_nothing_is_said_where_all_was_seen() -> None:
    assert told((), ()) == []
