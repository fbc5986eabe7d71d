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
