"""What is asked of a CUDA device after a child was lost on it: played, for there is none here."""

from pathlib import Path

import pytest

from making_runs import HASTE, environment, faulty, new_run, preset, record_of, run_info, stand_in
from sabench.errors import DeviceError, ExitCode
from sabench.launch import aftermath, device_health
from sabench.launch.aftermath import is_alarming
from sabench.launch.events import BatchStarted, Event, Notice
from sabench.launch.sweep import sweep
from sabench.measure.faults import classify
from sabench.records import Flag, Record, Status
from sabench.store import journal
from sabench.store.run_folder import RunFolder


class Board:
    """A device that answers as it is told to, and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.comes_back = True
        self.faults: list[str] = []  # of the probes to come; none left: it computes
        self.asked: list[tuple[int, int | None]] = []
        self.probed = 0
        monkeypatch.setattr(aftermath, "used_memory", lambda uuid: 1000)
        monkeypatch.setattr(aftermath, "memory_came_back", self._memory)
        monkeypatch.setattr(device_health, "probe", self._probe)

    def _memory(self, uuid: str, pids: tuple[int, ...], *, before: int | None) -> bool:
        (pid,) = pids
        self.asked.append((pid, before))
        return self.comes_back

    def _probe(self, device: str) -> str:
        self.probed += 1
        return self.faults.pop(0) if self.faults else ""


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    return Board(monkeypatch)


def on_cuda(path: Path, *faults: str, **changes: object) -> RunFolder:
    gpu = environment("A GPU").model_copy(update={"device_kind": "cuda", "device_uuid": "GPU-1"})
    return new_run(
        path,
        faulty(*faults),
        devices=("cuda:0",),
        environments={"cuda:0": gpu},
        **{"preset": preset(processes=1), "isolation": "case"} | changes,
    )


def do(folder: RunFolder, events: list[Event] | None = None) -> list[Record]:
    heard = [] if events is None else events
    return sweep(folder, stand_in(), patience=HASTE, listener=heard.append)


def test_a_child_that_ends_well_is_not_asked_after(tmp_path: Path, board: Board) -> None:
    do(on_cuda(tmp_path / "run", "ok", "oom", "raises", "nan"))
    assert (board.asked, board.probed) == ([], 0)


def test_a_crash_is_followed_by_a_probe_before_the_next_case(tmp_path: Path, board: Board) -> None:
    board.faults = ["CUDA error: an illegal memory access was encountered"]  # the second is well
    records = do(on_cuda(tmp_path / "run", "segv", "ok"))
    assert board.probed == 2
    assert {record.status for record in records} == {Status.CRASH, Status.OK}
    assert all(record.flags == () for record in records)


def test_two_failed_probes_end_the_run_with_exit_5_and_everything_kept(
    tmp_path: Path, board: Board
) -> None:
    """Planted: a device that is gone. Without the probe every case left would be started on it."""
    board.faults = ["Xid 79", "Xid 79"]
    folder = on_cuda(tmp_path / "run", "segv", "segv", "segv")
    events: list[Event] = []
    with pytest.raises(DeviceError, match="Xid 79") as raised:
        do(folder, events)
    assert raised.value.exit_code is ExitCode.DEVICE
    assert sum(isinstance(event, BatchStarted) for event in events) == 1
    assert [record.status for record in journal.read(folder)] == [Status.CRASH]


def test_memory_that_does_not_come_back_is_told_of_every_later_record(
    tmp_path: Path, board: Board
) -> None:
    board.comes_back = False
    late = preset(processes=1, deadline_s=0.4)
    folder = on_cuda(tmp_path / "run", "polite", "ok", "ok", "ok", preset=late)
    events: list[Event] = []
    records = do(folder, events)
    place = next(i for i, record in enumerate(records) if record.status is Status.TIMEOUT)
    assert all(record.status is Status.OK for record in records[:place])
    after = [record for record in records[place + 1 :] if record.status is not Status.TIMEOUT]
    assert all(record.flags == (Flag.DEVICE_DIRTY,) for record in after)
    assert all(record.status is Status.OK_FLAGGED for record in after)
    assert {before for _, before in board.asked} == {1000}
    assert all(pid > 1 for pid, _ in board.asked)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices[0] == (
        "cuda:0: an earlier process left memory on the device that did not come back"
    )


def test_the_cpu_is_asked_nothing(tmp_path: Path, board: Board) -> None:
    do(new_run(tmp_path / "run", faulty("segv", "ok"), preset=preset(processes=1)))
    assert (board.asked, board.probed) == ([], 0)


def test_an_error_of_the_device_is_alarming_and_one_of_the_case_is_not() -> None:
    (job,) = run_info(faulty("ok"), preset=preset(processes=1)).jobs()
    sticky = classify(RuntimeError("CUDA error: device-side assert triggered"), "cuda:0")
    own = classify(ValueError("on purpose"), "cuda:0")
    assert sticky.ends_process
    for fault, alarming in ((sticky, True), (own, False)):
        record = record_of(job, (), fault.status, details=fault.details)
        assert is_alarming(record) is alarming
