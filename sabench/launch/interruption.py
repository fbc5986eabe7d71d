"""Ctrl-C, or a terminal that is closed: the first asks the sweep to stop in order, the second stops
it at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(Exception):  # noqa: N818 - a request, not an error
    """The user asked to stop while the sweep was waiting for a child."""


class Interruption:
    """Turns SIGINT, SIGTERM and SIGHUP into `requested`, and into Stop where the sweep waits.

    A second signal raises KeyboardInterrupt wherever the sweep is. Outside the main thread, which
    alone receives signals, nothing is changed.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_waiting = False
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ENDS:
                if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                    continue  # as `nohup` asks for
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Where a signal may break off what is being done.

        Raises: Stop once a stop is requested.
        """
        self._is_waiting = True
        try:
            if self.requested:
                raise Stop
            yield
        finally:
            self._is_waiting = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self._is_waiting:
            raise Stop
