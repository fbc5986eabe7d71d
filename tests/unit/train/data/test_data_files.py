"""What goes wrong in another library is told on one line."""

import pytest

from sabench.train.data.files import said


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("broken\nin two"), "broken\\nin two"),
        (OSError(13, "Permission denied", "a\nb"), "Permission denied"),
        (OSError("image file is truncated"), "image file is truncated"),
        (EOFError(), "EOFError"),
    ],
)
def test_a_foreign_error_is_one_line(error: Exception, told: str) -> None:
    assert said(error) == told
