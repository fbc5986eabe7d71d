"""From cases to jobs, and the batches of jobs that a child process is given."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue
from pydantic_core import PydanticSerializationError

from sabench.cases.case import REDUCTIONS, Case
from sabench.cases.parity import parity_cases
from sabench.cases.recipe import Recipe
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import Preset
from sabench.errors import ResultError
from sabench.records import Flag, Frozen, Reading, Record, Status

Order = Literal["random", "grouped"]
"""Cases in seeded random order, round by round; or as the suite has them, for debugging."""

Isolation = Literal["suite", "case"]
"""What shares a process: all jobs of a replicate and thread count, or nothing."""

UNWRITTEN = 74  # EX_IOERR
"""How a child ends whose outbox cannot be written: the disk's fault, and no job's."""

BEFORE_FAULT = "before_fault"
"""Where a record's details keep the readings that a fault came after: they are no figures."""


class Job(Frozen):
    """A case x replicate: the unit that is started. One record answers it."""

    job_id: str
    kind: Literal["layer", "network", "train", "score", "parity", "selftest", "explain"]
    case: Case
    metrics: tuple[str, ...]
    device: str  # "cpu", "cuda:0"
    replicate: int
    attempt: int = 1
    apart: bool = False  # wants a process of its own
    plant: float = 1.0  # does so many times its work, to see whether a gate notices
    seed: int


NEWER = ("core_best", "turns", "recipe", "checkpoints")
"""A batch has these only where it asks for them: an older child takes no key it does not know."""


class Batch(Frozen):
    """The file one child process is given: jobs that share device and threads, run in order."""

    schema_name: Literal["sabench.batch"] = Field("sabench.batch", alias="schema")
    batch_id: str
    suite: str
    preset: Preset
    environment: str  # Environment.id
    device: str
    threads: int
    cores: tuple[int, ...]  # CPU affinity; empty: leave as it is
    memory_limit: int  # bytes of address space; 0: none
    core_best: float = Field(0.0, ge=0)  # of the cores, as earlier processes found; 0: none did
    turns: int = Field(0, ge=0)  # of each sampling, beside other batches; 0: it is alone
    recipe: Recipe | None = None  # of its trainings
    checkpoints: str = ""  # the folder where they leave their state; none is left without
    jobs: tuple[Job, ...]

    def text(self) -> str:
        """JSON for a child; one of an older version reads it too, if it is asked nothing newer.

        Raises: ResultError for a folder whose name no file can hold.
        """
        of_jobs: dict[str, Any] = {}
        if all(job.plant == 1.0 for job in self.jobs):
            of_jobs["plant"] = True
        if not any(job.case.data for job in self.jobs):
            of_jobs["case"] = {"data", *REDUCTIONS}
        newer: dict[str, Any] = {"jobs": {"__all__": of_jobs}} if of_jobs else {}
        newer |= {key: True for key in NEWER if not getattr(self, key)}
        if not self.preset.slow_core:
            newer["preset"] = {"slow_core": True}
        try:
            return self.model_dump_json(by_alias=True, exclude=newer or None)
        except PydanticSerializationError as error:
            told = f"batch {self.batch_id} cannot be written: {error}; choose another folder"
            raise ResultError(told) from error


def make_jobs(
    cases: Sequence[Case],
    devices: Sequence[str],
    metrics: Sequence[str],
    preset: Preset,
    seed: int,
    order: Order = "random",
) -> list[Job]:
    """Every case once per device and replicate, in seeded random order within each replicate.

    Round 1 of all cases, then round 2, ...: slow drift becomes spread between processes instead
    of bias. Metrics that want a process of their own are jobs apart, in round 1 only.
    Grouped: a case's replicates one after another, as far as they do not share processes.
    """
    shuffle = random.Random(seed).shuffle
    jobs: list[Job] = []
    for replicate in range(preset.processes):
        for device in devices:
            shuffled = list(cases)
            shuffle(shuffled)
            together, _ = _parts(metrics, device, preset)
            jobs += [_job(case, device, together, replicate, seed) for case in shuffled]
    if order == "grouped":
        places = {case.case_id: place for place, case in enumerate(cases)}
        jobs.sort(key=lambda job: (places[job.case.case_id], devices.index(job.device)))
    for device in devices:
        _, apart = _parts(metrics, device, preset)
        if apart:
            jobs += [_job(case, device, apart, 0, seed, apart=True) for case in cases]
    return jobs


