"""Energy of the CPU packages, as Linux tells it under /sys/class/powercap. Torch-free.

Intel's and AMD's packages both appear as `intel-rapl:N`. A package's sub-zones (`intel-rapl:0:0`:
cores, memory) are part of it, `psys` holds the packages, and `intel-rapl-mmio:N` is another way
to read the same package: only each package's own zone is counted, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sabench.errors import DeviceError
from sabench.measure.load import ForeignLoad, MachineUsage, machine_usage

ROOT = Path("/sys/class/powercap")
MICRO = 1e-6
OTHERS_CORES = 0.1  # foreign work above this share of a core is told; ticks are no finer: a guess


@dataclass(slots=True)
class Zone:
    """One package's counter. It starts again at zero behind `range_uj`."""

    name: str  # "package-0"
    folder: Path
    range_uj: int
    last_uj: int
    total_uj: int = 0  # since it was opened

    def advance(self) -> int:
        """Microjoules since the counter was opened, wraps added.

        Raises: DeviceError if it cannot be read any more.
        """
        now = _number(self.folder / "energy_uj")
        step = now - self.last_uj
        self.total_uj += step if step >= 0 else step + self.range_uj
        self.last_uj = now
        return self.total_uj


@dataclass(slots=True)
class PackageEnergy:
    """The machine's packages together: an `EnergyCounter` of the CPU."""

    zones: tuple[Zone, ...]
    usage: Callable[[], MachineUsage | None] = machine_usage
    source: str = "powercap package energy"
    _before: MachineUsage | None = field(default=None)

    def joules(self) -> float:
        """Joules since it was opened.

        Raises: DeviceError if a zone cannot be read any more.
        """
        return sum(zone.advance() for zone in self.zones) * MICRO

    def power_w(self) -> float | None:
        """None: packages tell no power, there is nothing to hold the counter against."""
        return None

    def temperature_c(self) -> float | None:
        """None: powercap has no temperature."""
        return None

    def watch(self) -> None:
        """Begin to count what else runs on the packages."""
        self._before = self.usage()

    def others(self) -> str:
        """What else ran on them since then, in words; empty if nothing did."""
        load = ForeignLoad.between(self._before, self.usage())
        is_alone = load.foreign <= OTHERS_CORES
        return "" if is_alone else f"other work used {load.foreign:.2f} of the machine's cores"

    def facts(self) -> dict[str, str]:
        """Which zones are summed."""
        return {"zones": ", ".join(zone.name for zone in self.zones)}


def open_packages(root: Path | None = None) -> PackageEnergy:
    """Every package's counter.

    Raises: DeviceError with the reason why there is none to read.
    """
    root = root or ROOT
    if not root.is_dir():
        raise DeviceError(f"this system has no {root}: no CPU energy counter (a virtual machine?)")
    zones: dict[str, Zone] = {}
    for folder in sorted(root.glob("*rapl*:*"), key=lambda path: ("mmio" in path.name, path.name)):
        name = _text(folder / "name")
        if name.startswith("package") and name not in zones:
            zones[name] = _zone(name, folder)
    if not zones:
        raise DeviceError(f"{root} lists no CPU package: no CPU energy counter")
    return PackageEnergy(tuple(zones.values()))


def _zone(name: str, folder: Path) -> Zone:
    span = _number(folder / "max_energy_range_uj")
    return Zone(name, folder, span, _number(folder / "energy_uj"))


def _number(path: Path) -> int:
    text = _text(path)
    try:
        return int(text)
    except ValueError as error:
        raise DeviceError(f"{path} holds {text[:40]!r}, not a number") from error


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except PermissionError as error:
        raise DeviceError(f"{path} needs root: sudo chmod a+r {path}, or run as root") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path} cannot be read: {error}") from error
