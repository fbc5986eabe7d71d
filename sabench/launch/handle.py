"""What a launcher is and what a started batch says, wherever it runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from sabench.cases.plan import Batch

Word = Literal["ready", "turn", "start", "figure", "progress", "end"]

LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a child: it is ready, waits for its turn, or a job starts, goes on, ended."""

    word: Word
    job_id: str = ""
    latency_s: float = 0.0
    n: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """The child is gone. A negative code is the signal that ended it."""

    code: int


class Handle(Protocol):
    """A started batch. `pid` is its process; 0 where it has none of its own."""

    pid: int

    def wait(self, deadline: float) -> Said | Exited | None:
        """Block until it says something or is gone; None when `time.monotonic()` is past."""

    def grant(self) -> None:
        """Wake it from waiting for its turn; if it is gone its end is heard next."""

    def kill(self, grace_s: float) -> list[int]:
        """End it and all it started; the ids of processes that are still there."""

    def told(self) -> str:
        """The end of what it wrote to its log."""


class Starter(Protocol):
    """A launcher: starts batches."""

    def start(self, batch: Batch, batch_file: Path, outbox: Path) -> Handle:
        """Start the batch that lies in `batch_file`; its records go to `outbox`.

        Raises: DeviceError if it cannot be started.
        """


def understand(line: bytes) -> Said | None:
    """What a line of the contract says; None for anything else a job may have printed."""
    try:
        item = json.loads(line)
        if not isinstance(item, dict) or item.get("event") not in get_args(Word):
            return None
        return Said(
            word=item["event"],
            job_id=str(item.get("job_id", "")),
            latency_s=float(item.get("latency_s") or 0.0),
            n=int(item.get("n") or 0),
            text=" ".join(str(item.get("text", "")).split())[:LONGEST_TEXT],
        )
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None


def last_line(text: str) -> str:
    """What a process that failed said last: most often why."""
    return (text.strip().splitlines() or ["nothing"])[-1]


def end_of(log: Path, longest: int = 2000) -> str:
    """The last characters of a log file, empty if there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - longest))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""
