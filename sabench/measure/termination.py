"""SIGTERM inside a child: the running job is interrupted, a record being written is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class InterruptError(BaseException):
    """The parent asked this process to end. No `except Exception` of a stranger stops it."""


class Termination:
    """The handler of SIGTERM, and the span in which it may raise."""

    def __init__(self) -> None:
        self.asked = False
        self._raises = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Take the signal."""
        self.asked = True
        if self._raises:
            self._raises = False
            raise InterruptError

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise InterruptError when the signal comes in here, or came before."""
        self._raises = True
        try:
            if self.asked:
                raise InterruptError
            yield
        finally:
            self._raises = False
