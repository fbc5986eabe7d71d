"""One child outside of any run: its batch is done, its records are read, nothing is kept."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sabench import jsonl
from sabench.cases.plan import Batch
from sabench.launch.handle import Exited, Handle, Said
from sabench.launch.process import CHILD, ProcessLauncher
from sabench.records import Record
from sabench.store.schema import parse_left

START_S = 120.0  # torch is imported, a CUDA context made

Listener = Callable[[str], None]
"""Told the id of a job when it starts."""


def run_alone(
    batch: Batch, deadline_s: float, listener: Listener, command: Sequence[str] = CHILD
) -> tuple[dict[str, Record], str]:
    """The records by job, and why one may be missing; a job may take `deadline_s`."""
    with tempfile.TemporaryDirectory(prefix="sabench-") as folder:
        batch_file, outbox = Path(folder, "batch.json"), Path(folder, "outbox.jsonl")
        batch_file.write_text(batch.text())
        handle = ProcessLauncher(command).start(batch, batch_file, outbox)
        try:
            why = _wait(handle, deadline_s, listener)
        finally:
            handle.kill(grace_s=1.0)
        told = f"{why}; {handle.told()}".strip("; ")
        records = [parse_left(line, str(outbox)) for line in jsonl.read_lines(outbox)]
    return {record.job_id: record for record in records}, told


def _wait(handle: Handle, deadline_s: float, listener: Listener) -> str:
    """Until the child is gone; what it died of, if it did."""
    deadline = time.monotonic() + START_S
    while True:
        match handle.wait(deadline):
            case None:
                return "it took too long"
            case Exited(code):
                return f"the child ended with code {code}" if code else ""
            case Said(word="start", job_id=name):
                listener(name)
                deadline = time.monotonic() + deadline_s
            case _:
                pass
