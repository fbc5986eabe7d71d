"""Package energy from a folder of real files laid out as Linux does."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sabench.errors import DeviceError
from sabench.measure.load import MachineUsage
from sabench.measure.powercap import PackageEnergy, open_packages

RANGE_UJ = 262_143_328_850  # a real package's


def zone(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return path


def spend(path: Path, joules: float) -> None:
    """Let a zone's counter move on, starting again behind its range as the kernel's does."""
    span = int((path / "max_energy_range_uj").read_text())
    now = int((path / "energy_uj").read_text()) + round(joules * 1e6)
    (path / "energy_uj").write_text(f"{now % span}\n")


def test_joules_are_those_of_the_packages_and_of_nothing_counted_twice(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl" / "enabled").parent.mkdir()  # the control type's own folder
    zones = [
        (zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000), 7.0),
        (zone(tmp_path, "intel-rapl:1", "package-1", 11), 3.5),
        (zone(tmp_path, "intel-rapl:2", "psys", 100), 100.0),
        (zone(tmp_path, "intel-rapl:0:0", "core", 100), 5.0),
        (zone(tmp_path, "intel-rapl:0:1", "dram", 100), 2.0),
        (zone(tmp_path, "intel-rapl-mmio:0", "package-0", 999), 0.0),  # switched off by firmware
    ]
    counter = open_packages(tmp_path)
    assert counter.joules() == 0.0
    for path, joules in zones:
        spend(path, joules)
    assert counter.joules() == pytest.approx(7.0 + 3.5)
    assert counter.facts() == {"zones": "package-0, package-1"}


def test_dies_of_one_package_are_all_counted(tmp_path: Path) -> None:
    zones = [zone(tmp_path, f"intel-rapl:{n}", f"package-0-die-{n}", 0) for n in (0, 1)]
    counter = open_packages(tmp_path)
    for path in zones:
        spend(path, 1.25)
    assert counter.joules() == pytest.approx(2.5)


def test_a_counter_that_starts_again_at_zero_goes_on_counting(tmp_path: Path) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 1_000_000)
    counter = open_packages(tmp_path)
    told = []
    for _ in range(3):
        spend(path, 0.75)
        told.append(counter.joules())
    assert told == pytest.approx([0.75, 1.5, 2.25])


def test_a_system_without_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no .*powercap: no CPU energy counter"):
        open_packages(tmp_path / "powercap")


def test_a_folder_without_packages_says_so(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "psys", 5)
    with pytest.raises(DeviceError, match="lists no CPU package"):
        open_packages(tmp_path)


@pytest.mark.parametrize("spoilt", ["energy_uj", "max_energy_range_uj"])
@pytest.mark.parametrize("content", ["", "many\n", None])
def test_a_file_that_is_absent_or_holds_no_number_is_named(
    tmp_path: Path, spoilt: str, content: str | None
) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0", 5) / spoilt
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DeviceError, match=f"package|{spoilt}") as caught:
        open_packages(tmp_path)
    assert str(path) in str(caught.value)


@pytest.fixture
def readable_by_all() -> Iterator[Path]:
    """A folder outside pytest's own, which only its owner may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_counter_that_only_root_may_read_names_the_remedy(readable_by_all: Path) -> None:
    path = zone(readable_by_all, "intel-rapl:0", "package-0", 5) / "energy_uj"
    path.chmod(0o400)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    else:
        path.chmod(0)
    try:
        with pytest.raises(DeviceError, match=r"energy_uj needs root: sudo chmod a\+r"):
            open_packages(readable_by_all)
    finally:
        os.seteuid(user)


def test_a_zone_that_goes_away_is_a_device_error(tmp_path: Path) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0", 5)
    counter = open_packages(tmp_path)
    (path / "energy_uj").unlink()
    with pytest.raises(DeviceError, match="energy_uj cannot be read"):
        counter.joules()


def usage(wall_s: float, busy_s: float, own_s: float) -> MachineUsage:
    return MachineUsage(wall_s=wall_s, busy_s=busy_s, steal_s=0.0, own_s=own_s, cores=64)


@pytest.mark.parametrize(
    ("busy_s", "told"), [(10.2, ""), (15.0, "other work used 0.50 of the machine's cores")]
)
def test_others_are_told_when_they_ran_since_the_watch_began(busy_s: float, told: str) -> None:
    looks = iter([usage(100, 900, 5), usage(110, 900 + busy_s, 15)])
    counter = PackageEnergy((), lambda: next(looks))
    counter.watch()
    assert counter.others() == told
