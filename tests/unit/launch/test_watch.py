"""One child followed, by a handle that plays what it is told to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from making_runs import batch_of, faulty, preset, record_of, run_info
from sabench import jsonl
from sabench.cases.plan import Job
from sabench.launch.events import ignore
from sabench.launch.handle import Exited, Said
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.watch import PATIENCE, Watch
from sabench.records import Record, Status
from sabench.seal import sealed_line


class Played:
    """A handle whose messages are made when they are waited for."""

    def __init__(self, *messages: Callable[[], Said | Exited]) -> None:
        self._messages = iter(messages)

    def wait(self, deadline: float) -> Said | Exited | None:
        return next(self._messages)()

    def kill(self, grace_s: float) -> list[int]:
        return []

    def grant(self) -> None: ...

    def told(self) -> str:
        return ""


def interrupted_after_the_first_record(jobs: list[Job], outbox: Path) -> list[Record]:
    """What is recorded when Ctrl-C comes after the first job's record and before its end."""

    def finish_and_interrupt() -> Said:
        jsonl.append_line(outbox, sealed_line(record_of(jobs[0]).dump()))
        raise Stop

    taken: list[Record] = []
    watch = Watch(
        batch_of(jobs), outbox, PATIENCE, lambda _, record: taken.append(record), lambda: (1, 1),
        ignore,
    )  # fmt: skip
    started = Said("start", jobs[0].job_id)
    handle = Played(lambda: Said("ready"), lambda: started, finish_and_interrupt)
    with pytest.raises(Stop), Interruption() as stop, watch.attending(handle):
        watch.follow(handle, stop)
    return taken


@pytest.mark.parametrize(
    ("count", "ends"), [(1, [Status.OK]), (2, [Status.OK, Status.INTERRUPTED])]
)
def test_an_interruption_just_after_a_record_keeps_it_and_charges_the_next_job(
    tmp_path: Path, count: int, ends: list[Status]
) -> None:
    jobs = run_info(faulty(*["ok"] * count), preset=preset(processes=1)).jobs()
    taken = interrupted_after_the_first_record(jobs, tmp_path / "b.jsonl")
    assert [(record.job_id, record.status) for record in taken] == [
        (job.job_id, status) for job, status in zip(jobs, ends, strict=True)
    ]
