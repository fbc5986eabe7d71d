"""Measure how often the gate is wrong: gates between two checkouts of one commit, one line each.

    .venv/bin/python tools/aa.py --runs 200 [--plant 1.10] [--suite gate] [--device cpu]
    .venv/bin/python tools/aa.py --runs 0                  # only what the file tells

Both checkouts are clones of this one's commit, in folders whose names differ in length, and take
turns in being the base; each gate is the real command line. Before each the machine has to be
quiet. The lines are appended to results/<device>/gate-aa.jsonl: what is there counts, so that an
interrupted trial goes on. With --plant one case of the candidate does so many times its work.
Exit code: 0 all were made, 4 the machine did not become quiet, 130 interrupted; a gate that ends
without a result (2, 3, 5) ends the trial with its code.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from quiet import QUIET_CORES, wait_for_quiet

from sabench import jsonl
from sabench.cases.suite import load_suite
from sabench.compare.gate.driver import RULE
from sabench.compare.gate.folder import read_gate
from sabench.compare.gate.rates import (
    FILE,
    Trial,
    lower_bound,
    rate_among,
    read_trials,
)
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict
from sabench.errors import ExitCode
from sabench.measure.environment import checkout_state, device_slug, environment

ROOT = Path(__file__).parent.parent
CLONES = ("a", "of-another-length")
CLEAN = {Verdict.SAME, Verdict.IMPROVED}
TRIED = (ExitCode.OK, ExitCode.REGRESSION, ExitCode.UNRELIABLE, ExitCode.CASE_FAILED)


@dataclass(frozen=True, slots=True)
class Bout:
    """What each gate of a trial is given."""

    work: Path  # where the clones and the gates' folders lie
    suite: str  # as the command line has it
    suite_name: str
    device: str
    plant: float | None

    def command(self, made: int, out: Path) -> list[str]:
        """The gate after so many; the clones take turns in being the base."""
        base, candidate = CLONES[:: 1 if made % 2 == 0 else -1]
        words = [sys.executable, "-m", "sabench", "gate", "--json"]
        words += ["--base", str(self.work / base), "--candidate", str(self.work / candidate)]
        words += ["--base-python", sys.executable, "--candidate-python", sys.executable]
        words += ["--suite", self.suite, "--device", self.device, "--out", str(out)]
        return words + ([] if self.plant is None else ["--plant", f"{self.plant:g}"])

    def free_folder(self, made: int) -> Path:
        """For the gate after so many: a folder that no earlier one has left behind."""
        places = (self.work / f"gate-{place}" for place in count(made))
        return next(place for place in places if not place.exists())


class GateError(Exception):
    """A gate that ended without a result."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


def clone(checkout: Path, work: Path) -> None:
    """Two clones of a checkout's commit, as far as they are not there."""
    for name in CLONES:
        if not (work / name).exists():
            command = ["git", "clone", "-q", "--no-hardlinks", str(checkout), str(work / name)]
            subprocess.run(command, check=True)


def judge_state() -> tuple[str, str]:
    """Commit of who judges, and whether it was changed; the lines that trials add are no change."""
    commit, dirty = checkout_state(ROOT / "sabench")
    if dirty == "true":
        command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", ".", ":!results"]
        done = subprocess.run(command, capture_output=True, text=True)
        dirty = str(bool(done.stdout.strip())).lower()
    return commit, dirty


