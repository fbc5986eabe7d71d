"""Turns: several processes sample by slices on the same cores, one at a time, as the parent says.

What slows the machine for a second slows all of them: between two of them it makes no difference.
"""

import os
from collections.abc import Callable
from typing import Protocol

from sabench.measure.core_load import CoreUsage, core_usage
from sabench.measure.load import MachineUsage, machine_usage

VERSION = 1  # of turns: sides that know another one are not measured in turns with each other
PARENT_GONE = 1


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


class Awake:
    """Turns, and the counters of what else runs, which stand still while this process sleeps.

    Those that it takes turns with work on its cores then, and are not strangers.
    """

    def __init__(self, turns: Turns, threads: int) -> None:
        self._turns, self._threads = turns, threads
        self._cores: list[tuple[CoreUsage, CoreUsage]] = []
        self._machine: list[tuple[MachineUsage, MachineUsage]] = []

    @property
    def count(self) -> int:
        """As those that are taken."""
        return self._turns.count

    def take(self) -> None:
        """Read the counters on both sides of the sleep."""
        cores, machine = core_usage(self._threads), machine_usage()
        self._turns.take()
        cores_then, machine_then = core_usage(self._threads), machine_usage()
        if cores is not None and cores_then is not None:
            self._cores.append((cores, cores_then))
        if machine is not None and machine_then is not None:
            self._machine.append((machine, machine_then))

    def core_usage(self, threads: int) -> CoreUsage | None:
        """The counters of our cores, less what they counted while we slept."""
        now = core_usage(threads)
        if now is not None:
            for start, end in self._cores:
                now = now.without(start, end)
        return now

    def machine_usage(self) -> MachineUsage | None:
        """The machine's counters, less what they counted while we slept."""
        now = machine_usage()
        if now is not None:
            for start, end in self._machine:
                now = now.without(start, end)
        return now
