"""One child and its batch: what it says becomes events, how it ends becomes records."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from sabench import jsonl
from sabench.cases.plan import BEFORE_FAULT, UNWRITTEN, Batch, Job, answer
from sabench.errors import DeviceError, ResultError
from sabench.launch.events import JobFigure, JobProgress, JobStarted, Listener
from sabench.launch.handle import Exited, Handle, Said, last_line
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.limits import out_of_memory_kills
from sabench.records import Record, Status
from sabench.store.schema import parse_left


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child may be silent where no job is running, and how long it has to end."""

    start_s: float = 120.0  # importing torch and waking a device, on a loaded machine
    grace_s: float = 5.0  # between SIGTERM and SIGKILL
    interrupted_grace_s: float = 2.0  # the same after Ctrl-C, which is answered within 5 s


PATIENCE = Patience()
PROBE_BYTES = 2**16  # more than a record


class Watch:
    """Follows one child through its batch. `finish` takes each record exactly once."""

    def __init__(
        self,
        batch: Batch,
        outbox: Path,
        patience: Patience,
        finish: Callable[[Job, Record], None],
        place: Callable[[], tuple[int, int]],
        listener: Listener,
    ) -> None:
        self.batch, self.outbox, self.patience = batch, outbox, patience
        self.finish, self.place, self.listener = finish, place, listener
        self.left = {job.job_id: job for job in batch.jobs}
        self._running: Job | None = None
        self._started_at, self._started_utc = time.monotonic(), utc_now()
        self._waits_since: float | None = None  # for its turn
        self._offset = 0
        self._written: dict[tuple[str, str], jsonl.Line] = {}
        self._kept: dict[str, JsonValue] = {}
        self._kills_before = out_of_memory_kills()

    @property
    def done(self) -> int:
        """Jobs that have their record."""
        return len(self.batch.jobs) - len(self.left)

    @contextmanager
    def attending(self, handle: Handle) -> Iterator[None]:
        """Followed in here; nothing of the child is there afterwards.

        Raises: Stop, after the running job was recorded as interrupted.
        """
        try:
            yield
        except Stop:
            handle.kill(self.patience.interrupted_grace_s)
            self._take_records()
            waiting = next(iter(self.left.values()), None)
            job = self._running if self._is_left(self._running) else waiting
            if job is not None:  # the last one's record may have come with the signal
                self._charge(job, Status.INTERRUPTED, "interrupted")
            raise
        finally:
            handle.kill(0.0)

    def follow(self, handle: Handle, stop: Interruption) -> bool:
        """Until the child waits for its turn, else until it is gone; whether it is still there.

        Raises: Stop if the user asked to stop, ResultError if the child's disk refuses: its job
        has no record then, and is done again on resume.
        """
        while self._waits_since is None:
            if (end := self._hear(handle, stop)) is not None:
                self._take_records()
                self._account(end, handle)
                return False
        return True

    def wake(self, handle: Handle) -> None:
        """It is the child's turn; what it waited is not its job's time."""
        assert self._waits_since is not None
        self._started_at += time.monotonic() - self._waits_since
        self._waits_since = None
        handle.grant()

    def _hear(self, handle: Handle, stop: Interruption) -> "Exited | _Overdue | None":
        """Wait for one message; None while the child lives and is in time."""
        allowed = self.patience.start_s if self._running is None else self.batch.preset.deadline_s
        with stop.waiting():
            said = handle.wait(self._started_at + allowed)
        if said is None:
            return _Overdue(handle.kill(self.patience.grace_s))
        if isinstance(said, Exited):
            return said
        self._answer(said, handle)
        return None

    def _answer(self, said: Said, handle: Handle) -> None:
        job = self.left.get(said.job_id)
        if said.word == "figure":
            if job is not None and job is self._running:
                self.listener(JobFigure(job, said.latency_s, said.n))
            return
        if said.word == "progress":
            if job is not None and job is self._running:
                self.listener(JobProgress(job, said.text))
            return
        if said.word == "turn":
            self._waits_since = time.monotonic()
            return
        self._started_at, self._started_utc = time.monotonic(), utc_now()
        if said.word == "start" and job is not None:
            self._running = job
            self.listener(JobStarted(job, *self.place()))
        elif said.word == "end":
            started = self._running
            self._take_records(said.job_id)
            if job is not None and said.job_id in self.left:
                self._charge(job, Status.ERROR, "no_result: it ended without a record", handle)
            if started is not None and started.job_id == said.job_id:
                self._running = None

    def _account(self, end: "Exited | _Overdue", handle: Handle) -> None:
        """Charge the job that was running when the child ended, unless it was not the job's."""
        if isinstance(end, Exited) and end.code == UNWRITTEN:
            self._blame_disk(last_line(handle.told()))
        job = self._running
        if job is None or not self._is_left(job):
            return
        if isinstance(end, _Overdue):
            message = (
                f"timeout: not done after the {self.batch.preset.deadline_s:g} s of its preset"
            )
            if end.survivors:
                message += f"; processes {end.survivors} could not be ended"
            self._charge(job, Status.TIMEOUT, message, handle, survivors=[*end.survivors])
        elif end.code < 0:
            name = _signal_name(-end.code)
            hint = ""
            if -end.code == signal.SIGKILL and out_of_memory_kills() > self._kills_before:
                hint = "; the kernel killed it for want of memory"
            message = f"crash({-end.code}): ended by {name}{hint}"
            self._charge(job, Status.CRASH, message, handle, signal=-end.code)
        else:
            message = f"no_result: the process ended with exit code {end.code} before a record"
            self._charge(job, Status.ERROR, message, handle, exit_code=end.code)

    def _blame_disk(self, said: str) -> None:
        """Raise ResultError if the child said so or the disk still refuses: a layer may have ended
        the process with that code, and a full disk keeps no log."""
        if str(self.outbox.resolve()) in said:  # as the child is given it
            raise ResultError(said.removeprefix("error: "))
        probe = self.outbox.with_suffix(".probe")
        jsonl.write_atomically(probe, " " * PROBE_BYTES)
        probe.unlink()

    def _is_left(self, job: Job | None) -> bool:
        return job is not None and job.job_id in self.left

    def _take_records(self, job_id: str | None = None) -> None:
        """Hand on what the child has written: one job's record, or at the end all of them."""
        lines, self._offset = jsonl.read_from(self.outbox, self._offset)
        for line in lines:
            name, attempt = line.item.get("job_id"), line.item.get("attempt", 1)
            self._written.setdefault((str(name), str(attempt)), line)
        for job in list(self.left.values()):
            if job_id not in (None, job.job_id):
                continue
            written = self._written.pop((job.job_id, str(job.attempt)), None)
            if written is None:
                continue
            try:
                record = parse_left(written, str(self.outbox))
            except ResultError as error:
                self._charge(job, Status.ERROR, f"no_result: its record is not readable: {error}")
                continue
            if record.status is Status.INTERRUPTED:  # why it was is the parent's to say
                self._kept[job.job_id] = record.details.get(BEFORE_FAULT)
            else:
                self._finish(job, record)

    def _charge(
        self,
        job: Job,
        status: Status,
        message: str,
        handle: Handle | None = None,
        **details: JsonValue,
    ) -> None:
        """Write the record that the child could not, with what it had read before its end."""
        told = handle.told() if handle is not None else ""
        if told:
            details["log"] = told
        if kept := self._kept.get(job.job_id):
            details[BEFORE_FAULT] = kept
        record = answer(
            job,
            self.batch,
            status=status,
            message=message,
            started_utc=self._started_utc,
            wall_s=time.monotonic() - self._started_at,
            details=details,
        )
        self._finish(job, record)

    def _finish(self, job: Job, record: Record) -> None:
        del self.left[job.job_id]
        self.finish(job, record)


@dataclass(frozen=True, slots=True)
class _Overdue:
    """The child was ended because it was late."""

    survivors: list[int]


def dead_at_start(handle: Handle) -> DeviceError:
    """Why a sweep gives up: two children in a row died before they began a job."""
    return DeviceError(
        "two child processes in a row ended before their first job; the last said: "
        + last_line(handle.told())
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def utc_now() -> str:
    """The time of day as records tell it, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
