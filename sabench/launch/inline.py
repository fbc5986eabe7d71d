"""The launcher without a child, for a debugger: same contract, no deadline, no isolation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sabench import jsonl
from sabench.cases.plan import Batch
from sabench.catalog.rows import load_target
from sabench.launch.handle import Exited, Said
from sabench.launch.interruption import Stop
from sabench.measure.outcome import as_line
from sabench.records import Flag

BREAKS = ("KeyboardInterrupt", "Stop")  # what Ctrl-C raises inside a job


class InlineLauncher:
    """Runs a batch in this process, one job for each time its handle is asked."""

    def start(self, batch: Batch, batch_file: Path, outbox: Path) -> "InlineHandle":
        """Nothing starts before the handle is waited for."""
        return InlineHandle(batch, outbox)


class InlineHandle:
    """A batch that runs while it is waited for, and cannot be killed."""

    def __init__(self, batch: Batch, outbox: Path) -> None:
        self.pid = 0
        self._messages = _run(batch, outbox)

    def wait(self, deadline: float) -> Said | Exited | None:
        """The next message; it takes as long as the job behind it."""
        return next(self._messages, Exited(0))

    def grant(self) -> None:
        """In this process nobody waits for a turn."""

    def kill(self, grace_s: float) -> list[int]:
        """Do no further job."""
        self._messages = iter(())
        return []

    def told(self) -> str:
        """Nothing: stderr is this process's own."""
        return ""


def _run(batch: Batch, outbox: Path) -> Iterator[Said | Exited]:
    from sabench.measure.child import KINDS

    yield Said("ready")
    for job in batch.jobs:
        yield Said("start", job.job_id)
        run: Any = load_target(KINDS[job.kind])
        with _threads(batch.threads):
            record, ends_process = run(job, batch, (Flag.NOT_PINNED,))
        if record.details.get("error") in BREAKS:
            raise Stop
        _, line = as_line(record)
        jsonl.append_line(outbox, line)
        yield Said("end", job.job_id)
        if ends_process:
            yield Exited(0)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """torch with so many threads. Those between ops are set once in a process: left as found."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
