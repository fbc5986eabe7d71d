"""Cores looked at one after the other, with all others at work meanwhile."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Collection
from types import SimpleNamespace

import pytest

from sabench.measure import core_company
from sabench.measure.core_company import AT_ONCE, Company, on_each
from sabench.measure.core_speed import CoreSpeed

LONG_S = 20.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """Where the calling thread was held, in order; a machine of any number of cores."""
    moves: list[set[int]] = []
    caller = threading.get_ident()

    def hold(_pid: int, cores: Collection[int]) -> None:
        if threading.get_ident() == caller:
            moves.append({*cores})

    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {-1})
    monkeypatch.setattr(os, "sched_setaffinity", hold)
    return moves


def test_cores_are_looked_at_in_order_and_the_thread_is_put_back(held: list[set[int]]) -> None:
    assert on_each((3, 1, 2), lambda core: core / 10) == [0.3, 0.1, 0.2]
    assert held == [{3}, {1}, {2}, {-1}]


def test_a_look_that_fails_puts_the_thread_back_too(held: list[set[int]]) -> None:
    with pytest.raises(ZeroDivisionError):
        on_each((3, 1), lambda core: 1 / 0)
    assert held == [{3}, {-1}]


def test_all_others_work_while_one_is_looked_at(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that ends when the look has been: were the two not at once, it would take for ever."""
    seen, at_work, looked = [], threading.Semaphore(0), threading.Semaphore(0)
    company = Company((0, 4, 6))

    def work(_: bytes) -> None:
        at_work.release()
        assert looked.acquire(timeout=LONG_S)

    def look() -> float:
        count = 0
        while at_work.acquire(timeout=LONG_S if count < 2 else 0):
            count += 1
        seen.append((*held[-1], count))
        for _ in range(count):
            looked.release()
        return float(count)

    monkeypatch.setattr(core_company, "hashlib", SimpleNamespace(sha512=work))
    assert company.look_at_each(look) == [2.0, 2.0, 2.0]
    assert seen == [(4, 2), (6, 2), (0, 2)]


def test_hardware_threads_of_one_core_are_no_neighbours_of_each_other(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are ours, and share a core whenever our threads work."""
    called: list[int] = []
    siblings = {0: {0, 2}, 2: {0, 2}, 1: {1, 3}, 3: {1, 3}}
    monkeypatch.setattr(core_company, "hardware_siblings", lambda core: frozenset(siblings[core]))
    company = Company((0, 1, 2, 3))
    for core, call in company._calls.items():
        monkeypatch.setattr(
            company._calls[core],
            "release",
            lambda core=core, call=call.release: (called.append(core), call()),
        )
    for core, others in ((0, [1, 3]), (3, [0, 2])):
        called.clear()
        company._look_beside_others(core, lambda: 0.0)
        assert called == others


def test_the_work_lasts_for_several_looks() -> None:
    """So that the others are at work all through one, though they begin before it."""
    works, looks = [], []
    company, speed = Company((0, 1)), CoreSpeed()
    for _ in range(20):
        start = time.perf_counter()
        hashlib.sha512(company._work)
        works.append(time.perf_counter() - start)
        start = time.perf_counter()
        speed.read()
        looks.append(time.perf_counter() - start)
    assert min(works) > 2 * min(looks)


def test_the_work_is_longer_the_more_cores_are_called(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 us and 20 us a core, at a thousand bytes a microsecond."""
    monkeypatch.setattr(core_company, "hashed_a_second", lambda: 1e9)
    lengths = [len(Company(range(count))._work) for count in (2, 9)]
    assert lengths == [240_000, 380_000]


def test_a_clock_that_stands_still_bounds_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_company.time, "perf_counter", lambda: 1.0)
    assert core_company.hashed_a_second() == 64 * 1024 * 1e6


