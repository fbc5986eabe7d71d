"""How often the gate's rule is wrong: gates whose truth is known, with the noise that was recorded.

    .venv/bin/python tools/simulate_gate.py [--pairs 3000] [--planted 1000] [--threshold 0.03]
    .venv/bin/python tools/simulate_gate.py --record --most 12 --setting quiet --changes 0

Every gate is followed by the driver itself, over three cases, beside a bench that only draws
figures. A process has an offset of its own, and the median of so many samples; both spreads are
those of the cases in gate-noise.jsonl (tools/gate_noise.py), or given. --most, --same and --sure
stand for constants of the rule, to see what another one would do. With --record each tally is a
line of gate-simulation.jsonl, from which tools/gate_tables.py makes the tables of the page.
Prints for each setting and each true change how many cases there were of each verdict, with 95 %
Clopper-Pearson bounds, and how many gates of each outcome.
Exit code: 1 if more than 0.1 % of the cases without a change are red, or if less than 95 % of
+10 % or one of +25 % is missed at the noise of quiet cases.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from gate_noise import FILE, METRIC, RESULTS, Noise, recorded

from sabench import jsonl
from sabench.catalog.presets import PRESETS
from sabench.compare import pair
from sabench.compare.gate import driver, judge
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.driver import Course, Plan, follow
from sabench.compare.gate.judge import judged_case, null_controls
from sabench.compare.gate.rates import lower_bound, upper_bound
from sabench.compare.gate.result import GateCase, GateResult, Outcome, SideTold
from sabench.compare.pair import Verdict
from sabench.records import Reading, Record, Statistics, Status

GATE = PRESETS["gate"]
CASES = 3  # of a gate
QUIET = 0.02  # spread between processes of a case that counts as quiet
MOST_RED = 0.001
LEAST_FOUND = {0.10: 0.95, 0.25: 1.0}
DISTURBED = (0.05, 0.25)
CHANGES = (0.0, 0.03, 0.05, 0.10, 0.25)
RECORD = "gate-simulation.jsonl"
GIVEN = ("cases", "threshold", "seed", "most", "same", "sure")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a gate's cases are drawn from. `drift`: how much slower all becomes over a gate."""

    name: str
    noises: tuple[Noise, ...]
    drift: float = 0.0
    degrees: float = math.inf  # of Student's t that a process's offset follows
    disturbed: float = 0.0  # share of the measurements that other work spoils


