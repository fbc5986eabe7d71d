"""Who else is at work before a sweep starts: said, waited for a bounded time, or refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from making_runs import HASTE, faulty, new_run, preset, stand_in
from pinning import EVERY_CORE
from sabench.errors import ConfigError, DeviceError
from sabench.launch import contention
from sabench.launch.contention import Policy, await_quiet, neighbours, parse_policy
from sabench.launch.events import BatchStarted, Event, Notice
from sabench.launch.sweep import sweep
from sabench.measure.load import ForeignLoad, machine_usage
from sabench.measure.noise import busy_neighbours
from sabench.records import Status
from sabench.store import journal

BUSY = "1.00 of 2 cores are busy with other work"


def told(*answers: str) -> Callable[[str, float], str]:
    """What a machine says each time it is looked at; the last answer stays."""
    left = list(answers)
    return lambda device, look_s, **_: left.pop(0) if len(left) > 1 else left[0]


def notices(policy: Policy, busy: Callable[[str, float], str]) -> list[str]:
    heard: list[Event] = []
    await_quiet(("cpu",), policy, heard.append, busy)
    return [event.text for event in heard if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("warn", Policy("warn")),
        ("fail", Policy("fail")),
        ("wait:60s", Policy("wait", 60.0)),
        ("wait:1.5min", Policy("wait", 90.0)),
        ("wait:2h", Policy("wait", 7200.0)),
    ],
)
def test_a_policy_is_read(text: str, policy: Policy) -> None:
    assert parse_policy(text) == policy


@pytest.mark.parametrize(
    "text", ["", "wait", "wait:60", "wait:-1s", "wait:1e3s", "FAIL", "warn:1s"]
)
def test_another_word_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match="write warn, fail or wait:60s"):
        parse_policy(text)


@pytest.mark.parametrize("policy", [Policy("warn"), Policy("wait", 60.0), Policy("fail")])
def test_a_quiet_machine_is_worth_no_word(policy: Policy) -> None:
    assert notices(policy, told("")) == []


def test_a_busy_machine_is_told_and_measured_on() -> None:
    (line,) = notices(Policy("warn"), told(BUSY))
    assert line == f"{BUSY}: disturbed figures will be flagged, or have no rank"


def test_a_busy_machine_is_refused_where_that_is_asked_for() -> None:
    with pytest.raises(DeviceError, match=f"{BUSY}: not measured"):
        notices(Policy("fail"), told(BUSY))


def test_quiet_is_waited_for_and_said_once() -> None:
    lines = notices(Policy("wait", 60.0), told(BUSY, BUSY, BUSY, ""))
    assert lines == [f"{BUSY}: waiting up to 1 min 00 s for quiet"]


def test_the_wait_has_an_end() -> None:
    """Planted: without the bound this never returns."""
    lines = notices(Policy("wait", 0.05), told(BUSY))
    assert lines[-1] == f"{BUSY}, still after 0 s"


def test_every_device_is_looked_at() -> None:
    heard: list[Event] = []
    await_quiet(("cuda:0", "cuda:1"), Policy(), heard.append, lambda device, _: f"{device} is busy")
    assert [e.text.partition(":  ")[0] for e in heard if isinstance(e, Notice)] == [
        "cuda:0 is busy; cuda:1 is busy: disturbed figures will be flagged, or have no rank"
    ]


def test_real_neighbours_are_seen() -> None:
    with busy_neighbours(EVERY_CORE[: (os.cpu_count() or 1) // 10 + 1]):
        before = machine_usage()
        assert "cores are busy with other work" in neighbours("cpu", 0.5)
        assert ForeignLoad.between(before, machine_usage()).foreign > 0.5


@pytest.mark.parametrize(
    ("slow", "look_s", "said"),
    [
        (0.05, 1.0, ""),
        (0.62, 1.0, "something unseen shares a core 62% of the time"),
        (0.62, 0.3, ""),  # a glance is not long enough to tell
    ],
)
def test_a_core_that_something_unseen_shares_is_not_quiet(
    monkeypatch: pytest.MonkeyPatch, slow: float, look_s: float, said: str
) -> None:
    monkeypatch.setattr(contention, "machine_usage", lambda: None)
    monkeypatch.setattr(contention.time, "sleep", lambda _: None)
    monkeypatch.setattr(contention, "slow_share", lambda *_: slow)
    assert neighbours("cpu", look_s) == said


def test_as_many_cores_are_looked_at_as_the_largest_case_has_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, float]] = []

    def looked(cores: tuple[int, ...], _seconds: float, told: float) -> float:
        asked.append((len(cores), told))
        return 0.0

    monkeypatch.setattr(contention, "machine_usage", lambda: None)
    monkeypatch.setattr(contention.time, "sleep", lambda _: None)
    monkeypatch.setattr(contention, "allowed_cores", lambda: {0, 1, 2})
    monkeypatch.setattr(contention, "slow_share", looked)
    await_quiet(("cpu",), Policy("fail"), lambda _: None, threads=2, core_best=1.7)
    assert asked == [(2, 1.7)]


def test_a_device_that_tells_nothing_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise DeviceError("NVML cannot be asked")

    monkeypatch.setattr(contention, "Nvml", absent)
    assert neighbours("cuda:0", 1.0) == ""


def test_a_sweep_looks_before_its_start_and_before_its_retries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quiet at the start, busy at the retry: the first attempts are kept, exit code 5."""
    monkeypatch.setattr(contention, "neighbours", told("", BUSY))
    folder = new_run(tmp_path / "run", faulty("contended", "ok"), preset=preset(processes=1))
    events: list[Event] = []
    with pytest.raises(DeviceError, match="not measured"):
        sweep(folder, stand_in(), patience=HASTE, listener=events.append, contention=Policy("fail"))
    assert sum(isinstance(event, BatchStarted) for event in events) == 1
    assert {r.status for r in journal.read(folder)} == {Status.CONTENDED, Status.OK}


def test_a_finished_sweep_does_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run(tmp_path / "run", faulty("ok"), preset=preset(processes=1))
    sweep(folder, stand_in(), patience=HASTE)
    monkeypatch.setattr(contention, "neighbours", told(BUSY))
    assert sweep(folder, stand_in(), patience=HASTE, contention=Policy("fail"))
