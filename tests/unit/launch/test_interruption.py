"""Which signals a sweep takes for itself."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sabench.launch.interruption import ENDS, Interruption


@pytest.fixture
def hung_up() -> Iterator[None]:
    """A process that was started by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_sweep_has_its_signals_while_it_runs_and_gives_them_back() -> None:
    before = {number: signal.getsignal(number) for number in ENDS}
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGHUP)
        assert interruption.requested
    assert {number: signal.getsignal(number) for number in ENDS} == before


@pytest.mark.usefixtures("hung_up")
def test_a_sweep_that_was_started_by_nohup_outlives_its_terminal() -> None:
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGHUP)
        assert not interruption.requested
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_terminal_that_is_closed_tells_it_twice_and_takes_nothing_more(tmp_path: Path) -> None:
    """On a terminal whose other end is closed: writing there would end it."""
    script = (
        "import os, signal, sys\n"
        "from sabench.launch.interruption import Interruption\n"
        "with Interruption() as interruption:\n"
        "    print('ready', flush=True)\n"
        "    while not interruption.requested:\n"
        "        signal.pause()\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    print('gone', flush=True)\n"
        f"open({str(tmp_path / 'done')!r}, 'w').close()\n"
    )
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, process_group=0
    )
    os.close(theirs)
    assert os.read(ours, 5) == b"ready"
    os.close(ours)
    started.send_signal(signal.SIGHUP)
    assert started.wait(20) == 0
    assert (tmp_path / "done").exists()
