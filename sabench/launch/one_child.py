"""One child process, from its batch file to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sabench import jsonl
from sabench.cases.plan import Batch, Job
from sabench.launch.aftermath import Aftermath
from sabench.launch.events import BatchStarted, Listener
from sabench.launch.handle import Starter
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

    def next_batch_id(self) -> str:
        """A name that no batch of this folder has."""
        return f"{len(list(self.outbox.glob('*.json'))):05d}"


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a batch when its child is gone."""

    left: tuple[Job, ...]
    did_something: bool
    is_clean: bool  # the device's memory came back


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
    batch_file = around.outbox / f"{batch.batch_id}.json"
    outbox = batch_file.with_suffix(".jsonl")
    jsonl.write_atomically(batch_file, batch.text())
    around.listener(BatchStarted(batch.batch_id, batch.jobs))
    ends: list[Record] = []

    def keep(job: Job, record: Record) -> None:
        ends.append(finish(job, record))

    watch = Watch(batch, outbox, around.patience, keep, around.place, around.listener)
    aftermath = Aftermath(batch.device, environment)
    handle = starter.start(batch, batch_file, outbox)
    did_something = watch.follow(handle, around.stop)
    if not did_something and is_last_try:
        raise dead_at_start(handle)
    with around.stop.waiting():
        is_clean = aftermath.left_clean(handle.pid, ends)
        aftermath.require_health(ends)
    return Ended(tuple(watch.left.values()), did_something, is_clean)
