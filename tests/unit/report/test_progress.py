"""What a sweep shows while it runs: plain lines in a pipe, one live line on a terminal."""

import io

import pytest
from rich.console import Console

from making_runs import case, record_of, run_info
from sabench.launch.events import JobEnded, JobFigure, JobStarted, SweepEnded, SweepStarted
from sabench.records import Status
from sabench.report.progress import SweepProgress


def shown(*, terminal: bool, width: int = 80) -> str:
    """What two jobs, one of them contended, and an interruption print."""
    out = io.StringIO()
    first, second = run_info((case("conv", size=56), case("halo", size=56))).jobs()[:2]
    with SweepProgress(Console(file=out, width=width, force_terminal=terminal)) as listen:
        listen(SweepStarted(total=2, done=0))
        listen(JobStarted(first, 1, 2))
        listen(JobFigure(first, 1.07e-3, 10))
        listen(JobEnded(first, record_of(first, (1.07e-3,) * 10), 1, 2))
        listen(JobStarted(second, 2, 2))
        told = record_of(second, (3e-3,) * 10, Status.CONTENDED, message="other work ran")
        listen(JobEnded(second, told, 2, 2))
        listen(SweepEnded(interrupted=True))
    return out.getvalue()


def test_a_pipe_gets_one_line_a_job() -> None:
    lines = shown(terminal=False).splitlines()
    assert lines[0] == "2 jobs to do"
    assert lines[1].startswith("[1/2] ")
    assert lines[1].endswith(" 1.07 ms")
    assert lines[2].endswith(" 3.00 ms (contended: other work ran)")
    assert lines[3] == "interrupted: what was measured is kept"


@pytest.mark.parametrize("width", [50, 80, 200])
def test_a_terminal_keeps_counter_and_figure_whatever_its_width(width: int) -> None:
    text = shown(terminal=True, width=width)
    assert "2/2" in text
    assert "contended" in text
    assert "…" in text or width == 200


def test_a_pipe_gets_no_control_characters() -> None:
    assert "\x1b" not in shown(terminal=False)
