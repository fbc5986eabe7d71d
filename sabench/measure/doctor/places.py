"""Memory and folders: room, and whether they can be written to. Torch-free."""

import getpass
import os
import shutil
import tempfile
import time
from pathlib import Path

from sabench.measure.cgroup import LIMIT, cgroup_folders
from sabench.measure.doctor.finding import Finding, Part
from sabench.measure.doctor.host import Host
from sabench.measure.system_files import first_text, text
from sabench.stats import quantile
from sabench.units import show_bytes, show_time

GIB = 1024**3
MEMORY_RED, MEMORY_YELLOW = 1 * GIB, 4 * GIB  # a child with torch takes half a GiB before its case
SPACE_RED, SPACE_YELLOW = GIB // 4, 2 * GIB
FSYNC_RED_S, FSYNC_YELLOW_S = 0.1, 0.02
FSYNCS = 5

MEMORY = Part("memory", "A child killed for want of memory leaves no figure.")
RUNS = Part("run folder", "Every record is on the disk before the next case starts.")
STATE = Part(
    "state folder", "What devices have taught us lies here: without it no time is predicted."
)
CACHE = Part("compiler cache", "Compiled kernels are written here and loaded as programs.")


def examine_places(host: Host) -> list[Finding]:
    """All checks of this file."""
    return [memory(host), run_folder(host), state_folder(host), compiler_cache(host)]


def memory(host: Host) -> Finding:
    """What is free, in the machine and in our cgroup."""
    told = dict(
        line.split(":", 1)
        for line in (text(host.proc / "meminfo") or "").splitlines()
        if ":" in line
    )
    if "MemAvailable" not in told:
        return MEMORY.absent("not told: no /proc/meminfo")
    free = 1024 * int(told["MemAvailable"].split()[0])
    mend = "ps -eo pid,rss,comm --sort=-rss | head -4  # and end the largest"
    value = f"{show_bytes(free)} free"
    if (room := _room_in_cgroup(host)) and room[0] < free:
        free, file = room
        value, mend = f"{show_bytes(free)} free in the container", f"echo max | sudo tee {file}"
    if free < MEMORY_RED:
        return MEMORY.red(value, mend)
    return MEMORY.yellow(value, mend) if free < MEMORY_YELLOW else MEMORY.green(value)


def _room_in_cgroup(host: Host) -> tuple[int, Path] | None:
    found: list[tuple[int, Path]] = []
    for folder in cgroup_folders("memory", host.proc, host.cgroup):
        limit = first_text([folder], *LIMIT)
        used = first_text([folder], "memory.current", "memory.usage_in_bytes")
        if limit and used and limit[1].isdigit() and used[1].isdigit():
            found.append((max(0, int(limit[1]) - int(used[1])), limit[0]))
    return min(found, default=None)


def run_folder(host: Host) -> Finding:
    """Where runs/ is, or would be made."""
    folder = _existing(host.runs)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            seconds = [fsync_s(file.fileno()) for _ in range(FSYNCS)]
    except OSError as error:
        mend = "sabench profile --out FOLDER  # one that can be written to"
        return RUNS.red(f"{folder}: {error.strerror or error}", mend)
    slow, free = quantile(seconds, 0.5), free_bytes(folder)
    value = f"{folder}: fsync {show_time(slow)}, {show_bytes(free)} free"
    mend = "sabench profile --out FOLDER  # on another disk"
    if slow > FSYNC_RED_S or free < SPACE_RED:
        return RUNS.red(value, mend)
    good = slow <= FSYNC_YELLOW_S and free >= SPACE_YELLOW
    return RUNS.green(value) if good else RUNS.yellow(value, mend)


def state_folder(host: Host) -> Finding:
    """Where what is known about devices is kept."""
    mend = "export SABENCH_STATE=FOLDER  # one that can be written to"
    if host.state is None:
        return STATE.yellow("there is no home folder", mend)
    folder = _existing(host.state)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return STATE.green(str(host.state))
    except OSError as error:
        return STATE.yellow(f"{folder}: {error.strerror or error}", mend)


def compiler_cache(host: Host) -> Finding:
    """torch's inductor cache: room, and leave to run what lies there."""
    named = host.variables.get("TORCHINDUCTOR_CACHE_DIR")
    folder = Path(named) if named else host.temporary / f"torchinductor_{_user()}"
    there = _existing(folder)
    mend = "export TORCHINDUCTOR_CACHE_DIR=FOLDER  # one with room, not mounted noexec"
    try:
        with tempfile.TemporaryFile(dir=there):
            free = free_bytes(there)
            noexec = _is_noexec(there)
    except OSError as error:
        return CACHE.red(f"{there}: {error.strerror or error}", mend)
    value = f"{folder}: {show_bytes(free)} free"
    if noexec:
        return CACHE.red(f"{folder}: mounted noexec", mend)
    if free < SPACE_RED:
        return CACHE.red(value, mend)
    return CACHE.yellow(value, mend) if free < SPACE_YELLOW else CACHE.green(value)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: nothing is made here."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def fsync_s(descriptor: int) -> float:
    """Seconds until a record's bytes are on the disk."""
    os.write(descriptor, b"x" * 800)  # a record without its samples
    start = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - start


def free_bytes(folder: Path) -> int:
    """Room for this user on the folder's disk."""
    return shutil.disk_usage(folder).free


def _is_noexec(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):
        return False
    return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, and no variable that names one
        return str(os.getuid())
