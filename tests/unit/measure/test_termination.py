"""SIGTERM inside a child, whenever it comes."""

import pytest

from sabench.measure.termination import InterruptError, Termination


def test_a_signal_while_a_job_runs_interrupts_it():
    termination = Termination()
    with pytest.raises(InterruptError), termination.interrupting():
        termination(15, None)
    assert termination.asked


def test_a_signal_right_before_a_job_runs_interrupts_it_too():
    termination = Termination()
    termination(15, None)
    ran = []
    with pytest.raises(InterruptError), termination.interrupting():
        ran.append("the job")
    assert not ran


def test_a_signal_after_a_job_only_asks():
    termination = Termination()
    with termination.interrupting():
        pass
    termination(15, None)
    assert termination.asked