@dataclass(slots=True)
class DrawnBench:
    """Figures of one second, each process with an offset of its own."""

    noises: dict[str, Noise]
    slower: float  # the candidate, on the log scale
    setting: Setting
    random: np.random.Generator
    processes: int = 0

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> dict[SideName, list[Record]]:
        """One process of each side."""
        return {side: self._measure(side, block, case_ids) for side in sides}

    def _measure(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        self.processes += 1
        shared = self.setting.drift * self.processes / 36.0  # twelve blocks of three processes
        shared += self.slower if side == "candidate" else 0.0
        return [self._record(one, side, block, shared) for one in case_ids]

    def _record(self, case_id: str, side: str, block: int, shared: float) -> Record:
        record = record_of(case_id, side, block, shared + self._draw(case_id))
        if self.setting.disturbed and self.random.random() < self.setting.disturbed:
            return record.model_copy(update={"status": Status.CONTENDED})
        return record

    def _draw(self, case_id: str) -> float:
        noise, degrees = self.noises[case_id], self.setting.degrees
        offset = self.random.standard_normal()
        if math.isfinite(degrees):  # scaled to the same standard deviation
            offset = self.random.standard_t(degrees) * math.sqrt((degrees - 2.0) / degrees)
        samples = self.random.standard_normal(noise.samples)
        return float(noise.process * offset + noise.sample * np.median(samples))


def record_of(case_id: str, side: str, block: int, change: float) -> Record:
    """A record of one figure, built without validation: there are a million of them."""
    statistics_ = Statistics.model_construct(n=1, median=math.exp(change))
    reading = Reading.model_construct(unit="s", statistics=statistics_)
    return Record.model_construct(
        case_id=case_id, side=side, replicate=block, status=Status.OK, readings={METRIC: reading}
    )


def settings(noises: tuple[Noise, ...]) -> Iterator[Setting]:
    """The recorded noise, that of quiet cases, and what it might be elsewhere."""
    yield Setting("recorded", noises)
    quiet = tuple(noise for noise in noises if noise.between <= QUIET)
    yield Setting("recorded, quiet", quiet)
    yield Setting("quiet, drift 2 %", quiet, drift=0.02)
    yield Setting("quiet, heavy tails", quiet, degrees=3.0)
    for share in DISTURBED:
        yield Setting(f"disturbed {share:.0%}", quiet, disturbed=share)
    for process in (0.003, 0.01, 0.02, 0.03):
        yield Setting(f"processes {process:.1%}", (Noise(process, 0.02),))


@dataclass(slots=True)
class Tally:
    """What the cases and the gates of one setting and one true change came to."""

    change: float
    cases: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    untold: int = 0  # too many blocks of it were disturbed
    contradicted: int = 0  # SAME with an interval that excludes the true change
    gates: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    ambiguous: int = 0  # gates that passed, a case of them AMBIGUOUS
    blocks: int = 0

    def add(self, course: Course, result: GateResult) -> None:
        """Count one gate."""
        self.gates += 1
        self.blocks += len(course.screen.blocks) + len(course.confirm.blocks)
        self.outcomes[result.outcome] += 1
        unsure = result.outcome is Outcome.PASSED and result.with_verdict(Verdict.AMBIGUOUS)
        self.ambiguous += bool(unsure)
        for case in result.cases:
            self._add_case(case)

    def _add_case(self, case: GateCase) -> None:
        self.cases += 1
        if case.verdict is None:
            self.untold += 1
            return
        self.verdicts[case.verdict] += 1
        change = case.decisive
        assert change is not None
        assert change.low is not None
        assert change.high is not None
        covers = change.low <= 1.0 + self.change <= change.high
        self.contradicted += case.verdict is Verdict.SAME and not covers

    def dump(self) -> dict[str, Any]:
        """JSON-ready."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: dict(one) if isinstance(one, Counter) else one for name, one in told.items()}

    def share(self, verdict: Verdict) -> float:
        """Of the cases."""
        return self.verdicts[verdict] / self.cases


def simulate(
    setting: Setting, change: float, cases: int, threshold: float, seed: int, size: int = CASES
) -> Tally:
    """Gates of so many cases until there are enough cases."""
    random, found = np.random.default_rng([seed, round(1000 * change)]), Tally(change)
    names = tuple(f"case {place}" for place in range(size))
    while found.cases < cases:
        drawn = random.integers(len(setting.noises), size=size)
        noises = {name: setting.noises[place] for name, place in zip(names, drawn, strict=True)}
        plan = Plan(names, dict.fromkeys(names, threshold), seed=int(random.integers(2**31)))
        bench = DrawnBench(noises, math.log1p(change), setting, random)
        course = follow(plan, bench)
        found.add(course, result_of(course))
    return found


def result_of(course: Course) -> GateResult:
    """What the gate would say of a course, counts apart."""
    side = SideTold(name="drawn")
    return GateResult(
        suite="drawn",
        device="cpu",
        preset=GATE,
        seed=course.plan.seed,
        base=side,
        candidate=side,
        cases=tuple(judged_case(course, one) for one in course.plan.case_ids),
        nulls=null_controls(course),
        started_utc="",
        wall_s=0.0,
    )


def lines_of(setting: Setting, found: Tally) -> Iterator[str]:
    """A tally as it is printed."""
    yield (
        f"{setting.name}, {found.change:+.0%}: {found.cases} cases in {found.gates} gates of "
        f"{found.blocks / found.gates:.1f} blocks"
    )
    for verdict in Verdict:
        if hits := found.verdicts[verdict]:
            yield f"    {verdict:12}{told(hits, found.cases)}"
    if found.untold:
        yield f"    no verdict  {told(found.untold, found.cases)}"
    if found.contradicted:
        yield f"    SAME, though its interval excludes {found.change:+.0%}: " + told(
            found.contradicted, found.cases
        )
    for outcome, hits in sorted(found.outcomes.items()):
        yield f"    gates {outcome:12}{told(hits, found.gates)}"
    yield f"    gates passed with an AMBIGUOUS case: {told(found.ambiguous, found.gates)}"


def told(hits: int, n: int) -> str:
    """A share with its bounds."""
    low, high = lower_bound(hits, n, 0.975), upper_bound(hits, n, 0.975)
    return f"{hits} of {n}: {hits / n:.2%} ({low:.2%} to {high:.2%})"


def broken(setting: Setting, found: Tally) -> list[str]:
    """The promises that a tally breaks."""
    name = f"{setting.name}, {found.change:+.0%}"
    red = found.share(Verdict.REGRESSED)
    if found.change == 0.0 and red > MOST_RED:
        return [f"{name}: {red:.2%} of the cases are red, more than {MOST_RED:.1%}"]
    least = LEAST_FOUND.get(found.change, 0.0) if "quiet" in setting.name else 0.0
    if red < least:
        return [f"{name}: {red:.1%} found, fewer than {least:.0%}"]
    return []


def main() -> int:
    """The table; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=3000, help="cases without a change")
    parser.add_argument("--planted", type=int, default=1000, help="cases of each change")
    parser.add_argument("--threshold", type=float, default=0.03)
    parser.add_argument("--changes", type=float, nargs="*", default=CHANGES)
    parser.add_argument("--setting", default="", help="only those whose name holds this")
    parser.add_argument("--cases", type=int, default=CASES, help="of a gate")
    parser.add_argument("--most", type=int, default=driver.SCREEN_MOST, help="blocks of the screen")
    parser.add_argument("--same", type=int, default=driver.SAME_BLOCKS, help="least blocks of SAME")
    parser.add_argument("--sure", type=float, default=pair.SURELY_SAME, help="of a SAME near it")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--record", action="store_true", help=f"add to {RECORD} in the results")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    driver.SCREEN_MOST, driver.SAME_BLOCKS, judge.SAME_BLOCKS = asked.most, asked.same, asked.same
    pair.SURELY_SAME = asked.sure
    noises = recorded(asked.results / FILE)
    print(f"{len(noises)} recorded cases; the least change that counts is {asked.threshold:.0%}")
    failures = []
    given = {name: getattr(asked, name) for name in GIVEN} | {"rule": driver.RULE}
    for setting in settings(noises):
        for change in asked.changes if asked.setting in setting.name else ():
            cases = asked.planted if change else asked.pairs
            found = simulate(setting, change, cases, asked.threshold, asked.seed, asked.cases)
            print("\n".join(lines_of(setting, found)), flush=True)
            failures += broken(setting, found)
            if asked.record:
                told_as = {"setting": setting.name, "noises": len(setting.noises), **given}
                jsonl.append(asked.results / RECORD, told_as | {"found": found.dump()})
    print("\n".join(failures) or "every promise held")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
