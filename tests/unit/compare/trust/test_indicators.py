"""From leaderboards to indicators: what is joined, what is told apart, what is left out."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from making_rows import board_of, row_of
from making_runs import new_run, preset, record_of
from making_trust import FULL, network, trained
from sabench.cases.case import Case
from sabench.compare.trust.baselines import counts, published
from sabench.compare.trust.gathering import gather
from sabench.compare.trust.indicators import indicators_of, plain_case
from sabench.errors import ResultError
from sabench.records import Reading, Status
from sabench.store.leaderboard import make_leaderboard, write_leaderboard


def test_a_network_is_the_same_however_it_is_trained_scored_or_run() -> None:
    ways = [
        network(0.5),
        network(0.5, data="digits", mode="train", batch=64, e=4),
        network(0.5, data="xor", mode="train", c=2, r=2, s=8, threads=2),
        network(0.5, data="digits", mode="score"),
        network(0.5, batch=8, dtype="bf16", runtime="compiled", implementation="blocked"),
    ]
    assert len({plain_case(case).case_id for case in ways}) == 1
    others = [network(0.25), network(0.5, resolution=32), network(0.5, subject="resnet34")]
    assert len({plain_case(case).case_id for case in (*ways, *others)}) == 4


def test_each_way_of_training_is_an_indicator_named_by_what_it_is_reduced_by() -> None:
    full = trained({0.25: (0.8, 0.9), 0.5: (0.9, 0.95)})
    short = trained({0.25: (0.6, 0.7), 0.5: (0.8, 0.75)}, seconds=10.0, e=16, r=2)
    (one,), (other,) = list(indicators_of(full)), list(indicators_of(short))
    key = plain_case(network(0.5)).case_id
    assert (one.name, one.is_reduced, one.seconds[key]) == ("accuracy", False, 100.0)
    assert (other.name, other.is_reduced, other.seconds[key]) == ("accuracy r=2,e=16", True, 10.0)
    assert (one.values[key], other.values[key]) == ((0.9, 0.95), (0.8, 0.75))
    assert other.means([key]) == [pytest.approx(0.775)]


def test_one_leaderboard_with_several_reductions_gives_several_indicators() -> None:
    boards = [trained({0.25: (0.5,)}, e=e) for e in (1, 4)]
    both = boards[0].model_copy(update={"rows": boards[0].rows + boards[1].rows})
    assert [one.name for one in indicators_of(both)] == ["accuracy e=1", "accuracy e=4"]
    assert [one.is_reduced for one in indicators_of(both)] == [False, True]


def test_an_implementation_makes_two_ways_only_where_a_network_has_two() -> None:
    """Convolutions run as the reference and attention blocked, in one suite, by default."""
    attends = {"implementation": "blocked", "mode": "train", "data": "digits"}
    plain = {"implementation": "reference", "mode": "train", "data": "digits"}
    rows = [
        row_of(network(0.25, **plain), 0.5, metric="accuracy"),
        row_of(network(0.5, **attends), 0.6, metric="accuracy"),
    ]
    (one,) = indicators_of(board_of(rows))
    assert (one.name, len(one.values)) == ("accuracy", 2)
    assert one.way["implementation"] == "reference,blocked"
    both = [*rows, row_of(network(0.25, **attends), 0.7, metric="accuracy")]
    assert [(found.name, len(found.values)) for found in indicators_of(board_of(both))] == [
        ("accuracy implementation=reference", 1),
        ("accuracy implementation=blocked", 2),
    ]


def test_scores_and_latencies_are_indicators_and_layers_and_lost_cases_are_not() -> None:
    scored = network(0.5, mode="score", data="digits")
    rows = [
        row_of(scored, 3.0, metric="synflow"),
        row_of(network(0.5), 0.01),
        row_of(network(0.5, batch=8), 0.05),
        row_of(network(0.25), 0.02, status=Status.CRASH),
        row_of(Case(kind="layer", subject="conv", channels=8, size=8), 0.001),
    ]
    found = list(indicators_of(board_of(rows)))
    assert [(one.name, one.origin, one.better) for one in found] == [
        ("synflow data=digits,mode=score,batch=1", "score", "more"),
        ("latency_warm data=,mode=forward,batch=1", "measurement", "less"),
        ("latency_warm data=,mode=forward,batch=8", "measurement", "less"),
    ]
    assert all(len(one.values) == 1 for one in found)
    assert {*found[1].lost.values()} == {"crash"}


def test_results_are_gathered_under_names_of_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.json", "a/run/leaderboard.json", "b/run.json")]
    for path in (*paths, tmp_path / "c" / "run.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_leaderboard(path, trained({0.25: (0.5,), 0.5: (0.6,)}))
    found = gather([*paths[:1], paths[1].parent, paths[2], tmp_path / "c" / "run.json"])
    assert [one.name for one in found.indicators] == [
        *("accuracy", "accuracy (run)", "accuracy (run 2)", "accuracy (run 3)")
    ]
    assert [case.options for case in found.networks.values()] == [{"width": 0.25}, {"width": 0.5}]


def test_a_result_without_a_network_is_one_clear_line(tmp_path: Path) -> None:
    layer = row_of(Case(kind="layer", subject="conv", channels=8, size=8), 0.001)
    write_leaderboard(tmp_path / "layers.json", board_of([layer]))
    with pytest.raises(ResultError, match=r"layers.json: no network in it has a figure[^;]*$"):
        gather([tmp_path / "layers.json"])
    write_leaderboard(tmp_path / "half.json", board_of([layer], is_complete=False))
    with pytest.raises(ResultError, match="it is not complete: resume the run it is of"):
        gather([tmp_path / "half.json"])


def test_a_network_of_which_a_seed_failed_is_lost_and_told(tmp_path: Path) -> None:
    """A proxy that makes networks diverge is not to look better for it."""
    info = new_run(tmp_path / "run", (network(0.25, **FULL), network(0.5, **FULL))).info
    read = {"accuracy": Reading.of("1", [0.5])}
    records = [record_of(job, readings=read) for job in info.jobs()]
    bad = [
        one.model_copy(update={"status": Status.DIVERGED, "readings": {}})
        if "width=0.5" in one.case_id and one.replicate == 1
        else one
        for one in records
    ]
    (found,) = indicators_of(make_leaderboard(info, bad))
    key = {width: plain_case(network(width)).case_id for width in (0.25, 0.5)}
    assert [*found.values] == [key[0.25]]
    assert found.lost == {key[0.5]: "diverged"}


def test_values_keep_their_seeds_where_a_draw_has_none(tmp_path: Path) -> None:
    """A score that is undefined for one draw of the weights moves no other draw."""
    scored = network(0.25, mode="score", data="digits")
    info = new_run(tmp_path / "run", (scored,), preset=preset(processes=3)).info
    absent = Reading.absent("1", "no ReLU fires")
    records = [
        record_of(
            job, readings={"naswot": absent if job.replicate == 1 else Reading.of("1", [value])}
        )
        for job, value in zip(info.jobs(), (3.0, 4.0, 5.0), strict=True)
    ]
    (found,) = indicators_of(make_leaderboard(info, records))
    (key,) = found.values
    assert found.by_seed(key) == {0: 3.0, 2: 5.0}
    assert found.of_seeds([key]) == {0: [3.0], 2: [5.0]}


def test_a_run_tells_its_classes_its_data_and_what_set_changed(tmp_path: Path) -> None:
    info = new_run(tmp_path / "run", (network(0.25, **FULL),), altered={"epochs": 1}).info
    data: dict[str, JsonValue] = {"sha256": "ab", "classes": 10}
    records = [
        record_of(job, readings={"accuracy": Reading.of("1", [0.5])}).model_copy(
            update={"details": {"data": data}}
        )
        for job in info.jobs()
    ]
    board = make_leaderboard(info, records)
    (found,) = indicators_of(board)
    assert (found.classes, found.contents) == (10, {16: "ab"})
    assert (found.name, found.altered) == ("accuracy epochs=1", {"epochs": 1})


def test_a_recipe_that_is_not_the_suites_is_told_in_the_name() -> None:
    board = trained({0.25: (0.5,)}, e=4).model_copy(update={"altered": {"epochs": 1}})
    (found,) = indicators_of(board)
    assert (found.name, found.altered) == ("accuracy e=4,epochs=1", {"epochs": 1})


def test_counts_are_of_as_many_classes_as_were_trained() -> None:
    """1,000 classes for 10: 990 x (2,048 weights and a bias) of the classifier."""
    case = Case(kind="network", subject="resnet26", resolution=224)
    (many, *_), (few, *_) = counts({"it": case}), counts({"it": case}, 10)
    assert many.values["it"][0] - few.values["it"][0] == 990 * 2049


def test_params_and_macs_are_those_of_the_network_in_full() -> None:
    """ResNet-26 in the original form, as arXiv:1906.05909 counts it: 13.7 M and 4.7 G FLOPs."""
    case = Case(kind="network", subject="resnet26", resolution=224)
    params, macs = counts({"it": case})
    assert (params.name, macs.name) == ("params", "macs")
    assert params.values["it"][0] == pytest.approx(13.7e6, rel=0.005)
    assert macs.values["it"][0] == pytest.approx(4.7e9 / 2, rel=0.01)


def test_published_accuracy_is_that_of_the_papers_own_network_alone() -> None:
    printed = Case(kind="network", subject="resnet50", resolution=224)
    narrow = printed.model_copy(update={"options": {"width": 0.5}})
    found = published({"printed": printed, "narrow": narrow})
    assert list(found.values) == ["printed"]
    assert 0.7 < found.values["printed"][0] < 0.8
