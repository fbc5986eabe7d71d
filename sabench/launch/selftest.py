"""Self-checks started as jobs are: by the launcher of child processes, on pinned cores."""

from collections.abc import Callable, Sequence
from itertools import groupby

from sabench.cases.case import Case
from sabench.cases.plan import Batch, Job
from sabench.launch.core_bests import earlier_best
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.lone_child import run_alone
from sabench.launch.process import CHILD
from sabench.measure.environment import environment
from sabench.measure.selftest.judge import Finding, judge, no_answer, not_applicable
from sabench.measure.selftest.table import PRESET, Check
from sabench.records import Record

DEADLINE_S = 120.0  # of one check

ACTIVE = ("env", "OMP_WAIT_POLICY=ACTIVE", "GOMP_SPINCOUNT=INFINITE", "KMP_BLOCKTIME=infinite")
"""Goes before the child's command: what the launcher sets is overruled."""

Listener = Callable[[Check], None]
"""Told of a check when it starts."""


def selftest(
    checks: Sequence[Check], device: str, plant: str = "", listener: Listener = lambda _check: None
) -> list[Finding]:
    """The findings of all checks, in their order; one child for each number of threads."""
    kind = device.partition(":")[0]
    findings = {row.name: not_applicable(row) for row in checks if kind not in row.kinds}
    rest = sorted((row for row in checks if kind in row.kinds), key=lambda row: row.threads)
    for threads, group in groupby(rest, key=lambda row: row.threads):
        findings |= _in_a_child(list(group), device, threads, plant, listener)
    return [findings[row.name] for row in checks]


def _in_a_child(
    checks: Sequence[Check], device: str, threads: int, plant: str, listener: Listener
) -> dict[str, Finding]:
    batch = Batch(
        batch_id="selftest",
        suite="selftest",
        preset=PRESET,
        environment="",
        device=device,
        threads=threads,
        cores=choose_cores(threads, allowed_cores()),
        memory_limit=0,
        core_best=earlier_best(environment("cpu")) if device == "cpu" else 0.0,
        jobs=tuple(_job(check, device, plant) for check in checks),
    )
    by_name = {check.name: check for check in checks}
    command = (*ACTIVE, *CHILD) if plant == "active-wait" else CHILD
    answers, told = run_alone(batch, DEADLINE_S, lambda name: listener(by_name[name]), command)
    return {name: _finding(check, answers.get(name), told) for name, check in by_name.items()}


def _job(check: Check, device: str, plant: str) -> Job:
    case = Case(
        kind="layer",
        subject=check.name,
        threads=check.threads,
        options={"plant": plant} if plant else {},
    )
    return Job(
        job_id=check.name,
        kind="selftest",
        case=case,
        metrics=(),
        device=device,
        replicate=0,
        seed=0,
    )


def _finding(check: Check, record: Record | None, told: str) -> Finding:
    if record is None:
        return no_answer(check, told)
    reading = record.readings.get(check.name)
    if reading is None:
        return no_answer(check, f"{record.status}: {record.message}")
    return judge(check.name, reading)
