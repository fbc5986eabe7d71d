"""Several children at once that work in turns: no two of them ever compute at the same time.

They start and import together. After that one is awake and the others sleep, so that they may share
their cores; each samples in slices of some ten milliseconds, and what slows the machine down for a
second slows all of them down.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sabench.cases.plan import Batch, Job
from sabench.launch.handle import Starter
from sabench.launch.interruption import Interruption
from sabench.launch.one_child import Child, Ended, Surroundings, begin, conclude
from sabench.records import Environment, Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch that takes turns, who starts it, and who takes its records."""

    batch: Batch
    starter: Starter
    finish: Callable[[Job, Record], Record]


@dataclass(slots=True)
class Player:
    """A child among those that take turns, and how far it has come."""

    child: Child
    place: int
    jobs: int = 0
    turns: int = 0  # in its job

    def order(self, players: int) -> tuple[int, int, int]:
        """Who comes first: the one that is behind; in each round another one begins."""
        return self.jobs, self.turns, (self.place - self.turns) % players


def in_turns(
    entries: Sequence[Entry], environment: Environment, around: Surroundings
) -> list[Ended]:
    """Give each batch to a child of its own; their jobs run side by side, slice by slice.

    A child that ends early leaves its turns to the others.

    Raises: Stop if the user asked to stop; DeviceError if one cannot be started, or if the device
    no longer computes.
    """
    with ExitStack() as stack:
        players = []
        for place, entry in enumerate(entries):
            child = begin(entry.batch, entry.starter, environment, around, entry.finish)
            stack.enter_context(child.watch.attending(child.handle))
            players.append(Player(child, place))
        _play(players, around.stop)
    return [conclude(player.child, around) for player in players]


def _play(players: Sequence[Player], stop: Interruption) -> None:
    """Turn by turn, until every child is gone."""
    waiting = [one for one in players if one.child.watch.follow(one.child.handle, stop)]
    while waiting:
        player = min(waiting, key=lambda one: one.order(len(players)))
        watch = player.child.watch
        watch.wake(player.child.handle)
        if not watch.follow(player.child.handle, stop):
            player.child.handle.kill(0.0)  # what it left behind would run in the others' turns
            waiting.remove(player)
        player.turns = player.turns + 1 if watch.done == player.jobs else 0
        player.jobs = watch.done
