"""docs/papers.md: its table is the accepted one, its commands are understood."""

import re
import shlex
from pathlib import Path

import pytest

from faking import sabench
from sabench.cases.expand import expand
from sabench.cases.suite import load_suite
from sabench.stats import tau_interval

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "papers.md").read_text()
ACCEPTED = ROOT / "results" / "amd-epyc" / "sasa_paper.json"
TABLE = re.search(
    r"<!-- sasa_paper: as printed -->\n\n(.*?)\n\n<!-- sasa_paper: end -->", PAGE, re.DOTALL
).group(1)
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
]
CLASSIFIERS = 24  # of the suite


def test_the_table_is_the_accepted_one() -> None:
    shown = sabench("show", str(ACCEPTED.relative_to(ROOT)), cwd=ROOT, COLUMNS="100")
    printed = shown.stdout
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    assert f"```\n{lines}\n```" == TABLE


def test_the_table_is_whole_whichever_preset_measured_it() -> None:
    assert len(expand(load_suite(ROOT / "suites" / "sasa_paper.yaml")).cases) == CLASSIFIERS
    rows = re.findall(r"^ *(?:\d+=?|-)  resnet", TABLE, flags=re.MULTILINE)
    assert len(rows) == CLASSIFIERS
    words = " ".join(TABLE.split())
    assert re.search(r"preset (quick|standard|strict)\)", words)
    assert "tau of MACs against latency: " in words
    assert "tau of published FLOPs against latency: " in words
    assert max(len(line) for line in TABLE.splitlines()) <= 100
    assert re.search(r"latency +± +published +MACs +memory", TABLE)
    assert "Made up" not in words


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_is_understood(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert words[0] == "sabench"
    if words[1] == "show":
        words[2] = str(ROOT / words[2])
    else:
        words[words.index("--suite") + 1] = str(
            ROOT / "suites" / f"{words[words.index('--suite') + 1]}.yaml"
        )
        words.append("--dry-run")
    done = sabench(*words[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_interval_that_the_page_tells_is_that_of_the_method() -> None:
    found = tau_interval(0.6, 10)
    assert found is not None
    assert f"0.6 of ten networks is {found.low:.2f} to {found.high:.2f}" in " ".join(PAGE.split())


def test_the_page_names_every_suite_of_a_paper() -> None:
    suites = {path.stem for path in (ROOT / "suites").glob("*_paper.yaml")}
    assert suites == set(re.findall(r"^\| `(\w+)`", PAGE, flags=re.MULTILINE))


def test_the_readme_tells_the_tau_of_the_table() -> None:
    told = re.search(
        r"tau between MACs and latency is ([-\d.]+) \(95 % ([-\d.]+) to ([-\d.]+)\)",
        " ".join((ROOT / "README.md").read_text().split()),
    )
    assert told is not None
    tau, low, high = told.groups()
    sentence = f"tau of MACs against latency: {tau} (95 % {low}..{high}, {CLASSIFIERS} networks)"
    assert sentence in " ".join(TABLE.split())
