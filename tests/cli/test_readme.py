"""The README's commands run as they stand there."""

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from forking import run_command

ROOT = Path(__file__).parent.parent.parent
TAKES_LONG = (
    *("-o report.html", "-o window.svg"),
    *("ranks results/intel", "ranks results/amd"),
)
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """Every line of the shell blocks that calls sabench, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("sabench ")]


def test_the_readme_has_commands_for_the_main_jobs() -> None:
    verbs = {command.split()[1] for command in commands()}
    assert verbs >= {"profile", "count", "list", "show", "compare", "gate"}


def test_those_that_take_long_are_there() -> None:
    assert all(sum(one in command for command in commands()) == 1 for one in TAKES_LONG)


def may_end_with(words: list[str]) -> set[int]:
    """A doctor says what this machine is; a planted fault is found; a gate lacks its base here."""
    if words[0] == "gate":
        return {2}
    if words[0] == "doctor":
        return {0, 1}
    return {1} if "--plant" in words else {0}


def marks(command: str) -> tuple[pytest.MarkDecorator, ...]:
    """Of the commands that run whole, the self-test times something, and some take long: pages,
    charts and ranks have tests of their own with every commit."""
    if command.startswith("sabench selftest"):
        return (pytest.mark.serial,)
    return (pytest.mark.slow,) if any(one in command for one in TAKES_LONG) else ()


@pytest.mark.parametrize("command", [pytest.param(one, marks=marks(one)) for one in commands()])
def test_a_command_of_the_readme_is_understood(command: str, tmp_path: Path) -> None:
    """Measuring commands are planned, not run, and one check is enough; the rest run whole."""
    words = shlex.split(command)[1:]
    if "--resume" in words:
        pytest.skip("needs a run folder: tests/cli/test_profile.py resumes one")
    if words[0] in ("profile", "train", "score") and "--dry-run" not in words:
        words.append("--dry-run")
    if words[0] == "selftest":  # the one check that needs no quiet machine
        words += ["--check", "two_clocks"]
    for folder in ("results", "suites"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tmp_path / folder)
    own = tmp_path / "path" / "to" / "file.py"
    own.parent.mkdir(parents=True)
    own.write_text("class MyLayer: ...\n")
    (own.parent / "images").mkdir()
    done = run_command(words, tmp_path, {**os.environ, "SABENCH_STATE": str(tmp_path / "state")})
    absent = "--device cuda" in command and done.returncode == 5
    assert absent or done.returncode in may_end_with(words), done.stderr
    if words[0] == "gate":
        assert done.stderr == "error: ../main: there is no such folder\n"
        return
    if words[0] != "selftest":  # it tells its progress
        assert len(done.stderr.splitlines()) == (1 if absent else 0)
    assert absent or done.stdout


def shown(leaderboard: str) -> str:
    """What `sabench show` prints of it."""
    return run_here("show", f"results/{leaderboard}")


def run_here(*words: str) -> str:
    """What a command prints, 80 columns wide."""
    done = run_command(words, ROOT, {**os.environ, "COLUMNS": "80"})
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def test_the_table_of_the_readme_is_the_accepted_one() -> None:
    assert f"```\n{shown('amd-epyc/quick.json')}\n```" in README


def test_the_trainings_of_the_readme_are_the_accepted_ones() -> None:
    printed = shown("amd-epyc-family-23-model-1/proxies-train.json")
    table = printed[printed.index(" #  network") : printed.index("\n\n±")]
    assert f"```\n{table}\n```" in README


def test_the_ranks_of_the_readme_are_the_committed_ones() -> None:
    printed = run_here("ranks", "results/amd-epyc-family-23-model-1/local_family-ranks.json")
    table = printed[: printed.index("\ntau: Kendall's")]
    assert f"```\n{table}\n```" in README


def test_every_make_target_of_the_readme_exists() -> None:
    wanted = set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE))
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert wanted <= set(rules)
