"""What a gate found, as its file keeps it."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from sabench.catalog.presets import Preset
from sabench.compare.pair import Effect, Verdict
from sabench.errors import ExitCode
from sabench.records import FAILED, SCHEMA_VERSION, Environment, Frozen, Status

Mode = Literal["interleaved", "commands", "history"]
"""How the base was had: measured beside the candidate, or stored."""


class Outcome(StrEnum):
    """What a gate says as a whole."""

    PASSED = "PASSED"
    REGRESSED = "REGRESSED"  # a case that was confirmed, a count that rose, a case that is gone
    UNRELIABLE = "UNRELIABLE"  # the null control fired, or nothing was measured
    FAILED = "FAILED"  # a case ended in a timeout, a crash, an error; a count is no longer told
    INTERRUPTED = "INTERRUPTED"


EXIT_CODES = {
    Outcome.PASSED: ExitCode.OK,
    Outcome.REGRESSED: ExitCode.REGRESSION,
    Outcome.UNRELIABLE: ExitCode.UNRELIABLE,
    Outcome.FAILED: ExitCode.CASE_FAILED,
    Outcome.INTERRUPTED: ExitCode.INTERRUPTED,
}


DISTURBED = (Status.CONTENDED, Status.THROTTLED)


class Change(Frozen):
    """An effect as a file keeps it: ratios new over base, shares as 0.03.

    In a pair of sides that took turns `new` is `base` times the ratio of their turns.
    """

    ratio: float
    low: float | None  # 99 % interval of the ratio; None for a single block
    high: float | None
    theta: float  # the share that a change must exceed to count: threshold, or noise
    detectable: float | None  # the slowdown that would be found four times in five, confirmed
    blocks: int
    pairs: tuple[tuple[float, float], ...]  # (base, new) of each block, in the metric's unit

    @classmethod
    def of(cls, effect: Effect, pairs: tuple[tuple[float, float], ...]) -> "Change":
        """The effect of these pairs."""
        low, high = effect.interval or (None, None)
        return cls(
            ratio=effect.ratio,
            low=low,
            high=high,
            theta=effect.theta_share,
            detectable=effect.detectable,
            blocks=len(pairs),
            pairs=pairs,
        )


class GateCase(Frozen):
    """A case's change and verdict, or why there is none.

    `confirm` is set for suspects and the control. A suspect's verdict stands on it alone.
    """

    case_id: str
    threshold: float  # a share: the least slowdown that anybody minds
    screen: Change | None = None
    confirm: Change | None = None
    is_suspect: bool = False
    is_control: bool = False
    is_lost: bool = False  # the base was measured and the candidate could not: as good as missing
    verdict: Verdict | None = None
    status: Status = Status.OK  # other than ok: how it ended, and where
    reason: str = ""  # set exactly when there is no verdict

    @property
    def decisive(self) -> Change | None:
        """The change that the verdict stands on."""
        return self.confirm if self.is_suspect else self.screen


class NullControl(Frozen):
    """Base against base. A verdict other than SAME or AMBIGUOUS makes the gate unreliable."""

    case_id: str
    stage: Literal["screen", "confirm"] = "screen"
    change: Change
    verdict: Verdict

    @property
    def has_fired(self) -> bool:
        """Whether it found a change where there is none."""
        return self.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)


class CountChange(Frozen):
    """A count that has no noise and differs: any rise is a regression, a fall is told."""

    case_id: str
    metric: str
    base: float
    candidate: float

    @property
    def has_risen(self) -> bool:
        """Whether there is more of it now."""
        return self.candidate > self.base


class CountLost(Frozen):
    """A count that the base told of a case and the candidate, which knows it, did not."""

    case_id: str
    metric: str
    base: float


class SideTold(Frozen):
    """One side, as it was found."""

    name: str  # as the user named it
    commit: str = ""
    is_dirty: bool | None = None
    python: str = ""
    environment: Environment | None = None  # None where it could not be asked


class Rate(Frozen):
    """False alarms of a suite's gate on a kind of device: red ones of so many A/A runs."""

    device: str
    suite: str
    runs: int
    red: int
    ambiguous: int  # passed, a case of it AMBIGUOUS
    unreliable: int
    failed: int = 0  # a case of it did not end as it should
    without_verdict: int = 0  # passed or red, a case of it without a verdict
    upper_bound: float  # 95 %, one-sided, of the rate of red ones among those that were judged

    @property
    def judged(self) -> int:
        """The gates that could be red: neither unreliable nor failed."""
        return self.runs - self.unreliable - self.failed


