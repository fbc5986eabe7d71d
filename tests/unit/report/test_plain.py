"""How a job's end is told in a line."""

import pytest

from sabench.records import Status
from sabench.report.plain import ending


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        (Status.OK, "", "ok"),
        (Status.ERROR, "ValueError: on purpose", "error: ValueError: on purpose"),
        (Status.ERROR, "errors were found", "error: errors were found"),
        (Status.INTERRUPTED, "interrupted", "interrupted"),
        (Status.CRASH, "crash(9): ended by SIGKILL", "crash(9): ended by SIGKILL"),
        (Status.TIMEOUT, "timeout: not done after 60 s", "timeout: not done after 60 s"),
    ],
)
def test_an_end_names_its_status_once(status: Status, message: str, told: str) -> None:
    assert ending(status, message) == told
