"""The whole gate on two real checkouts of this repository, as the documented workflow runs it.

Minutes each, and what they judge is time: for a quiet machine, `pytest -m slow`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sabench.compare.gate.folder import read_gate
from sabench.compare.gate.result import GateResult, Outcome
from sabench.compare.pair import Verdict

ROOT = Path(__file__).parents[2]
WINDOWS = Path("sabench/layers/kernels/windows.py")  # of every implementation by blocks

SEEN_IN_PLACE = """\
    x = x.unfold(2, block[0] + 2 * halo, block[0]).unfold(3, block[1] + 2 * halo, block[1])
    return x.movedim(4, -1)
"""

UNFOLDED = """\
    seen = (block[0] + 2 * halo, block[1] + 2 * halo)
    planes = x.movedim(-1, 2).flatten(0, 2)[:, None]  # (B n d, 1, H, W)
    copied = functional.unfold(planes, seen, stride=block)  # (B n d, A B, X Y)
    shape = (*x.shape[:2], x.shape[-1], *seen, *blocks)
    return copied.view(shape).permute(0, 1, 5, 6, 3, 4, 2)
"""


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    """A folder with two clones, base and candidate."""
    for name in ("base", "candidate"):
        subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / name)], check=True)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def gate(folder: Path) -> tuple[int, str, GateResult]:
    """Exit code, the step's summary, the result."""
    summary = folder / "summary.md"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sabench", "gate", "--suite", "gate", "--device", "cpu"),
            *("--base", "base", "--candidate", "candidate", "--out", "out"),
            *("--base-python", sys.executable, "--candidate-python", sys.executable),
        ],
        cwd=folder,
        env=os.environ | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, summary.read_text(), read_gate(folder / "out")


def test_what_is_edited_stands_there() -> None:
    assert (ROOT / WINDOWS).read_text().count(SEEN_IN_PLACE) == 1


@pytest.mark.slow
@pytest.mark.serial
def test_a_layer_that_is_made_to_unfold_is_red(sides: Path) -> None:
    edit(sides / "candidate" / WINDOWS, SEEN_IN_PLACE, UNFOLDED)
    code, summary, result = gate(sides)
    verdicts = {case.case_id.partition("/")[0]: case.verdict for case in result.cases}
    assert (code, result.outcome) == (1, Outcome.REGRESSED)
    assert verdicts["halo"] is Verdict.REGRESSED
    assert verdicts["conv"] is not Verdict.REGRESSED
    assert {count.metric for count in result.counts if count.has_risen} >= {"operator_calls"}
    assert "REGRESSED" in summary.splitlines()[0] + summary.splitlines()[2]


@pytest.mark.slow
@pytest.mark.serial
def test_a_change_of_a_layer_that_the_suite_has_not_passes(sides: Path) -> None:
    with (sides / "candidate" / "sabench" / "layers" / "augmented.py").open("a") as file:
        file.write("\n\nMORE = [number**2 for number in range(100)]\n")
    code, summary, result = gate(sides)
    assert (code, result.outcome) == (0, Outcome.PASSED)
    assert not result.with_verdict(Verdict.REGRESSED)
    assert "PASSED" in summary.splitlines()[0] + summary.splitlines()[2]
