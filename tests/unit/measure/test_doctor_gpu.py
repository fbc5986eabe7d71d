"""The doctor on a device: a scripted NVML behind nvidia-ml-py, one fault at a time."""

from pathlib import Path

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, NO_PERMISSION, NOT_SUPPORTED, FakeNvml
from sabench.measure.doctor.finding import Finding, Light
from sabench.measure.doctor.gpu import driver_version, examine_gpu
from sabench.measure.doctor.host import Host
from sabench.measure.doctor.package_energy import package_energy
from sabench.measure.gpus import Gpu

GPU = Gpu(0, "GPU-00000", "NVIDIA H200")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter is polled for a tenth of the time: a healthy fake steps every 20 ms."""
    monkeypatch.setattr("sabench.measure.doctor.gpu.POLL_S", 0.1)


def found(nvml: FakeNvml, **script: object) -> dict[str, Finding]:
    nvml.script(**{"utilisation": 0, "energy_period_ms": 20, "memory_used": 0} | script)
    return {one.name.removeprefix("cuda:0 "): one for one in examine_gpu(GPU)}


def test_a_healthy_idle_device_is_green_throughout(nvml: FakeNvml) -> None:
    lights = {name: one.light for name, one in found(nvml).items()}
    assert set(lights.values()) == {Light.GREEN}, lights


@pytest.mark.parametrize(
    ("name", "script", "mend"),
    [
        ("clocks", {"events": 0x40}, "nvidia-smi -q -d PERFORMANCE,TEMPERATURE"),
        ("clocks", {"events": 0x08}, "nvidia-smi -q -d PERFORMANCE,TEMPERATURE"),
        ("clocks", {"temperature_c": 88, "slowdown_c": 90}, "nvidia-smi -q"),
        ("compute mode", {"compute_mode": 2}, "sudo nvidia-smi -i 0 -c DEFAULT"),
        ("others on it", {"utilisation": 37, "compute": "7:1048576"}, "ps -o pid,user"),
        ("energy counter", {"energy": "frozen"}, "sudo modprobe -r nvidia_uvm nvidia"),
        ("NVML", {"error.nvmlDeviceGetClockInfo": NO_PERMISSION}, "docker run --gpus all"),
    ],
)
def test_a_planted_fault_turns_its_line_red_and_no_other(
    nvml: FakeNvml, name: str, script: dict[str, object], mend: str
) -> None:
    lines = found(nvml, **script)
    assert [one for one in lines if lines[one].light is Light.RED] == [name]
    assert lines[name].mend.startswith(mend)


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("clocks", {"events": 0x04}),
        ("persistence", {"persistence": 0}),
        ("ECC", {"ecc": 0}),
        ("others on it", {"compute": "7:1048576"}),
        ("others on it", {"memory_used": 5 * 2**30}),
    ],
)
def test_what_only_costs_something_is_yellow(
    nvml: FakeNvml, name: str, script: dict[str, object]
) -> None:
    lines = found(nvml, **script)
    assert [one for one in lines if lines[one].light is not Light.GREEN] == [name]
    assert lines[name].light is Light.YELLOW


def test_a_divided_board_is_yellow_and_so_is_what_nvml_does_not_tell_of_it(nvml: FakeNvml) -> None:
    lines = found(nvml, mig=1)
    assert {one for one in lines if lines[one].light is Light.YELLOW} == {"NVML", "MIG"}


def test_a_device_without_a_counter_has_no_energy_line(nvml: FakeNvml) -> None:
    refused = {"error.nvmlDeviceGetTotalEnergyConsumption": NOT_SUPPORTED}
    line = found(nvml, **refused)["energy counter"]
    assert (line.light, line.value) == (
        Light.NOT_APPLICABLE,
        "no energy figures: Not Supported",
    )


def test_an_nvml_that_does_not_answer_is_one_red_line(nvml: FakeNvml) -> None:
    lines = found(nvml, **{"error.nvmlInit": DRIVER_NOT_LOADED})
    assert [(one.name, one.light) for one in lines.values()] == [("cuda:0 NVML", Light.RED)]
    assert "Driver Not Loaded" in lines["NVML"].value


def test_the_driver_is_told_only_where_there_is_a_device(nvml: FakeNvml) -> None:
    nvml.script(driver="580.65.06")
    assert driver_version() == "580.65.06"
    nvml.script(gpus=0)
    assert driver_version() is None
    nvml.missing()
    assert driver_version() is None


def test_package_energy_that_only_root_reads_is_yellow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "1000"), ("energy_uj", "5")):
        (zone / name).write_text(text)
    host = Host(powercap=tmp_path, state=None)
    assert (package_energy(host).light, package_energy(host).value) == (Light.GREEN, "package-0")

    read_text = Path.read_text

    def refuse(path: Path) -> str:  # root reads what it may not
        if path.name == "energy_uj":
            raise PermissionError
        return read_text(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    line = package_energy(host)
    assert line.light is Light.YELLOW
    assert line.mend == f"sudo chmod a+r {tmp_path}/*/energy_uj"


def test_a_machine_without_package_energy_has_no_such_line(tmp_path: Path) -> None:
    assert package_energy(Host(powercap=tmp_path / "none")).light is Light.NOT_APPLICABLE
