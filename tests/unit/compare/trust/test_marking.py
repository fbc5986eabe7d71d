"""Accuracy beside latency, and the mark of one whose worth is not known."""

import random
from pathlib import Path
from typing import Any

import pytest

from making_rows import board_of, row_of
from making_trust import network, trained
from sabench.cases.case import Case
from sabench.cases.recipe import Recipe
from sabench.compare.trust.indicators import Gathered, indicators_of, networks_of, plain_case
from sabench.compare.trust.judging import judge
from sabench.compare.trust.marking import mark, marked, trainings_in, with_accuracy
from sabench.compare.trust.result import Ranks, ranks_of, read_ranks, write_ranks
from sabench.errors import ConfigError, ResultError
from sabench.store.leaderboard import Leaderboard

WIDTHS = [round(0.125 + 0.03125 * step, 5) for step in range(8)]


def values(spread: float = 0.0) -> dict[float, tuple[float, ...]]:
    order = random.Random(1)
    return {
        width: tuple(0.6 + place / 50 + order.gauss(0, spread) for _ in range(3))
        for place, width in enumerate(WIDTHS)
    }


def profile(*widths: float, **fields: object) -> Leaderboard:
    return board_of([row_of(network(width, **fields), width / 10) for width in widths])


@pytest.fixture
def ranks() -> Ranks:
    boards = trained(values()), trained(values(0.05), e=4)
    found = tuple(one for board in boards for one in indicators_of(board))
    cases = {plain_case(network(width)).case_id: plain_case(network(width)) for width in WIDTHS}
    return ranks_of(judge(Gathered(found, cases)), "one proxy")


def test_each_case_of_a_profile_gets_the_accuracy_of_its_network() -> None:
    joined = with_accuracy(profile(0.125, 0.25, 0.5), trained(values(), e=4), "short.json")
    found = [row.median("accuracy") for row in joined.rows]
    assert found == [pytest.approx(0.6), pytest.approx(0.68), None]
    assert joined.rows[2].figures["accuracy"].reason == "not trained in short.json"
    assert joined.metrics == ("latency_warm", "accuracy")
    first, second = joined.notes
    assert first == "Accuracy of 2 of 3 cases from short.json: digits e=4, 3 seeds."
    assert second.startswith("Accuracy by digits e=4: not known how far it ranks")


def test_a_network_is_found_at_another_resolution_where_one_alone_was_trained() -> None:
    large = profile(0.25, resolution=224)
    joined = with_accuracy(large, trained(values()), "it")
    assert joined.rows[0].median("accuracy") == pytest.approx(0.68)
    side = network(0.25).resolution
    told = f"Trained at another resolution than measured at: {side} px beside 224 px."
    assert told in joined.notes
    two = trained(values())
    other = trained({0.25: (0.1,)}, resolution=32)
    both = two.model_copy(update={"rows": (*two.rows, *other.rows)})
    with pytest.raises(ResultError, match="it: none of its trainings is of a network of this"):
        with_accuracy(large, both, "it")
    (row,) = with_accuracy(profile(0.25, resolution=32), both, "it").rows
    assert row.median("accuracy") == pytest.approx(0.1)


def hashed(board: Leaderboard, sha256: str) -> Leaderboard:
    """Of data with that hash, which no two resolutions share; '' for an older file, without any."""
    rows = tuple(
        row.model_copy(update={"data_sha256": (f"{sha256} {row.case.resolution}",)})
        if sha256
        else row
        for row in board.rows
    )
    return board.model_copy(update={"rows": rows})


def at_two_sizes(**fields: Any) -> Leaderboard:
    one, other = (trained(values(0.05), resolution=size, **fields) for size in (16, 32))
    return one.model_copy(update={"rows": (*one.rows, *other.rows)})


@pytest.mark.parametrize(("mine", "theirs"), [("a", "a"), ("a", ""), ("", "b"), ("a", "b")])
def test_other_data_under_the_same_name_are_marked_by_nothing(mine: str, theirs: str) -> None:
    """A path can hold other images tomorrow; an older file tells no hash."""
    boards = [hashed(at_two_sizes(**fields), theirs) for fields in ({}, {"e": 4})]
    found = tuple(one for board in boards for one in indicators_of(board))
    cases = {key: case for board in boards for key, case in networks_of(board).items()}
    ranks = ranks_of(judge(Gathered(found, cases)), "one proxy")
    (both,) = trainings_in(hashed(at_two_sizes(e=4), mine))
    (one,) = trainings_in(hashed(trained(values(0.05), resolution=32, e=4), mine))
    for trainings in (both, one):
        assert ("with tau" in mark(trainings, ranks)) == ((mine, theirs) != ("a", "b"))


