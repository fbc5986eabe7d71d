"""Turns: several processes sample by slices on the same cores, one at a time, as the parent says.

What slows the machine for a second slows all of them: between two of them it makes no difference.
"""

import os
from collections.abc import Callable
from typing import Protocol

PARENT_GONE = 1
TURN_S = 0.015  # of sampling in a turn: short beside what drifts, long beside filling the caches
WARM_BLOCKS = 2  # of a turn, before what counts: another process has had the caches


class Turns(Protocol):
    """When this process may run."""

    @property
    def count(self) -> int:
        """Turns that a sampling takes; 0: nobody else takes any."""
        ...

    def take(self) -> None:
        """Give up a turn that is held, and wait for the next."""
        ...


class Alone:
    """It is always this process's turn."""

    count = 0

    def take(self) -> None:
        """Nobody waits."""


class ByTurns:
    """Each turn is a byte from the parent, asked for by `ask`."""

    def __init__(self, count: int, ask: Callable[[], None], descriptor: int) -> None:
        self.count, self._ask, self._descriptor = count, ask, descriptor

    def take(self) -> None:
        """Ask, and sleep until the byte is there. Ends the process if the parent is gone."""
        self._ask()
        if not os.read(self._descriptor, 1):
            os._exit(PARENT_GONE)
