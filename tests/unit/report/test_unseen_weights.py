"""What a score did not see is told below its table."""

from making_rows import board_of, row_of
from making_trust import network
from sabench.report.legend import legend
from sabench.store.figure import Figure

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
