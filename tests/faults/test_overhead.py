"""What the parent costs: its processor time beside a child, its memory, files and appends."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
from rich.console import Console

from faking import plant
from long_sweep import begin_peak, children, open_files, peak_bytes, run_long_sweep
from making_runs import HASTE, case, faulty, new_run, preset, record_of, stand_in
from sabench.launch.events import Event, JobEnded, JobStarted
from sabench.launch.sweep import sweep
from sabench.records import SHOWN
from sabench.report.progress import SweepProgress
from sabench.store import journal
from sabench.store.leaderboard import make_leaderboard, read_leaderboard, write_leaderboard


@pytest.mark.serial
def test_the_parent_with_its_live_display_uses_under_one_percent_of_a_core_while_a_child_measures(
    tmp_path: Path,
) -> None:
    used: list[tuple[float, float]] = []
    folder = new_run(tmp_path / "run", faulty("steady"), preset=preset(processes=1))
    with a_terminal(tmp_path / "shown") as terminal:
        console = Console(file=terminal, width=100)
        assert console.is_terminal
        with SweepProgress(console) as progress:

            def listen(event: Event) -> None:
                progress(event)
                if isinstance(event, JobStarted | JobEnded):
                    used.append((time.process_time(), time.monotonic()))

            sweep(folder, stand_in(), patience=HASTE, listener=listen)
    (cpu_before, before), (cpu_after, after) = used
    assert after - before > 2.9
    assert cpu_after - cpu_before < 0.01 * (after - before)
    shown = (tmp_path / "shown").read_text()
    assert "1.00 ms (n=" in shown  # the figure so far was on the screen,
    refreshes = shown.count("\x1b[2K")
    assert refreshes >= 4
    assert (
        refreshes <= 2 * (after - before) + 4
    )  # twice a second, and as the display comes and goes


@contextmanager
def a_terminal(shown: Path) -> Iterator[TextIO]:
    """A terminal whose screen goes into a file, by a process of its own."""
    master, slave = pty.openpty()
    with (
        shown.open("wb") as file,
        subprocess.Popen(["cat"], stdin=master, stdout=file, stderr=subprocess.DEVNULL) as screen,
        os.fdopen(slave, "w") as terminal,
    ):
        os.close(master)
        yield terminal
        terminal.flush()
        time.sleep(0.1)  # for what is still in the terminal
        screen.kill()


def test_a_thousand_cases_leave_no_memory_file_or_process_behind(tmp_path: Path) -> None:
    cases = tuple(case("conv", size=size) for size in range(1, 1001))
    small = new_run(tmp_path / "small", cases[:5], preset=preset(processes=1))
    sweep(small, stand_in(), patience=HASTE)  # what a first sweep loads is not a leak
    folder = new_run(tmp_path / "run", cases, preset=preset(processes=1))
    files, memory, others = open_files(), begin_peak(), set(children())
    records = sweep(folder, stand_in(), patience=HASTE)
    assert len(records) == 1000
    assert peak_bytes() - memory < 50 * 1024**2
    assert open_files() == files
    assert set(children()) <= others  # a browser of other tests may be among them


def test_a_sweep_of_real_children_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thousand cases of tools/check_long_sweep.py, cut short."""
    plant(monkeypatch, tmp_path, {"stream": "white", "sigma": 0.005})
    cost = run_long_sweep(tmp_path, 150)
    assert {record.status for record in cost.records} <= SHOWN
    assert (len(cost.records), cost.files, cost.processes) == (150, 0, 0)
    assert cost.grown_bytes < 50 * 1024**2 * 150 / 1000 + 5 * 1024**2


@pytest.mark.serial
def test_our_own_part_of_an_append_takes_under_a_millisecond(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tuple(case(size=s) for s in range(1, 301)))
    used = []
    for job in folder.info.jobs():
        record = record_of(job, tuple(1.0 + 0.001 * i for i in range(60)))
        start = time.thread_time()  # processor time: waiting for the disk is not ours
        journal.append(folder, record)
        used.append(time.thread_time() - start)
    assert float(np.quantile(used, 0.99)) < 1e-3


@pytest.mark.serial  # it forks
def test_a_reader_never_sees_half_a_leaderboard(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tuple(case(size=size) for size in range(1, 60)))
    board = make_leaderboard(folder.info, [])
    write_leaderboard(folder.leaderboard_file, board)
    writer = os.fork()
    if writer == 0:
        for number in range(10_000):
            other = board.model_copy(update={"title": "x" * (number % 900)})
            write_leaderboard(folder.leaderboard_file, other)
        os._exit(0)
    try:
        titles = {read_leaderboard(folder.path).title for _ in range(300)}
    finally:
        os.kill(writer, 9)
        os.waitpid(writer, 0)
    assert len(titles) > 1  # it was written to all the while
