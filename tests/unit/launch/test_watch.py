"""One child followed, by a handle that plays what it is told to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from making_runs import batch_of, faulty, preset, record_of, run_info
from sabench import jsonl
from sabench.cases.plan import UNWRITTEN, Job
from sabench.errors import ResultError
from sabench.launch.events import ignore
from sabench.launch.handle import Exited, Said
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.watch import PATIENCE, Watch
from sabench.records import Record, Status
from sabench.seal import record_line


class Played:
    """A handle whose messages are made when they are waited for."""

    def __init__(self, *messages: Callable[[], Said | Exited], log: str = "") -> None:
        self._messages, self.log = iter(messages), log

    def wait(self, deadline: float) -> Said | Exited | None:
        return next(self._messages)()

    def kill(self, grace_s: float) -> list[int]:
        return []

    def grant(self) -> None: ...

    def told(self) -> str:
        return self.log


def interrupted_after_the_first_record(jobs: list[Job], outbox: Path) -> list[Record]:
    """What is recorded when Ctrl-C comes after the first job's record and before its end."""

    def finish_and_interrupt() -> Said:
        jsonl.append_line(outbox, record_line(record_of(jobs[0])))
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


def ended_as_unwritten(tmp_path: Path, log: str) -> list[Record]:
    """What is recorded of a job whose child ends with the code of a refused outbox, which it is
    given with every link followed."""
    (tmp_path / "link").symlink_to(tmp_path)
    (job,) = run_info(faulty("ok"), preset=preset(processes=1)).jobs()
    taken: list[Record] = []
    watch = Watch(
        batch_of([job]), tmp_path / "link" / "out.jsonl", PATIENCE,
        lambda _, record: taken.append(record), lambda: (1, 1), ignore,
    )  # fmt: skip
    handle = Played(lambda: Said("start", job.job_id), lambda: Exited(UNWRITTEN), log=log)
    with Interruption() as stop, watch.attending(handle):
        watch.follow(handle, stop)
    return taken


def test_a_child_whose_outbox_is_refused_ends_the_sweep_without_a_record(tmp_path: Path) -> None:
    log = f"torch says hello\nerror: {tmp_path / 'out.jsonl'}: cannot append: No space left"
    with pytest.raises(ResultError, match=r"^/.*out\.jsonl: cannot append: No space left$"):
        ended_as_unwritten(tmp_path, log)


def test_a_disk_too_full_for_the_log_is_found_by_the_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise ResultError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(jsonl, "write_atomically", refuse)
    with pytest.raises(ResultError, match="No space left on device"):
        ended_as_unwritten(tmp_path, "")


def test_a_layer_that_ends_its_process_with_that_code_is_charged(tmp_path: Path) -> None:
    (record,) = ended_as_unwritten(tmp_path, "bye")
    assert record.status is Status.ERROR
    assert record.message == "no_result: the process ended with exit code 74 before a record"
    assert not list(tmp_path.glob("*.probe"))
