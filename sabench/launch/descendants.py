"""All that a child has started, wherever it went: told by its group and by a mark it inherits.

A process that leaves the group (setsid) keeps the mark, for /proc shows the environment that a
process began with. One that both leaves and starts a program with an environment of its own
making is not found.
"""

import os
import secrets
import signal
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "SABENCH_CHILD"
PROC = Path("/proc")
KERNEL_THREAD = 0x00200000  # PF_KTHREAD among the flags in a process's stat
STARTING_S = 0.2  # a guess: so long a process without an environment may be starting a program


def new_mark() -> str:
    """A word that no other process has in its environment."""
    return secrets.token_hex(16)


def marking(mark: str) -> dict[str, str]:
    """The variable that marks a child; the marks of a sweep that it is itself a part of stay."""
    return {VARIABLE: ":".join(filter(None, (os.environ.get(VARIABLE), mark)))}


def group_members(group: int) -> list[int]:
    """The living processes of a group, zombies not counted; empty where there is no /proc."""
    members = []
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            told = stat.read_text(errors="replace")  # a process may call itself anything
            state, _, process_group = told.rpartition(")")[2].split()[:3]
            if int(process_group) == group and state not in "ZX":
                members.append(int(stat.parent.name))
    return members


def marked(mark: str) -> tuple[list[int], list[int]]:
    """The living processes that carry a mark, and those that do not tell yet.

    While a process starts a program, /proc shows no environment of it for a moment. Both empty
    where there is no /proc.
    """
    found, untold = [], []
    for environ in PROC.glob("[0-9]*/environ"):
        with suppress(OSError):  # gone, or somebody else's
            told, pid = environ.read_bytes(), int(environ.parent.name)
            if mark.encode() in told:
                found.append(pid)
            elif not told and _is_a_young_process(environ.with_name("stat")):
                untold.append(pid)
    return found, untold


def _is_a_young_process(stat: Path) -> bool:
    """Whether it lives, is no thread of the kernel and began after this process."""
    told = stat.read_text(errors="replace").rpartition(")")[2].split()
    own = (PROC / "self" / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return (
        told[0] not in "ZX" and not int(told[6]) & KERNEL_THREAD and int(told[19]) >= int(own[19])
    )


def end_all(group: int, mark: str, patience_s: float) -> list[int]:
    """SIGKILL to what is left of a child; the ids that are still there when patience ends."""
    start = time.monotonic()
    until, may_start_until = start + patience_s, start + min(STARTING_S, patience_s)
    while True:
        strayed, untold = marked(mark)
        for pid in strayed:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        left = sorted({*group_members(group), *strayed})
        now = time.monotonic()
        if now >= until or not (left or (untold and now < may_start_until)):
            return left
        time.sleep(0.02)  # nothing is measured meanwhile
