"""The only entry point of a child process: python -m sabench.measure.child BATCH.json OUTBOX.jsonl

It tells its parent on what was its standard output, one JSON object a line: ready, start, figure,
end; and turn, where it takes turns with others, before it sleeps until its stdin has a byte. A
record lies in the outbox, on the disk, before its end is told. Exit codes: 0 when every job has its
record, 75 when the process must not go on and a fresh one should, 130 after SIGTERM,
2 for a batch that cannot be read, 74 when the outbox cannot be written, 1 when the parent is gone.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sabench import jsonl
from sabench.cases.plan import UNWRITTEN, Batch, Job
from sabench.catalog.rows import load_target
from sabench.errors import ExitCode, ResultError, SabenchError
from sabench.measure.core_speed import speed_of_this_process
from sabench.measure.cores import preset_of
from sabench.measure.fake_script import is_made_up
from sabench.measure.outcome import as_line
from sabench.measure.termination import InterruptError, Termination
from sabench.measure.turns import PARENT_GONE, Alone, ByTurns, Turns
from sabench.records import Flag

KINDS = {
    "layer": "sabench.measure.runner:run_job",
    "network": "sabench.measure.runner:run_job",
    "train": "sabench.train.job:run_training",
    "score": "sabench.train.scores.job:run_scores",
    "parity": "sabench.measure.parity:run_job",
    "selftest": "sabench.measure.selftest.child:run_selftest",
    "explain": "sabench.measure.explain:run_explain",
}
"""What runs a job, by its kind.

(job, batch, flags, show, termination) -> (record, whether this process must end). `show` takes a
figure and how many samples it is of; of a training or a scoring, a line on how far it is.
"""

FRESH_PROCESS = 75  # EX_TEMPFAIL: memory is fragmented or the device is in doubt
FIGURE_EVERY_S = 0.5
PR_SET_PDEATHSIG = 1


class Announcer:
    """Writes events to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last_figure = 0.0

    def say(self, event: str, **fields: object) -> None:
        """One line, whole. Ends the process if nobody listens."""
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        try:
            os.write(self._descriptor, line)
        except BrokenPipeError:
            os._exit(PARENT_GONE)

    def figure(self, job_id: str, latency_s: float, n: int) -> None:
        """A figure so far, at most twice a second."""
        now = time.monotonic()
        if now - self._last_figure >= FIGURE_EVERY_S:
            self._last_figure = now
            self.say("figure", job_id=job_id, latency_s=latency_s, n=n)


def main(argv: list[str]) -> int:
    """Run the jobs of a batch, in order."""
    _die_with_parent()
    announcer = Announcer(_take_stdout())
    batch_file, outbox = Path(argv[0]), Path(argv[1])
    try:
        batch = Batch.model_validate_json(batch_file.read_bytes())
    except (OSError, ValidationError) as error:
        print(f"{batch_file}: cannot be read: {error}", file=sys.stderr)
        return ExitCode.USAGE
    turns = _turns(batch, announcer)
    _limit_memory(batch)
    flags = _start(batch)
    termination = Termination()
    signal.signal(signal.SIGTERM, termination)
    announcer.say("ready")
    for job in batch.jobs:
        try:
            with termination.interrupting():
                turns.take()
        except InterruptError:
            return ExitCode.INTERRUPTED
        if _run(job, batch, outbox, flags, announcer, termination, turns):
            return ExitCode.INTERRUPTED if termination.asked else FRESH_PROCESS
    return ExitCode.OK


def _run(
    job: Job,
    batch: Batch,
    outbox: Path,
    flags: tuple[Flag, ...],
    announcer: Announcer,
    termination: Termination,
    turns: Turns,
) -> bool:
    announcer.say("start", job_id=job.job_id)

    def show_figure(latency_s: float, n: int) -> None:
        announcer.figure(job.job_id, latency_s, n)

    def tell(text: str) -> None:
        announcer.say("progress", job_id=job.job_id, text=text)

    show = tell if job.kind in ("train", "score") else show_figure
    run: Any = load_target(KINDS[job.kind])
    if turns.count:  # the other kinds are never given any, and know none
        run = partial(run, turns=turns)
    record, ends_process = run(job, batch, flags, show, termination)
    record, line = as_line(record)
    jsonl.append_line(outbox, line)
    announcer.say("end", job_id=job.job_id, status=record.status.value)
    return bool(ends_process)


def _die_with_parent() -> None:
    """On Linux: SIGKILL when the parent ends. Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended in between
            os._exit(PARENT_GONE)


def _take_stdout() -> int:
    """The pipe to the parent; from here on a stranger's print goes to stderr."""
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return descriptor


def _turns(batch: Batch, announcer: Announcer) -> Turns:
    """The pipe from the parent becomes the batch's own; a stranger's job reads nothing."""
    if not batch.turns:
        return Alone()
    descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return ByTurns(batch.turns, lambda: announcer.say("turn"), descriptor)


def _pin(batch: Batch) -> tuple[Flag, ...]:
    if not hasattr(os, "sched_setaffinity"):
        return (Flag.NOT_PINNED,)
    if not batch.cores:  # fewer than its threads: that tells against figures of the CPU only
        return (Flag.NOT_PINNED,) if batch.device == "cpu" else ()
    try:
        for thread in os.listdir("/proc/self/task"):  # an import may have started some
            os.sched_setaffinity(int(thread), batch.cores)
    except OSError:
        return (Flag.NOT_PINNED,)
    return ()


def _limit_memory(batch: Batch) -> None:
    """Address space, on the CPU only: CUDA maps far more than it uses."""
    if batch.memory_limit and batch.device == "cpu" and sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = batch.memory_limit
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _start(batch: Batch) -> tuple[Flag, ...]:
    """Pin, and make torch ready before the first deadline runs.

    Those that take turns import at the same time, each on a core of its own, and are pinned to the
    cores that they share afterwards.
    """
    flags = () if batch.turns else _pin(batch)
    takes_torch = any(_takes_torch(job) for job in batch.jobs)
    if takes_torch:
        import_module("torch")
    if batch.turns:
        flags = _pin(batch)
    load_target(KINDS["layer"])
    if takes_torch:
        _ready_torch(batch, flags)
    return flags


def _takes_torch(job: Job) -> bool:
    """All do but those whose figures are a script's."""
    return KINDS[job.kind] != KINDS["layer"] or not is_made_up([job.case])


def _ready_torch(batch: Batch, flags: tuple[Flag, ...]) -> None:
    """Set its threads, and use it once."""
    import torch

    torch.set_num_threads(batch.threads)
    torch.set_num_interop_threads(1)
    load_target("sabench.measure.first_use:warm_process")(batch)
    if batch.device == "cpu" and preset_of(batch, flags).slow_core:
        speed = speed_of_this_process()
        speed.attend(batch.cores)
        speed.learn(batch.core_best)
        if not batch.core_best:
            speed.seek()


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except SabenchError as error:
        print(f"error: {error}", file=sys.stderr)
        code = UNWRITTEN if isinstance(error, ResultError) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a stranger's threads and exit handlers have no say
