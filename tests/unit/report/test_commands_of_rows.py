"""The command under each accepted row measures that row, whatever `auto` stands for by now."""

import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from sabench.cases.expand import expand, passing
from sabench.cases.scalars import parse_axes
from sabench.cases.suite import load_suite
from sabench.report.html.points import command_of, name_sources, points_of
from sabench.store.leaderboard import read_leaderboard

RESULTS = Path(__file__).parents[3] / "results"
PROFILED = sorted(
    path
    for path in RESULTS.glob("*/*.json")
    if not path.stem.endswith(("-train", "-score", "-ranks"))
)


@cache
def ids(suite: str, axes: tuple[str, ...]) -> set[str]:
    return {case.case_id for case in expand(load_suite(suite), axes=parse_axes(list(axes))).cases}


@pytest.mark.parametrize("path", PROFILED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_command_of_a_row_reaches_it_and_no_other(path: Path) -> None:
    for point in points_of(name_sources([(str(path), read_leaderboard(path))])):
        words = shlex.split(command_of(point))
        assert words[:2] == ["sabench", "profile"]
        following = list(pairwise(words))
        (suite,) = (value for word, value in following if word == "--suite")
        axes = tuple(value for word, value in following if word == "--axis")
        assert words[-2:] == ["--filter", point.row.case_id]
        assert passing(ids(suite, axes), words[-1]) == {point.row.case_id}, words
