"""One child process, from its batch file to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sabench import jsonl
from sabench.cases.plan import Batch, Job
from sabench.launch.aftermath import Aftermath
from sabench.launch.events import BatchStarted, Listener
from sabench.launch.handle import Handle, Starter
from sabench.launch.interruption import Interruption
from sabench.launch.watch import Patience, Watch, dead_at_start
from sabench.records import Environment, Record


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every child of a sweep or a gate has in common."""

    outbox: Path  # the folder
    patience: Patience
    listener: Listener
    stop: Interruption
    place: Callable[[], tuple[int, int]]  # of the next job, and of how many

    def next_batch_id(self, ahead: int = 0) -> str:
        """A name that no batch of this folder has, after `ahead` that are not yet written."""
        return f"{len(list(self.outbox.glob('*.json'))) + ahead:05d}"


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a batch when its child is gone."""

    left: tuple[Job, ...]
    did_something: bool
    is_clean: bool  # the device's memory came back


@dataclass(frozen=True, slots=True)
class Child:
    """A started batch and who follows it."""

    watch: Watch
    handle: Handle
    aftermath: Aftermath
    ends: list[Record]  # what it has ended so far


def begin(
    batch: Batch,
    starter: Starter,
    environment: Environment,
    around: Surroundings,
    finish: Callable[[Job, Record], Record],
) -> Child:
    """Start a batch's child.

    Raises: DeviceError if it cannot be started.
    """
    batch_file = around.outbox / f"{batch.batch_id}.json"
    outbox = batch_file.with_suffix(".jsonl")
    jsonl.write_atomically(batch_file, batch.text())
    around.listener(BatchStarted(batch.batch_id, batch.jobs))
    ends: list[Record] = []

    def keep(job: Job, record: Record) -> None:
        ends.append(finish(job, record))

    watch = Watch(batch, outbox, around.patience, keep, around.place, around.listener)
    aftermath = Aftermath(batch.device, environment)
    return Child(watch, starter.start(batch, batch_file, outbox), aftermath, ends)


def conclude(child: Child, around: Surroundings) -> Ended:
    """What is left of a batch whose child is gone.

    Raises: Stop if the user asked to stop; DeviceError if the device no longer computes.
    """
    with around.stop.waiting():
        is_clean = child.aftermath.left_clean(child.handle.pid, child.ends)
        child.aftermath.require_health(child.ends)
    return Ended(tuple(child.watch.left.values()), child.watch.done > 0, is_clean)


def one_child(
    batch: Batch,
    starter: Starter,
    environment: Environment,
    around: Surroundings,
    finish: Callable[[Job, Record], Record],
    *,
    is_last_try: bool,
) -> Ended:
    """Give a batch to one child. `finish` takes each record once, and gives it as it is kept.

    Raises: Stop if the user asked to stop; DeviceError if the child did nothing in its last try,
    or if the device no longer computes.
    """
    child = begin(batch, starter, environment, around, finish)
    with child.watch.attending(child.handle):
        child.watch.follow(child.handle, around.stop)
    if not child.watch.done and is_last_try:
        raise dead_at_start(child.handle)
    return conclude(child, around)