def test_a_look_that_fails_leaves_none_at_work(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    company = Company((0, 1, 2))
    slow = SimpleNamespace(sha512=lambda _: (time.sleep(0.02), done.append(1)))
    monkeypatch.setattr(core_company, "hashlib", slow)
    with pytest.raises(ZeroDivisionError):
        company.look_at_each(lambda: 1 / 0)
    assert done == [1, 1]
    assert not company._begun.acquire(blocking=False)
    assert not company._ended.acquire(blocking=False)
    assert company.look_at_each(lambda: 0.5) == [0.5] * 3


@pytest.mark.parametrize("error", [None, MemoryError])
def test_a_thread_that_never_comes_is_waited_for_with_a_bound(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    """Where memory ends inside of the new thread, nothing tells so. The other one ends."""
    monkeypatch.setattr(core_company, "WAIT_S", 0.05)
    started, ended = [], threading.Event()

    def start_one_of_two(work: Callable[..., None], arguments: tuple[int]) -> None:
        started.append(arguments)
        if len(started) == 1:
            threading.Thread(target=lambda: (work(*arguments), ended.set()), daemon=True).start()
        elif error is not None:
            raise error

    monkeypatch.setattr(core_company, "start_new_thread", start_one_of_two)
    before = threading.stack_size()
    with pytest.raises(error or RuntimeError):
        Company((0, 1))
    assert threading.stack_size() == before
    assert ended.wait(LONG_S)


def test_a_thread_that_hangs_is_waited_for_with_a_bound(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    company, awaited = Company((0, 1)), threading.Event()
    monkeypatch.setattr(core_company, "WAIT_S", 0.05)
    hanging = SimpleNamespace(sha512=lambda _: awaited.wait(LONG_S))
    monkeypatch.setattr(core_company, "hashlib", hanging)
    speed = CoreSpeed()
    speed._company = company
    assert speed.read() > 0
    assert not speed.reads_all
    awaited.set()


def test_a_companion_that_runs_out_of_memory_keeps_nobody_waiting(
    held: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    company = Company((0, 1))
    monkeypatch.setattr(core_company, "WAIT_S", 2.0)

    def fail(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(core_company, "hashlib", SimpleNamespace(sha512=fail))
    assert [company.look_at_each(lambda: 0.5) for _ in range(3)] == [[0.5, 0.5]] * 3


def test_each_companion_is_held_to_a_core_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cores: set[int] = set()
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, held: cores.update(held))
    company = Company((0, 4, 6))
    company._look_beside_others(4, lambda: 0.0)
    assert {0, 6} <= cores


def test_no_companion_works_outside_of_a_look(held: list[set[int]]) -> None:
    company = Company((0, 1))
    company.look_at_each(lambda: 0.0)
    assert not company._begun.acquire(blocking=False)
    assert not company._ended.acquire(blocking=False)


def test_of_many_cores_the_first_and_three_others_are_looked_at_in_turns(
    held: list[set[int]],
) -> None:
    company = Company(range(8))
    for _ in range(3):
        assert len(company.look_at_each(lambda: 0.0)) == AT_ONCE
    looked_at = [core for (core,) in held if core >= 0]
    assert looked_at == [1, 2, 3, 0, 4, 5, 6, 0, 7, 1, 2, 0]


def test_where_a_thread_is_not_moved_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _cores: Collection[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with pytest.raises(PermissionError):
        Company((0, 1)).look_at_each(lambda: 0.0)


def test_the_threads_have_small_stacks_and_later_ones_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int | str] = []
    start = core_company.start_new_thread

    def size(stack_bytes: int) -> int:
        done.append(stack_bytes)
        return 77_777

    def noted(work: Callable[..., None], arguments: tuple[int]) -> None:
        done.append("start")
        start(work, arguments)

    monkeypatch.setattr(threading, "stack_size", size)
    monkeypatch.setattr(core_company, "start_new_thread", noted)
    Company((0, 1))
    assert done == [256 * 1024, "start", "start", 77_777]


@pytest.mark.serial  # a worker beside others has one core
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_a_look_leaves_the_thread_on_all_its_cores() -> None:
    before, cores = os.sched_getaffinity(0), sorted(os.sched_getaffinity(0))[:2]
    seen: list[set[int]] = []
    try:
        os.sched_setaffinity(0, cores)
        Company(cores).look_at_each(lambda: seen.append(os.sched_getaffinity(0)) or 0.0)
        assert seen == [{cores[1]}, {cores[0]}]
        assert os.sched_getaffinity(0) == {*cores}
    finally:
        os.sched_setaffinity(0, before)