class GateResult(Frozen):
    """The whole outcome of one gate."""

    schema_name: Literal["sabench.gate"] = Field("sabench.gate", alias="schema")
    schema_version: str = SCHEMA_VERSION
    mode: Mode = "interleaved"
    suite: str
    rules: str = ""  # the file of the suite whose thresholds ruled
    metric: str = "latency_warm"
    in_turns: bool = False  # whether the processes of a block were awake in turns, slice by slice
    device: str
    preset: Preset
    seed: int
    plant: float | None = None  # so many times the work of `planted`, put into the candidate
    planted: str = ""
    base: SideTold
    candidate: SideTold
    cases: tuple[GateCase, ...]
    nulls: tuple[NullControl, ...] = ()
    counts: tuple[CountChange, ...] = ()
    counted: tuple[str, ...] = ()  # the counts that were held to each other, in every case
    lost_counts: tuple[CountLost, ...] = ()
    unsteady: tuple[CountChange, ...] = ()  # base and base again differ: told, not held
    missing: tuple[str, ...] = ()  # cases of the base that the candidate lacks
    added: tuple[str, ...] = ()
    allow_missing: bool = False
    interrupted: bool = False  # or broken off: the rest was not measured
    broken_off: str = ""  # the error that ended it early
    false_alarms: Rate | None = None
    started_utc: str
    wall_s: float
    command_line: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """JSON-ready, schema first, defaults left out."""
        head = {"schema": self.schema_name, "schema_version": self.schema_version}
        return head | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def with_verdict(self, verdict: Verdict) -> list[GateCase]:
        """The cases of one verdict, in order."""
        return [case for case in self.cases if case.verdict is verdict]

    @property
    def gone(self) -> tuple[str, ...]:
        """The cases that the candidate lacks, or could not measure where the base was measured."""
        return (*self.missing, *(case.case_id for case in self.cases if case.is_lost))

    @property
    def unreliable_because(self) -> str:
        """Why no time of this gate is to be trusted; empty if none is the reason."""
        fired = [null for null in self.nulls if null.has_fired]
        if fired:
            return (
                f"the null control fired: {fired[0].case_id} against itself "
                f"{fired[0].change.ratio:.3f}"
            )
        for case in self.cases:
            if case.is_control and _contradicts(case):
                return f"{case.case_id} was SAME in the screen and changed in the confirmation"
        if not any(case.verdict for case in self.cases):
            return "no case was measured on both sides"
        return ""

    @property
    def outcome(self) -> Outcome:
        """Counts and failures rule whatever the times say; times only where the null was silent."""
        if self.interrupted:
            return Outcome.INTERRUPTED
        if any(change.has_risen for change in self.counts):
            return Outcome.REGRESSED
        if self.gone and not self.allow_missing:
            return Outcome.REGRESSED
        is_reliable = not self.unreliable_because
        if is_reliable and self.with_verdict(Verdict.REGRESSED):
            return Outcome.REGRESSED
        if self.lost_counts or any(case.status in FAILED for case in self.cases):
            return Outcome.FAILED
        return Outcome.PASSED if is_reliable else Outcome.UNRELIABLE

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """What the command exits with; strict also minds what could not be told or measured."""
        code = EXIT_CODES[self.outcome]
        if code is not ExitCode.OK or not strict:
            return code
        bare = [case.status for case in self.cases if case.verdict is None]
        if any(status not in DISTURBED for status in bare):
            return ExitCode.CASE_FAILED
        unsure = (Verdict.AMBIGUOUS, Verdict.CLOCK_SUSPECT)
        is_unsure = bool(bare) or any(map(self.with_verdict, unsure))
        return ExitCode.UNRELIABLE if is_unsure else ExitCode.OK


def _contradicts(control: GateCase) -> bool:
    """Whether a control that the screen called SAME has changed in the confirmation."""
    screen, confirm = control.screen, control.confirm
    if control.verdict is not Verdict.SAME or screen is None or confirm is None:
        return False
    if confirm.low is None or confirm.high is None:
        return False
    surely = confirm.low > 1.0 or confirm.high < 1.0
    return surely and not 1.0 / (1.0 + confirm.theta) <= confirm.ratio <= 1.0 + confirm.theta
