"""How often this gate was wrong where nothing had changed: counted from the trials on a device.

A trial is a gate between two checkouts of one commit. `tools/aa.py` makes them, one line each in
`results/<device>/gate-aa.jsonl`; nothing is computed in advance and no rate is written anywhere.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from scipy.special import betaincinv

from sabench import jsonl
from sabench.compare.gate.driver import RULE
from sabench.compare.gate.result import GateResult, Outcome, Rate
from sabench.compare.pair import Verdict
from sabench.measure.environment import device_slug
from sabench.records import Environment, Frozen

FILE = "gate-aa.jsonl"
OURS = "gate"  # the suite that ships for this
CONFIDENCE = 0.95


class Trial(Frozen):
    """One gate whose truth is known: no change, or a case that was made to do more."""

    schema_name: Literal["sabench.gate_trial"] = Field("sabench.gate_trial", alias="schema")
    schema_version: Literal["1.1", "1.2"] = "1.2"
    rule: int = RULE  # by which it was judged
    started_utc: str
    wall_s: float
    device: str  # its name
    suite: str
    commit: str  # of both sides
    judge_commit: str  # of the sabench that judged
    judge_is_dirty: bool | None
    seed: int
    in_turns: bool = False  # as the gate's result has it: another way to measure, another rate
    plant: float | None = None  # so many times the work of `planted`, in the candidate
    planted: str = ""
    outcome: Outcome
    unreliable_because: str = ""
    verdicts: dict[str, Verdict | None]  # by case
    ratios: dict[str, tuple[float, float | None, float | None]]  # ratio and 99 % interval, by case
    blocks: dict[str, int]  # of the screen, by case
    foreign_cores: float  # of other work, before it began
    slow_share: float | None = None  # of the second before, in which something unseen shared a core

    @classmethod
    def of(
        cls, result: GateResult, foreign_cores: float, slow_share: float, judge: tuple[str, str]
    ) -> "Trial":
        """What is kept of a gate's result. `judge`: commit and dirtiness of who judged."""
        told = {case.case_id: case.decisive for case in result.cases}
        environment = result.candidate.environment
        return cls(
            started_utc=result.started_utc,
            wall_s=result.wall_s,
            device=environment.device_name if environment else result.device,
            suite=result.suite,
            commit=result.candidate.commit,
            judge_commit=judge[0],
            judge_is_dirty={"true": True, "false": False}.get(judge[1]),
            seed=result.seed,
            in_turns=result.in_turns,
            plant=result.plant,
            planted=result.planted,
            outcome=result.outcome,
            unreliable_because=result.unreliable_because,
            verdicts={case.case_id: case.verdict for case in result.cases},
            ratios={one: (it.ratio, it.low, it.high) for one, it in told.items() if it},
            blocks={case.case_id: case.screen.blocks for case in result.cases if case.screen},
            foreign_cores=foreign_cores,
            slow_share=slow_share,
        )

    @property
    def is_red(self) -> bool:
        """Whether it said that something became slower."""
        return self.outcome is Outcome.REGRESSED

    @property
    def is_judged(self) -> bool:
        """Whether it could be red."""
        return self.outcome in (Outcome.PASSED, Outcome.REGRESSED)

    @property
    def lacks_a_verdict(self) -> bool:
        """Whether it was judged, but for a case that had no verdict."""
        return self.is_judged and None in self.verdicts.values()

    @property
    def is_ambiguous(self) -> bool:
        """Whether it let pass what it could not tell."""
        unsure = Verdict.AMBIGUOUS in self.verdicts.values()
        return self.outcome is Outcome.PASSED and unsure

    @property
    def is_unreliable(self) -> bool:
        """Whether it said that its times are not to be trusted."""
        return self.outcome is Outcome.UNRELIABLE

    @property
    def has_found(self) -> bool:
        """Whether the planted case, and no other, is red."""
        red = {one for one, verdict in self.verdicts.items() if verdict is Verdict.REGRESSED}
        return self.is_red and red == {self.planted}


def rate_of(
    environment: Environment, suite: str, root: Path = Path("results"), *, in_turns: bool = False
) -> Rate | None:
    """The rate of a suite on this kind of device, else of suite `gate`; None where there is none.

    Of gates whose sides were measured in turns, or of others.

    Asked are `root`, then the copy that ships. Trials that were interrupted tell nothing.

    Raises: ResultError if the file is there and cannot be read.
    """
    folder = device_slug(environment)
    for place in (root / folder / FILE, _shipped() / folder / FILE):
        if place.is_file():
            trials = [one for one in read_trials(Path(str(place))) if one.in_turns is in_turns]
            own = [trial for trial in trials if trial.suite == suite]
            return rate_among(own or [trial for trial in trials if trial.suite == OURS])
    return None


def rate_among(trials: Sequence[Trial]) -> Rate | None:
    """The rate of one suite's trials without a plant; None where there are none."""
    null = [trial for trial in trials if trial.plant is None]
    if not null:
        return None
    red = sum(trial.is_red for trial in null)
    judged = sum(trial.is_judged for trial in null)
    return Rate(
        device=null[0].device,
        suite=null[0].suite,
        runs=len(null),
        red=red,
        ambiguous=sum(trial.is_ambiguous for trial in null),
        unreliable=sum(trial.is_unreliable for trial in null),
        failed=sum(trial.outcome is Outcome.FAILED for trial in null),
        without_verdict=sum(trial.lacks_a_verdict for trial in null),
        upper_bound=upper_bound(red, judged),
    )


def read_trials(path: Path) -> Iterator[Trial]:
    """The trials of a file that ended and were judged by today's rule.

    A torn line, or one of another schema, is passed over.

    Raises: ResultError if the file is there and cannot be read.
    """
    for line in jsonl.read(path):
        try:
            trial = Trial.model_validate(line)
        except ValidationError:
            continue
        if trial.outcome is not Outcome.INTERRUPTED and trial.rule == RULE:
            yield trial


def upper_bound(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """What a rate surely does not exceed, one-sided, after `hits` of n.

    Source: Clopper and Pearson 1934 (Biometrika 26, 404).
    """
    return float(betaincinv(hits + 1, n - hits, confidence)) if hits < n else 1.0


def lower_bound(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """What a rate surely reaches, one-sided: the misses' upper bound, seen from the other end."""
    return 1.0 - upper_bound(n - hits, n, confidence)


def _shipped() -> Traversable:
    """The wheel's results; in a checkout, the repository's own."""
    package = files("sabench")
    copy = package / "data" / "results"
    return copy if copy.is_dir() else Path(str(package)).parent / "results"
