"""Work on our cores and their siblings, told from the ticks of one span."""

import os
from pathlib import Path

import pytest

from sabench.measure import core_load, cores
from sabench.measure.core_load import CoreUsage, core_usage, foreign_work

START = CoreUsage(0.0, 0.0, cores=2, busy=0, steal=0, siblings=2, siblings_busy=0)


def told(span_s: float, *, own_s: float, busy: int, steal: int = 0, beside: int = 0) -> str:
    """What is said of a span on two cores with two siblings, at 100 ticks a second."""
    end = CoreUsage(span_s, own_s, 2, busy, steal, 2, beside)
    return foreign_work(START, end, 100)


def test_our_own_work_is_not_foreign() -> None:
    assert told(1.0, own_s=1.8, busy=180) == ""
    assert told(1.0, own_s=1.8, busy=176) == ""


def test_a_busy_sibling_is_told() -> None:
    assert told(1.0, own_s=2.0, busy=200, beside=100) == "1.00 cores on their siblings"
    assert told(1.0, own_s=2.0, busy=200, beside=23) == ""  # 10 % of 200 ticks, and 3


def test_steal_is_told_with_any_number_of_threads() -> None:
    assert told(1.0, own_s=1.5, busy=150, steal=50) == "0.50 cores of the hypervisor"
    assert told(1.0, own_s=1.9, busy=190, steal=13) == ""  # 5 % of 200 ticks, and 3


def test_busy_ticks_of_a_short_span_may_miss_by_four_deviations() -> None:
    # 0.15 s on two cores are 30 ticks: 10 % of them, 2 * sqrt(30) = 10.95 and 3 to spare
    assert told(0.15, own_s=0.10, busy=26) == ""
    assert told(0.15, own_s=0.10, busy=28) == "1.20 cores on our cores"


def test_the_cores_and_the_siblings_are_read_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stat").write_text(
        "cpu 9 9 9 9 9 9 9 9 0 0\n"
        "cpu0 1 2 3 100 100 4 5 6 0 0\ncpu1 10 0 0 0 0 0 0 1 0 0\n"
        "cpu2 20 0 0 0 0 0 0 2 0 0\ncpu3 40 0 0 0 0 0 0 4 0 0\nintr 5 6\n"
    )
    for core, text in {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}.items():
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{text}\n")
    monkeypatch.setattr(core_load, "STAT", tmp_path / "stat")
    monkeypatch.setattr(cores, "CPU", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    found = core_usage(1)
    assert found is not None
    assert (found.cores, found.busy) == (1, 1 + 2 + 3 + 4 + 5)
    assert (found.siblings, found.siblings_busy, found.steal) == (1, 20, 6 + 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    both = core_usage(2)
    assert both is not None
    assert (both.cores, both.siblings, both.busy) == (2, 0, 15 + 20)


def test_without_a_core_for_every_thread_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert core_usage(2) is None
    assert foreign_work(None, None) == ""


def test_counters_that_are_absent_or_garbage_say_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    threads = len(os.sched_getaffinity(0))
    monkeypatch.setattr(core_load, "STAT", tmp_path / "absent")
    assert core_usage(threads) is None
    (tmp_path / "absent").write_text("cpu0 who knows\n")
    assert core_usage(threads) is None


@pytest.mark.parametrize(
    ("waited_ms", "of_ms", "threads", "said"),
    [
        (50, 100, 1, "work that held our cores for 0.50 of the time"),
        (19, 100, 1, ""),  # a tenth of it and ten milliseconds are nobody's
        (21, 100, 1, "work that held our cores for 0.21 of the time"),
        (29, 100, 2, ""),
        (50, 100, 2, "work that held our cores for 0.25 of the time"),
        (1009, 10_000, 1, ""),
        (0, 0, 1, ""),
    ],
)
def test_threads_that_waited_for_their_cores_were_held_up(
    waited_ms: int, of_ms: int, threads: int, said: str
) -> None:
    assert core_load.held_up(waited_ms * 10**6, of_ms * 10**6, threads, cores=2) == said


@pytest.mark.parametrize(
    ("cores", "said"),
    [
        (2, "its own threads, 64 on 2 cores (--axis threads=2)"),
        (1, "its own threads, 64 on 1 core (--axis threads=1)"),
        (None, "work that held our cores for 0.50 of the time"),
    ],
)
def test_more_threads_than_cores_held_each_other_up(cores: int | None, said: str) -> None:
    assert core_load.held_up(32 * 10**8, 10**8, 64, cores) == said
