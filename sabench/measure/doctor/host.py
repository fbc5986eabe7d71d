"""Where the machine is read: folders and variables, which a test replaces by its own."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sabench.known import state_folder
from sabench.measure.gpus import DRIVER


def _runs() -> Path:
    return Path("runs").absolute()


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError:  # it tries to write into each that may be one
        return Path(os.environ.get("TMPDIR") or "/tmp")


@dataclass(frozen=True, slots=True)
class Host:
    """Roots of what is read. `cores` are those that a measuring child would be pinned to."""

    cpu: Path = Path("/sys/devices/system/cpu")
    clocksource: Path = Path("/sys/devices/system/clocksource/clocksource0")
    proc: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")
    powercap: Path = Path("/sys/class/powercap")
    driver: Path = DRIVER
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    runs: Path = field(default_factory=_runs)
    state: Path | None = field(default_factory=lambda: state_folder(os.environ))
    temporary: Path = field(default_factory=_temporary)
    allowed: tuple[int, ...] = ()
    cores: tuple[int, ...] = ()


def first_text(folders: list[Path], *names: str) -> tuple[Path, str] | None:
    """The first of the files that can be read, and its content; None if none can."""
    for folder in folders:
        for name in names:
            try:
                return folder / name, (folder / name).read_text().strip()
            except OSError:
                continue
    return None


def text(path: Path) -> str | None:
    """A small file's content; None where it is not to be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def cgroup_folders(host: Host) -> list[Path]:
    """Our own cgroup from the inside out, under cgroup 2 and under 1, then the mount itself."""
    found: list[Path] = []
    for line in (text(host.proc / "self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for controller in controllers.split(",") if controllers else [""]:
            below = host.cgroup / controller / path.lstrip("/")
            found += [below, *below.parents]
    found = [folder for folder in found if folder.is_relative_to(host.cgroup)]
    found += [host.cgroup, host.cgroup / "cpu", host.cgroup / "memory"]
    return list(dict.fromkeys(found))
