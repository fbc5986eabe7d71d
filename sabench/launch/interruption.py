"""Ctrl-C, or a terminal that is closed: the first asks the sweep to stop in order, the second stops
it at once."""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Self

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def let_go_of_terminal() -> None:
    """What is still written goes nowhere: a terminal that is gone refuses it, which ends us."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # `isatty` says no once it is gone
                os.dup2(nowhere, stream)
    os.close(nowhere)


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
        if number == signal.SIGHUP:
            let_go_of_terminal()
        if self.requested and number == signal.SIGHUP:
            return  # a shell that ends tells its jobs, and the kernel tells them again
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self._is_waiting:
            raise Stop
