"""A value read again and again by a thread while something else runs. Torch-free."""

import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from sabench.errors import DeviceError

T = TypeVar("T")


class Periodic(Generic[T]):
    """Reads while its `with` block runs, once at the start and once at the end at least.

    `taken` holds (seconds of the clock, value), in order; None is no value and is left out. Where
    reading fails, `reason` says why and what was read before stays.
    """

    def __init__(
        self,
        read: Callable[[], T | None],
        period_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._read, self._period_s, self._clock = read, period_s, clock
        self._ended = Event()
        self._thread = Thread(target=self._run, name="sabench-periodic", daemon=True)
        self.taken: list[tuple[float, T]] = []
        self.reason = ""

    def __enter__(self) -> Self:
        self._take()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self.reason and not self._ended.wait(self._period_s):
            self._take()

    def _take(self) -> None:
        if self.reason:
            return
        try:
            value = self._read()
        except (DeviceError, OSError) as error:
            self.reason = str(error)
            return
        if value is not None:
            self.taken.append((self._clock(), value))
