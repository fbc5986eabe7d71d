"""What a page says of each row: its place, its label, what measures it again."""

import shlex
from dataclasses import replace
from itertools import pairwise

import pytest

from making_rows import board_of, row_of
from making_runs import case, environment
from sabench.errors import ConfigError
from sabench.report.html.points import ELSEWHERE, command_of, name_sources, points_of
from sabench.store.leaderboard import Leaderboard


def board(*subjects: str, **fields: object) -> Leaderboard:
    return board_of([row_of(case(one), 0.001) for one in subjects], **fields)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["results/epyc/halo.json"], ["halo"]),
        (["results/epyc/halo.json", "results/h200/halo.json"], ["epyc/halo", "h200/halo"]),
        (["runs/a/", "runs/b/"], ["a", "b"]),
        (["halo.json", "results/halo.json"], ["halo", "results/halo"]),
    ],
)
def test_a_run_is_called_by_the_end_of_its_path_that_keeps_it_apart(
    paths: list[str], names: list[str]
) -> None:
    found = name_sources([(path, board("conv")) for path in paths])
    assert [source.name for source in found] == names


def test_two_machines_of_one_name_are_told_apart_by_their_environments() -> None:
    first, second = environment("EPYC"), environment("EPYC", torch="2.14")
    boards = [board("conv", where=first), board("conv", where=second)]
    points = points_of(name_sources([("a", boards[0]), ("b", boards[1])]))
    names = [point.place.name for point in points]
    assert names[0] != names[1]
    assert {first.id, second.id} == {name.split(" environment ")[1] for name in names}


def test_threads_are_joined_across_when_they_are_asked_to_be() -> None:
    rows = [row_of(case("conv", threads=threads), 0.001) for threads in (1, 2)]
    points = points_of(name_sources([("a", board_of(rows))]), across=["threads"])
    assert points[0].key == points[1].key == case("conv").case_id
    assert [point.side.rpartition(", ")[2] for point in points] == ["threads=1", "threads=2"]


def test_implementations_are_joined_across_as_compare_joins_them() -> None:
    rows = [row_of(case("conv", implementation=one), 0.001) for one in ("reference", "oracle")]
    points = points_of(name_sources([("a", board_of(rows))]), across=["implementation"])
    assert points[0].key == points[1].key == case("conv").case_id


def test_a_row_of_before_a_resumption_elsewhere_is_told_and_counts_as_unmeasured() -> None:
    earlier, now = environment(torch="2.12"), environment(torch="2.13")
    rows = [
        row_of(case(one), 0.001, environments=where)
        for one, where in (("conv", (now.id,)), ("halo", (earlier.id,)), ("local", (now.id, "x")))
    ]
    here, elsewhere, mixed = points_of(name_sources([("a", board_of(rows, now))]))
    assert [one.is_measured for one in (here, elsewhere, mixed)] == [True, False, False]
    assert [one.status for one in (here, elsewhere)] == ["ok", "ok, elsewhere"]
    assert here.messages == []
    assert elsewhere.messages == mixed.messages == [ELSEWHERE]


def test_without_across_threads_have_one_side_and_ids_of_their_own() -> None:
    rows = [row_of(case("conv", threads=threads), 0.001) for threads in (1, 2)]
    points = points_of(name_sources([("a", board_of(rows))]))
    assert points[0].key != points[1].key
    assert points[0].side == points[1].side


def test_a_case_of_two_runs_on_one_place_carries_its_run() -> None:
    sources = name_sources([("a", board("conv", "halo")), ("b", board("conv"))])
    labels = [point.label for point in points_of(sources)]
    assert [label.endswith((" (a)", " (b)")) for label in labels] == [True, False, True]


@pytest.mark.parametrize(
    ("across", "wanted", "told"),
    [(["window"], "", "--across window"), ([], "nothing*", "no case passes --filter nothing*")],
)
def test_what_cannot_be_asked_is_refused(across: list[str], wanted: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("*", r"\*")):
        points_of(name_sources([("a", board("conv"))]), across=across, wanted=wanted)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("sabench profile --suite s", "--suite s --preset standard --device cpu"),
        (
            "sabench profile --suite s --preset strict --device cpu --out runs/x --json",
            "--suite s --preset strict --device cpu",
        ),
        (
            "sabench profile --suite=s --axis threads=2 --filter conv --csv=t.csv --seed 3",
            "--suite=s --axis threads=2 --seed 3 --preset standard --device cpu",
        ),
        (
            "sabench tune --axis implementation=blocked,sdpa --set budget_s=9",
            "--suite tiny --axis implementation=blocked,sdpa --set budget_s=9 --preset standard "
            "--device cpu",
        ),
        (
            "sabench profile --filter= --suite s",  # nothing follows an empty value
            "--suite s --preset standard --device cpu",
        ),
        ("", "--suite tiny --preset standard --device cpu"),
        ("rm -rf /", "--suite tiny --preset standard --device cpu"),
    ],
)
def test_a_command_measures_one_case_as_it_was_measured(recorded: str, expected: str) -> None:
    made = board("conv", suite="tiny", command_line=tuple(recorded.split()))
    (point,) = points_of(name_sources([("a", made)]))
    words = shlex.split(command_of(point))
    assert words == ["sabench", "profile", *expected.split(), "--filter", point.row.case_id]


@pytest.mark.parametrize(
    ("implementation", "recorded", "expected"),
    [
        ("blocked", "", "--axis implementation=blocked"),
        ("blocked", "--axis=implementation=blocked,sdpa", "--axis implementation=blocked"),
        ("blocked", "--axis implementation=auto", "--axis implementation=blocked"),
        ("timm", "--axis implementation=timm,sdpa", "--axis implementation=timm,sdpa"),
        ("timm", "", ""),
    ],
)
def test_a_command_names_what_auto_may_have_chosen(
    implementation: str, recorded: str, expected: str
) -> None:
    measured = case("halo", implementation=implementation)
    line = ("sabench", "profile", "--suite", "s", *recorded.split())
    (point,) = points_of(
        name_sources([("a", board_of([row_of(measured, 0.001)], command_line=line))])
    )
    words = shlex.split(command_of(point))
    axes = [f"--axis {value}" for word, value in pairwise(words) if word == "--axis"]
    assert axes == ([expected] if expected else [])


def test_a_command_from_a_hostile_file_runs_nothing_else_in_a_shell() -> None:
    hostile = ("x", "profile", "--suite", "s; rm -rf ~ $(id) `id`\n&& id")
    (point,) = points_of(name_sources([("a", board("conv"))]))
    made = replace(
        point,
        source=replace(
            point.source,
            leaderboard=point.source.leaderboard.model_copy(update={"command_line": hostile}),
        ),
    )
    words = shlex.split(command_of(made))
    assert words[:4] == ["sabench", "profile", "--suite", hostile[3]]