def hold_gate(bout: Bout, made: int, foreign_cores: float, slow_share: float) -> Trial:
    """One gate through the command line. Its folder stays if it found anything.

    Raises: GateError if it ended without a result, or with another code than its result has.
    """
    out, judge = bout.free_folder(made), judge_state()
    done = subprocess.run(bout.command(made, out), cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in TRIED:
        raise GateError(done.returncode, done.stderr.strip().split("\n")[-1])
    told = json.loads(done.stdout)
    result = read_gate(out)
    if told["exit_code"] != done.returncode or told["outcome"] != result.outcome:
        raise GateError(done.returncode, f"{out}: the code and the result differ")
    trial = Trial.of(result, foreign_cores, slow_share, judge)
    if trial.outcome is Outcome.PASSED and {*trial.verdicts.values()} <= CLEAN:
        shutil.rmtree(out)
    return trial


def try_gates(bout: Bout, file: Path, runs: int, patience_s: float) -> int:
    """Gates until the file has so many of this kind; the exit code."""
    while (made := len(alike(file, bout))) < runs:
        load, slow = wait_for_quiet(patience_s, most_slow=1.0)  # a gate is to bear that
        if load > QUIET_CORES:
            print(f"not measurable today: {load:.2f} cores are busy with other work", flush=True)
            return ExitCode.UNRELIABLE
        try:
            trial = hold_gate(bout, made, load, slow)
        except GateError as error:
            print(f"a gate ended with {error.code}: {error}", flush=True)
            return error.code
        file.parent.mkdir(parents=True, exist_ok=True)
        jsonl.append(file, trial.model_dump(mode="json", by_alias=True))
        verdicts = " ".join(str(verdict) for verdict in trial.verdicts.values())
        print(
            f"{made + 1:4} of {runs}: {trial.outcome:11} {trial.wall_s:4.0f} s  {verdicts}  "
            f"{trial.unreliable_because}",
            flush=True,
        )
    return ExitCode.OK


def alike(file: Path, bout: Bout) -> list[Trial]:
    """The trials of the file with the same suite and the same plant."""
    kind = (bout.suite_name, bout.plant)
    return [one for one in read_trials(file) if (one.suite, one.plant) == kind]


def lines_of(trials: Sequence[Trial], plant: float | None) -> list[str]:
    """What the trials came to."""
    if not trials:
        return ["no gate yet"]
    n = len(trials)
    lines = [f"{n} gates, {statistics.median(one.wall_s for one in trials):.0f} s each (median)"]
    rate = rate_among(trials)
    if rate is not None:
        lines += [
            f"red         {rate.red} of {rate.judged} judged, 95 %: at most {rate.upper_bound:.2%}",
            f"AMBIGUOUS   {rate.ambiguous} of {n} ({rate.ambiguous / n:.1%})",
            f"UNRELIABLE  {rate.unreliable} of {n} ({rate.unreliable / n:.1%})",
            f"FAILED      {rate.failed} of {n}",
            f"a case without a verdict in {rate.without_verdict} of {n}",
        ]
    if plant is not None:
        found = sum(one.has_found for one in trials)
        same = sum(one.verdicts.get(one.planted) is Verdict.SAME for one in trials)
        lines += [
            f"x {plant:g} found {found} of {n}, 95 %: at least {lower_bound(found, n):.1%}",
            f"x {plant:g} called SAME {same} of {n}",
        ]
    commits = sorted({one.commit[:12] for one in trials})
    judges = sorted(
        f"{one.judge_commit[:12]}{'' if one.judge_is_dirty is False else ' (changed)'}"
        for one in trials
    )
    lines.append(f"commits: {', '.join(commits)}; judged at {', '.join(dict.fromkeys(judges))}")
    return [*lines, f"by rule {RULE}; lines of another rule do not count"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the gates that lack, print what all of them came to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=200, help="gates there shall be in all")
    parser.add_argument("--plant", type=float, help="1.10: a case does 10 %% more work")
    parser.add_argument("--suite", default="gate")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--file", type=Path, help=f"else results/<device>/{FILE}")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose commit is cloned")
    parser.add_argument("--work", type=Path, help="where the clones lie; else a temporary folder")
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    asked = parser.parse_args(arguments)
    file = asked.file or ROOT / "results" / device_slug(environment(asked.device)) / FILE
    work = asked.work or Path(tempfile.gettempdir()) / f"aa-{os.getpid()}"
    name = load_suite(asked.suite).name
    bout = Bout(work.resolve(), asked.suite, name, asked.device, asked.plant)
    code: int = ExitCode.OK
    if len(alike(file, bout)) < asked.runs:
        clone(asked.checkout, bout.work)
        try:
            code = try_gates(bout, file, asked.runs, 60 * asked.patience)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        if kept := sorted(bout.work.glob("gate-*")):
            print(f"{len(kept)} gates to look at: {bout.work}/gate-*")
        elif asked.work is None:
            shutil.rmtree(bout.work, ignore_errors=True)
    print("\n".join(lines_of(alike(file, bout), asked.plant)))
    return code


if __name__ == "__main__":
    sys.exit(main())
