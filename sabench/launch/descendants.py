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


def marked(mark: str) -> list[int]:
    """The living processes that carry a mark; empty where there is no /proc."""
    found = []
    for environ in PROC.glob("[0-9]*/environ"):
        with suppress(OSError):  # gone, or somebody else's
            if mark.encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found


def end_all(group: int, mark: str, patience_s: float) -> list[int]:
    """SIGKILL to what is left of a child; the ids that are still there when patience ends."""
    until = time.monotonic() + patience_s
    while True:
        strayed = marked(mark)
        for pid in strayed:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        left = sorted({*group_members(group), *strayed})
        if not left or time.monotonic() >= until:
            return left
        time.sleep(0.02)  # nothing is measured meanwhile
