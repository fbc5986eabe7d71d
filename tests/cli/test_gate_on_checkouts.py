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

pytestmark = [pytest.mark.slow, pytest.mark.serial]

ROOT = Path(__file__).parents[2]
BLOCKED = Path("sabench/layers/kernels/blocked.py")

COPIED_ONCE = """\
    x = x.unfold(2, block[0] + 2 * halo, block[0]).unfold(3, block[1] + 2 * halo, block[1])
    x = x.movedim(4, -1)  # (B, n, X, Y, A, B, d), a view
    return x.reshape(x.shape[:4].numel(), -1, x.shape[-1])
"""

UNFOLDED = """\
    width, planes = x.shape[-1], x.movedim(-1, 2).flatten(0, 2)[:, None]  # (B n d, 1, H, W)
    seen = (block[0] + 2 * halo, block[1] + 2 * halo)
    x = functional.unfold(planes, seen, stride=block)  # (B n d, A B, X Y)
    x = x.view(-1, width, *x.shape[1:]).permute(0, 3, 2, 1)  # (B n, X Y, A B, d)
    return x.reshape(-1, *x.shape[2:])
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


def test_a_layer_that_is_made_to_unfold_is_red(sides: Path) -> None:
    edit(sides / "candidate" / BLOCKED, COPIED_ONCE, UNFOLDED)
    code, summary, result = gate(sides)
    verdicts = {case.case_id.partition("/")[0]: case.verdict for case in result.cases}
    assert (code, result.outcome) == (1, Outcome.REGRESSED)
    assert verdicts["halo"] is Verdict.REGRESSED
    assert verdicts["conv"] is not Verdict.REGRESSED
    assert {count.metric for count in result.counts if count.has_risen} >= {"operator_calls"}
    assert "REGRESSED" in summary.splitlines()[0] + summary.splitlines()[2]


def test_a_change_of_no_code_passes(sides: Path) -> None:
    edit(sides / "candidate" / "README.md", "# sabench\n", "# sabench, a word more\n")
    code, summary, result = gate(sides)
    assert (code, result.outcome) == (0, Outcome.PASSED)
    assert not result.with_verdict(Verdict.REGRESSED)
    assert "PASSED" in summary.splitlines()[0] + summary.splitlines()[2]
