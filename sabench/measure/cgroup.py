"""What our own cgroup and those around it allow, and what they have counted. Torch-free."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from sabench.measure.system_files import first_text, text

PROC = Path("/proc")
MOUNT = Path("/sys/fs/cgroup")

QUOTA = ("cpu.max", "cpu.cfs_quota_us")  # of cgroup 2, and of 1
CPU_STAT = "cpu.stat"
LIMIT = ("memory.max", "memory.limit_in_bytes")
PERIOD_US = "100000"  # the kernel's own

Controller = Literal["cpu", "memory"]


class Bound(NamedTuple):
    """The tightest of what is allowed along the way, in cores or bytes, and the file it is in."""

    value: float
    file: Path


def cgroup_folders(
    controller: Controller, proc: Path | None = None, mount: Path | None = None
) -> list[Path]:
    """This process's own cgroup of a controller and those around it, from the inside out.

    Of cgroup 2 and of 1. A container may be told a path that is mounted elsewhere: the mount
    itself comes last.
    """
    mount = mount or MOUNT
    found: list[Path] = []
    for line in (text((proc or PROC) / "self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        below = mount / (controller if controllers else "") / path.lstrip("/")
        found += [folder for folder in (below, *below.parents) if folder.is_relative_to(mount)]
    return list(dict.fromkeys([*found, mount / controller, mount]))


def cpu_quota(folders: Iterable[Path]) -> Bound | None:
    """How many cores may be used; None without a quota."""
    found: list[Bound] = []
    for folder in folders:
        if read := first_text([folder], *QUOTA):
            quota, period = [*read[1].split(), text(folder / "cpu.cfs_period_us") or PERIOD_US][:2]
            if quota.isdigit() and period.isdigit():
                found.append(Bound(int(quota) / int(period), read[0]))
    return min(found, default=None)


def memory_limit(folders: Iterable[Path]) -> Bound | None:
    """How many bytes may be used; None without a limit."""
    told = [read for folder in folders if (read := first_text([folder], *LIMIT))]
    return min((Bound(int(size), file) for file, size in told if size.isdigit()), default=None)


def throttled_periods(folders: Iterable[Path]) -> int | None:
    """Periods in which a quota stopped us; None where no file counts them.

    Each cgroup counts its own quota alone, and one around ours stops us too: their sum.
    """
    told = [read[1] for folder in folders if (read := first_text([folder], CPU_STAT))]
    return sum(_count(stat, "nr_throttled") or 0 for stat in told) if told else None


def memory_kills(folders: Iterable[Path]) -> int:
    """How many processes of our cgroup were killed for want of memory, whosever limit it was.

    It is counted in the cgroup of the process that was killed: the innermost that counts is asked.
    """
    for folder in folders:
        for name in ("memory.events", "memory.oom_control"):
            kills = _count(text(folder / name) or "", "oom_kill")
            if kills is not None:
                return kills
    return 0


def _count(told: str, key: str) -> int | None:
    """The number behind a key, of lines of both; None if it has no line."""
    for line in told.splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdigit():
            return int(value)
    return None