def _parts(
    metrics: Sequence[str], device: str, preset: Preset
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is measured together in each process, and what in one apart."""
    if not preset.memory_apart:
        return tuple(name for name in metrics if not METRICS[name].apart), ()
    together = tuple(name for name in metrics if not METRICS[name].is_apart(device))
    return together, tuple(name for name in metrics if METRICS[name].is_apart(device))


def parity_jobs(cases: Sequence[Case], devices: Sequence[str], seed: int) -> list[Job]:
    """What comes before round 1: each implementation of the cases against the reference."""
    return [
        _job(case, device, (), 0, seed, kind="parity")
        for device in devices
        for case in parity_cases(cases)
    ]


def gate_jobs(
    cases: Sequence[Case],
    device: str,
    metrics: Sequence[str],
    side: str,
    block: int,
    seed: int,
    *,
    plants: Mapping[str, float] | None = None,
) -> list[Job]:
    """One process of a side in a block, in the order given; `plants` by case id."""
    return [
        _job(case, device, tuple(metrics), block, seed, part=side).model_copy(
            update={"plant": (plants or {}).get(case.case_id, 1.0)}
        )
        for case in cases
    ]


def not_granted(metrics: Sequence[str], preset: Preset) -> dict[str, str]:
    """Metrics that no job of the plan measures, each with the reason."""
    if preset.memory_apart:
        return {}
    reason = f"preset {preset.name} grants no process apart"
    return {name: reason for name in metrics if METRICS[name].apart}


def _job(
    case: Case,
    device: str,
    metrics: tuple[str, ...],
    replicate: int,
    seed: int,
    *,
    apart: bool = False,
    kind: Literal["parity"] | None = None,
    part: str = "",
) -> Job:
    part = part or kind or ("apart" if apart else "main")
    text = f"{case.case_id}|{device}|{replicate}|{part}"
    return Job(
        job_id=f"{hashlib.sha256(text.encode()).hexdigest()[:12]}-{part}-{replicate}",
        kind=kind or (case.mode if case.mode in ("train", "score") else case.kind),
        case=case,
        metrics=metrics,
        device=device,
        replicate=replicate,
        apart=apart,
        seed=seed,
    )


def default_isolation(preset: Preset) -> Isolation:
    """What a preset isolates if nothing is asked for: strict grants each job its own process."""
    return "case" if preset.base == "strict" else "suite"


def make_batches(jobs: Sequence[Job], isolation: Isolation) -> list[list[Job]]:
    """Runs of jobs that one process may do: same replicate, device and threads, order kept.

    Parity jobs share a process with each other and with nothing that is measured.
    """
    batches: dict[object, list[Job]] = {}
    for job in jobs:
        key: object = (job.replicate, job.device, job.case.threads, job.attempt)
        if job.kind == "parity":
            key = (job.kind, job.device, job.attempt)
        elif job.apart or isolation == "case":
            key = (job.job_id, job.attempt)
        batches.setdefault(key, []).append(job)
    return list(batches.values())


def answer(
    job: Job,
    batch: Batch,
    *,
    status: Status,
    started_utc: str,
    wall_s: float = 0.0,
    message: str = "",
    readings: dict[str, Reading] | None = None,
    flags: tuple[Flag, ...] = (),
    details: dict[str, JsonValue] | None = None,
) -> Record:
    """The record of a job."""
    return Record(
        job_id=job.job_id,
        case_id=job.case.case_id,
        device=job.device,
        environment=batch.environment,
        suite=batch.suite,
        preset=batch.preset.name,
        replicate=job.replicate,
        attempt=job.attempt,
        status=status,
        message=message,
        readings=readings or {},
        flags=flags,
        started_utc=started_utc,
        wall_s=wall_s,
        details=details or {},
    )
