"""A training's page: the command under each record plans that training again, and no other."""

import re
import shlex
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path

import pytest

from making_rows import board_of, row_of
from sabench import cli
from sabench.launch import request
from sabench.launch.request import Planned
from sabench.store.leaderboard import Leaderboard, read_leaderboard, write_leaderboard
from slowness import mostly_slow

RESULTS = Path(__file__).parents[2] / "results"
KEPT = [path for kind in ("train", "score") for path in sorted(RESULTS.glob(f"*/*-{kind}.json"))]
COMMAND = re.compile(r"measure it again</summary><pre><code>(.*?)</code>", re.DOTALL)

Plan = Callable[[Iterable[str]], Planned]


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    assert ended.value.code in (0, None), words


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plan:
    """What a command plans, by its words; nothing is trained."""
    found: list[Planned] = []
    honest = request.plan_run

    def noted(asked: request.Request) -> Planned:
        found.append(honest(asked))
        return found[-1]

    monkeypatch.setattr(request, "plan_run", noted)

    def planned(words: Iterable[str]) -> Planned:
        run(*words, "--dry-run", "--json")
        capsys.readouterr()
        return found[-1]

    return planned


def commands_on_the_page(board: Path, page: Path) -> list[list[str]]:
    """Of every record, in their order, without `sabench`."""
    run("report", str(board), "-o", str(page))
    lines = [shlex.split(unescape(one)) for one in COMMAND.findall(page.read_text())]
    assert {words[0] for words in lines} == {"sabench"}
    return [words[1:] for words in lines]


def held(board: Leaderboard, commands: list[list[str]], plan: Plan) -> None:
    """Each command plans the case of its row, as it was trained or scored."""
    for row, words in zip(board.rows, commands, strict=True):
        found = plan(words)
        assert [case.case_id for case in found.expansion.cases] == [row.case_id], words
        assert found.devices == (row.device,)
        assert (found.preset.name, found.purpose) == (board.preset.name, words[0])
        assert found.recipe == board.recipe
        more = set(found.metrics) - set(board.metrics)  # a training reads what it learnt to since
        assert set(board.metrics) <= set(found.metrics)
        assert words[0] == "train" or not more


def moved_to(folder: Path, word: str) -> str:
    """A folder of data that lay elsewhere, as one of that name here."""
    if not Path(word).is_absolute():
        return word
    here = folder / Path(word).name
    here.mkdir(exist_ok=True)
    return str(here)


@pytest.mark.parametrize(
    "path",
    mostly_slow(KEPT, lambda path: not path.stem.startswith("local_family")),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_the_command_under_each_accepted_training_and_score_plans_it_again(
    path: Path, tmp_path: Path, plan: Plan
) -> None:
    commands = commands_on_the_page(path, tmp_path / "page.html")
    moved = [[moved_to(tmp_path, word) for word in words] for words in commands]
    held(read_leaderboard(path), moved, plan)


@pytest.mark.parametrize(
    "words",
    [
        "train --suite proxies_networks",  # one id is a part of another
        "train --suite proxies --data c[1].npz --preset standard",  # an id with a glob's marks
        pytest.param(
            "train --suite=proxies --axis e=1,2 --axis=c=1,2"
            " --set epochs=24 --isolation case --seed 3",
            marks=pytest.mark.slow,
        ),
        "train --suite proxies --axis implementation=reference,blocked --filter halo",
        "score --suite tasks --score naswot --score snip --axis=threads=1",
    ],
)
def test_the_command_under_each_row_plans_it_again_whatever_was_asked_for(
    words: str, tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c[1].npz").touch()
    asked = [*words.split(), "--device", "cpu"]
    first = plan(asked)
    rank_by = first.rank_by
    board = board_of(
        [row_of(case, 0.9, metric=rank_by) for case in first.expansion.cases],
        suite=first.suite.name,
        preset=first.preset,
        recipe=first.recipe,
        rank_by=rank_by,
        metrics=first.metrics,
        command_line=("sabench", *asked, "--out", "kept"),
    )
    assert len(board.rows) > 1
    write_leaderboard(tmp_path / "board.json", board)
    held(board, commands_on_the_page(tmp_path / "board.json", tmp_path / "page.html"), plan)
