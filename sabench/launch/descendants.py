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


def began(pid: int) -> int:
    """When a process began, in ticks since boot; 0 where nothing tells."""
    try:
        return _stat(PROC / str(pid) / "stat")[2]
    except OSError:
        return 0


def marked(mark: str, since: int) -> tuple[list[int], list[int]]:
    """The living processes that carry a mark, and those begun since that do not tell yet.

    While a process starts a program, /proc shows no environment of it for a moment. Both empty
    where there is no /proc.
    """
    found, untold = [], []
    for environ in PROC.glob("[0-9]*/environ"):
        with suppress(OSError):  # gone, or somebody else's
            told, pid = environ.read_bytes(), int(environ.parent.name)
            if mark.encode() in told:
                found.append(pid)
            elif not told and _is_a_process_since(since, environ.with_name("stat")):
                untold.append(pid)
    return found, untold


def _is_a_process_since(since: int, stat: Path) -> bool:
    """Whether it lives, is no thread of the kernel and did not begin earlier."""
    state, flags, start = _stat(stat)
    return state not in "ZX" and not flags & KERNEL_THREAD and start >= since


def _stat(path: Path) -> tuple[str, int, int]:
    """State, flags and time of start: fields 3, 9 and 22 of proc(5)."""
    fields = path.read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[6]), int(fields[19])


def end_all(group: int, mark: str, patience_s: float, since: int = 0) -> list[int]:
    """SIGKILL to what is left of a child; the ids that are still there when patience ends.

    `since`: when the child began: nothing older is its own.
    """
    start = time.monotonic()
    until, may_start_until = start + patience_s, start + min(STARTING_S, patience_s)
    while True:
        strayed, untold = marked(mark, since)
        for pid in strayed:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        left = sorted({*group_members(group), *strayed})
        now = time.monotonic()
        if now >= until or not (left or (untold and now < may_start_until)):
            return left
        time.sleep(0.02)  # nothing is measured meanwhile
