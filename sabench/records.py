"""What is written down: readings, records, the environment. Units stand in the names."""

import hashlib
import struct
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from sabench.stats import (
    Interval,
    effective_count,
    least_samples,
    mean_and_sd,
    median_interval,
    percentile,
    quantile,
)

SCHEMA_VERSION = "2.8"


class Frozen(BaseModel):
    """Data that crosses a file or a process."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, ser_json_inf_nan="constants"
    )  # as text too a number that is not finite stays what it is; null would be another answer


class Status(StrEnum):
    """How a job ended, exactly one."""

    OK = "ok"
    OK_FLAGGED = "ok_flagged"
    OOM = "oom"
    TIMEOUT = "timeout"
    CRASH = "crash"
    ERROR = "error"
    NONFINITE = "nonfinite"
    DIVERGED = "diverged"
    PARITY_FAILED = "parity_failed"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    THROTTLED = "throttled"
    CONTENDED = "contended"
    INTERRUPTED = "interrupted"


MEASURED = frozenset({Status.OK, Status.OK_FLAGGED})
"""Statuses whose figures are ranked."""

SHOWN = MEASURED | {Status.CONTENDED, Status.THROTTLED}
"""Statuses whose figures are shown, though a disturbed one has no rank."""

FAILED = frozenset(
    {
        *(Status.TIMEOUT, Status.CRASH, Status.ERROR),
        *(Status.NONFINITE, Status.DIVERGED, Status.PARITY_FAILED),
    }
)
"""Statuses that make the exit code CASE_FAILED."""


class Flag(StrEnum):
    """What disturbed a figure or limits it; FLAG_MEANING has the sentence."""

    WARMUP_UNSETTLED = "warmup_unsettled"
    PRECISION_NOT_MET = "precision_not_met"
    PREEMPTED = "preempted"
    OUTLIERS = "outliers"
    BIMODAL = "bimodal"
    DRIFT = "drift"
    HOST_BOUND = "host_bound"
    HOST_NOISY = "host_noisy"
    CGROUP_THROTTLED = "cgroup_throttled"
    CONTENDED = "contended"
    FOREIGN_IDLE = "foreign_idle"
    ISOLATION_UNVERIFIED = "isolation_unverified"
    DEVICE_DIRTY = "device_dirty"
    MACS_MISMATCH = "macs_mismatch"
    MACS_UNVERIFIED = "macs_unverified"
    PARITY_UNVERIFIED = "parity_unverified"
    NOT_PINNED = "not_pinned"
    THERMAL = "thermal"
    HW_SLOWDOWN = "hw_slowdown"
    POWER_CAP = "power_cap"
    CLOCK_DRIFT = "clock_drift"
    COLD_UNPROVED = "cold_unproved"
    GRAPH_UNSUPPORTED = "graph_unsupported"
    ENERGY_DISAGREE = "energy_disagree"
    ENERGY_INVALID = "energy_invalid"
    ENERGY_SHARED = "energy_shared"
    THERMAL_RAMP = "thermal_ramp"
    RECOMPILED = "recompiled"


FLAG_MEANING: dict[Flag, str] = {
    Flag.WARMUP_UNSETTLED: "still speeding up or slowing down when warm-up ended",
    Flag.PRECISION_NOT_MET: "the interval is wider than the preset asks for",
    Flag.PREEMPTED: "some timing blocks were thrown away: other work ran in them or on their core",
    Flag.OUTLIERS: "more than 5 % of the samples lie far outside the quartiles",
    Flag.BIMODAL: "the samples fall into two groups, as between two clock states",
    Flag.DRIFT: "the samples rise or fall from the first to the last",
    Flag.HOST_BOUND: "the host queues work too slowly to keep the device busy: see host_time",
    Flag.HOST_NOISY: "the machine was busy with other work during the job",
    Flag.CGROUP_THROTTLED: "the container's CPU quota stopped the process during the job",
    Flag.CONTENDED: "another process used the device, or the cores, while it was timed",
    Flag.FOREIGN_IDLE: "another process held the device without using it",
    Flag.ISOLATION_UNVERIFIED: "it could not be checked whether others used device or cores",
    Flag.DEVICE_DIRTY: "an earlier process left memory on the device that did not come back",
    Flag.MACS_MISMATCH: "a counter disagrees with the closed form by more than 1 %",
    Flag.MACS_UNVERIFIED: "MACs were counted by tracing; there is no closed form to hold them to",
    Flag.PARITY_UNVERIFIED: "the implementation could not be held to the reference",
    Flag.NOT_PINNED: "the process could not be pinned to its cores",
    Flag.THERMAL: "the device slowed itself down because of heat",
    Flag.HW_SLOWDOWN: "the device's hardware slowed it down, by power brake or heat",
    Flag.POWER_CAP: "the device ran at its power limit",
    Flag.CLOCK_DRIFT: "the device's clock fell by more than 3 % while it was timed",
    Flag.COLD_UNPROVED: "the flush was not shown to empty the cache: cold may be warm",
    Flag.GRAPH_UNSUPPORTED: "the call could not be captured as a CUDA graph",
    Flag.ENERGY_DISAGREE: "energy counter and integrated power differ by more than 5 %",
    Flag.ENERGY_INVALID: "the energy counter stood still or ran backwards; no figure is given",
    Flag.ENERGY_SHARED: "the energy counter covers others' work on the board too",
    Flag.THERMAL_RAMP: "the temperature was still rising while energy was read",
    Flag.RECOMPILED: "the compiler compiled again after the first call",
}

INFORMATIVE = frozenset(
    {
        *(Flag.MACS_UNVERIFIED, Flag.MACS_MISMATCH, Flag.GRAPH_UNSUPPORTED),
        *(Flag.ENERGY_DISAGREE, Flag.ENERGY_INVALID, Flag.ENERGY_SHARED, Flag.THERMAL_RAMP),
    }
)
"""Flags that say nothing against a timing: they leave the status ok."""


class Statistics(Frozen):
    """Order statistics of a reading's samples, in its unit; mean and sd for the case's spread.

    A percentile that n cannot support is None, and so is what an older version did not write.
    """

    n: int
    median: float
    q1: float
    q3: float
    minimum: float
    maximum: float
    low: float | None  # 95 % interval of the median; None where n is too small
    high: float | None
    p95: float | None = None  # from 90 samples
    p99: float | None = None  # from 459 samples
    mean: float | None = None
    sd: float | None = None  # from two samples
    effective: int | None = None  # independent samples that tell as much; low and high are theirs

    @classmethod
    def of(cls, samples: tuple[float, ...], *, as_independent: bool = False) -> Self:
        """Statistics of at least one sample, in run order.

        `as_independent`: the interval as older versions took it, whatever neighbours share.
        """
        n, effective = len(samples), None if as_independent else effective_count(samples)
        interval = median_interval(samples, count=effective)
        mean, sd = mean_and_sd(samples)
        return cls(
            n=n,
            median=quantile(samples, 0.5),
            q1=quantile(samples, 0.25),
            q3=quantile(samples, 0.75),
            minimum=min(samples),
            maximum=max(samples),
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            p95=percentile(samples, 0.95) if n >= least_samples(0.95) else None,
            p99=percentile(samples, 0.99) if n >= least_samples(0.99) else None,
            mean=mean,
            sd=sd,
            effective=effective,
        )

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the median; the range where n is too small for one."""
        if self.low is None or self.high is None:
            return Interval(self.minimum, self.maximum)
        return Interval(self.low, self.high)


