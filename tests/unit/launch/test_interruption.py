"""Which signals a sweep takes for itself."""

import signal
from collections.abc import Iterator

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