def test_a_leaderboard_of_two_resolutions_is_joined_by_them() -> None:
    board = board_of([row_of(network(0.125, resolution=size), 1.0) for size in (16, 32)])
    joined = with_accuracy(board, hashed(at_two_sizes(), "a"), "it")
    assert all(row.median("accuracy") is not None for row in joined.rows)


def test_layers_have_no_accuracy() -> None:
    layer = row_of(Case(kind="layer", subject="resnet26", channels=8, size=8), 0.1)
    with pytest.raises(ResultError, match="none of its trainings"):
        with_accuracy(board_of([layer]), trained(values()), "it")


def test_a_result_without_trainings_gives_no_accuracy() -> None:
    with pytest.raises(ResultError, match="it holds no training that ended: sabench train"):
        with_accuracy(profile(0.25), profile(0.25), "it")


def test_two_ways_of_training_are_not_mixed() -> None:
    boards = trained(values()), trained(values(), e=4)
    both = boards[0].model_copy(update={"rows": boards[0].rows + boards[1].rows})
    with pytest.raises(
        ConfigError, match=r"it holds 2 ways of training \(digits in full, batch 1; digits e=4"
    ):
        with_accuracy(profile(0.25), both, "it")


def test_an_accuracy_says_how_it_ranks_where_that_is_known(ranks: Ranks) -> None:
    (told,) = marked(trained(values(), e=4), ranks).notes
    tau = next(one for one in ranks.indicators if one.name == "accuracy e=4").overall
    assert tau is not None
    assert tau.interval is not None
    assert told == (
        f"Accuracy by digits e=4 ranks 8 networks as accuracy does with tau {tau.tau:.2f}, "
        f"95 % {tau.interval[0]:.2f}..{tau.interval[1]:.2f}; seed ceiling 1.00."
    )
    (full,) = marked(trained(values()), ranks).notes
    assert full.startswith("Accuracy by digits in full is what other accuracies are held against")
    brief = trained(values()).model_copy(update={"altered": {"epochs": 1}})
    (unlike,) = marked(brief.model_copy(update={"recipe": Recipe(epochs=1)}), ranks).notes
    assert unlike.startswith("Accuracy by digits epochs=1: not known how far it ranks")
    (unknown,) = marked(trained(values(), r=2), ranks).notes
    assert unknown.startswith("Accuracy by digits r=2: not known how far it ranks")


@pytest.mark.parametrize(
    "board",
    [
        trained({0.125: (0.5, 0.6), 0.9: (0.7, 0.8)}, e=4),
        trained({0.125: (0.5, 0.6)}, e=4).model_copy(update={"recipe": Recipe(epochs=99)}),
        trained({0.125: (0.5, 0.6)}, e=4, batch=8),
        trained({0.125: (0.5, 0.6)}, e=4, data="permuted_digits"),
    ],
    ids=["another network", "another recipe", "another batch", "other data"],
)
def test_what_is_known_of_one_training_marks_no_other(board: Leaderboard, ranks: Ranks) -> None:
    (told,) = marked(board, ranks).notes
    assert "not known how far it ranks" in told


def test_a_leaderboard_without_trainings_has_nothing_to_mark(ranks: Ranks) -> None:
    with pytest.raises(ConfigError, match="no training is in it"):
        marked(profile(0.25), ranks)


def test_accuracies_of_its_own_are_not_written_over() -> None:
    with pytest.raises(ConfigError, match="it has accuracies of its own"):
        with_accuracy(trained(values()), trained(values()), "it")


def test_trainings_of_two_batches_are_two_ways() -> None:
    boards = trained({0.25: (0.5,)}, batch=32), trained({0.25: (0.9,)}, batch=128)
    both = boards[0].model_copy(update={"rows": boards[0].rows + boards[1].rows})
    with pytest.raises(ConfigError, match="2 ways of training"):
        with_accuracy(profile(0.25), both, "it")


def test_without_ranks_every_accuracy_is_marked() -> None:
    (one,) = trainings_in(trained(values()))
    assert "not known how far it ranks" in mark(one, None)


def test_ranks_are_read_as_they_were_written_and_a_change_is_seen(
    ranks: Ranks, tmp_path: Path
) -> None:
    write_ranks(tmp_path / "ranks.json", ranks)
    assert read_ranks(tmp_path / "ranks.json") == ranks
    text = (tmp_path / "ranks.json").read_text()
    (tmp_path / "ranks.json").write_text(text.replace('"seeds": 3', '"seeds": 9'))
    with pytest.raises(ResultError, match="changed since it was written"):
        read_ranks(tmp_path / "ranks.json")