class Reading(Frozen):
    """Samples of one metric in run order, or the reason why there are none."""

    unit: str  # base unit: "s", "B", "J", "MAC", "1/s", "1"
    samples: tuple[float, ...] = ()  # empty also when they lie apart, in samples_file
    statistics: Statistics | None = None
    samples_sha256: str = ""
    samples_file: str = ""  # relative to the run folder
    reason: str = ""  # set exactly when there are no samples
    flags: tuple[Flag, ...] = ()
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        unit: str,
        samples: tuple[float, ...] | list[float],
        *,
        flags: tuple[Flag, ...] = (),
        details: dict[str, JsonValue] | None = None,
    ) -> Self:
        """A reading of at least one sample, its statistics and hash filled in."""
        values = tuple(float(sample) for sample in samples)
        return cls(
            unit=unit,
            samples=values,
            statistics=Statistics.of(values),
            samples_sha256=hash_samples(values),
            flags=flags,
            details=details or {},
        )

    @classmethod
    def absent(
        cls,
        unit: str,
        reason: str,
        *,
        flags: tuple[Flag, ...] = (),
        details: dict[str, JsonValue] | None = None,
    ) -> Self:
        """A reading that could not be taken, with the reason."""
        return cls(unit=unit, reason=reason, flags=flags, details=details or {})

    @model_validator(mode="after")
    def _samples_or_reason(self) -> Self:
        if (self.statistics is None) != bool(self.reason):
            raise ValueError("a reading has samples or a reason, never both and never neither")
        return self

    @property
    def median(self) -> float | None:
        """The headline figure, None when there are no samples."""
        return self.statistics.median if self.statistics else None


def hash_samples(samples: tuple[float, ...]) -> str:
    """SHA-256 over the samples as little-endian float64."""
    return hashlib.sha256(struct.pack(f"<{len(samples)}d", *samples)).hexdigest()


class Environment(Frozen):
    """Where a run was made. `id` hashes what makes two runs comparable."""

    device_kind: Literal["cpu", "cuda"]
    device_name: str
    device_uuid: str | None = None  # never part of the id
    settings: dict[str, str]  # hashed: versions, policies of clock, allocator and wait, the CPU
    facts: dict[str, str]  # told, not hashed: cores, governor, kernel, commit, command line

    @property
    def id(self) -> str:
        """Twelve hex digits over device name and settings."""
        lines = [self.device_kind, self.device_name]
        lines += [f"{key}={value}" for key, value in sorted(self.settings.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


class Record(Frozen):
    """All readings of one job, with status and environment."""

    schema_name: Literal["sabench.record"] = Field("sabench.record", alias="schema")
    schema_version: str = SCHEMA_VERSION
    job_id: str
    case_id: str
    device: str  # the torch spelling it ran on: "cpu", "cuda:0"
    environment: str  # Environment.id
    suite: str
    preset: str
    replicate: int  # in a gate: the block
    attempt: int = 1
    side: str = ""  # in a gate: base, candidate or null
    status: Status
    message: str = ""  # one line: what happened, where, remedy
    readings: dict[str, Reading] = Field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    started_utc: str
    wall_s: float
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What a record is found by."""
        return self.case_id, self.device, self.replicate

    def dump(self) -> dict[str, Any]:
        """JSON-ready, schema first, defaults left out."""
        head = {"schema": self.schema_name, "schema_version": self.schema_version}
        return head | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def dump_text(self) -> str:
        """The same as one line of text, in a sixth of the time that `json` takes for it."""
        head = f'"schema": "{self.schema_name}", "schema_version": "{self.schema_version}"'
        rest = self.model_dump_json(
            by_alias=True, exclude_defaults=True, exclude={"schema_name", "schema_version"}
        )
        return f"{{{head}, {rest[1:]}"
