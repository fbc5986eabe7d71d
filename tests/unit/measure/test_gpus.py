"""Which CUDA devices there are, and how CUDA numbers them: on a fake NVML."""

from pathlib import Path

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, GPU_IS_LOST, NO_PERMISSION, NOT_SUPPORTED, FakeNvml
from sabench.errors import ConfigError, DeviceError
from sabench.measure import gpus
from sabench.measure.gpus import find_gpu, resolve_devices, visible_gpus

THREE = {"gpus": 3, "0.uuid": "GPU-a00", "1.uuid": "GPU-b01", "2.uuid": "GPU-c02"}
DIVIDED = THREE | {
    "1.mig": 1,
    "1.instances": 2,
    "1.mig0.uuid": "MIG-d10",
    "1.mig1.uuid": "MIG-d11",
    "1.mig1.name": "NVIDIA H200 MIG 2g.35gb",
}


@pytest.fixture(autouse=True)
def torch_with_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A torch that has CUDA, on a machine where nothing but NVML tells of devices."""
    monkeypatch.setattr(gpus, "torch_has_cuda", lambda: True)
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "gpus")
    monkeypatch.setattr(gpus, "NODES", tmp_path / "dev")


def test_names_resolve_to_what_torch_calls_them(nvml: FakeNvml) -> None:
    nvml.script(**THREE)
    assert resolve_devices("auto") == ["cuda:0"]
    assert resolve_devices("cuda") == ["cuda:0"]
    assert resolve_devices("cuda:2, cuda:0,cuda:2") == ["cuda:2", "cuda:0"]
    assert resolve_devices("cpu,cuda") == ["cpu", "cuda:0"]
    assert resolve_devices("all") == ["cuda:0", "cuda:1", "cuda:2"]


def test_an_absent_device_is_one_line_with_what_there_is(nvml: FakeNvml) -> None:
    nvml.script(**THREE)
    with pytest.raises(DeviceError, match=r"^device cuda:7 is not there: .*cuda:2 \(NVIDIA H200\)"):
        resolve_devices("cuda:7")


def test_a_torch_without_cuda_is_named(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "torch_has_cuda", lambda: False)
    monkeypatch.setattr(gpus, "torch_build", lambda: {"version": "2.13.0+cpu"})
    assert resolve_devices("auto") == resolve_devices("all") == ["cpu"]
    with pytest.raises(DeviceError, match=r"torch 2\.13\.0\+cpu is built without CUDA; use"):
        resolve_devices("cuda")


@pytest.mark.parametrize("word", ["gpu", "cuda:x", "cuda:-1", "", ",", "cuda:", "all,cpu"])
def test_a_word_that_names_no_device_is_a_usage_error(nvml: FakeNvml, word: str) -> None:
    with pytest.raises(ConfigError):
        resolve_devices(word)


def uuids(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str) -> list[str]:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = visible_gpus()
    assert [gpu.index for gpu in found] == list(range(len(found)))
    return [gpu.uuid for gpu in found]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("2,0", ["GPU-c02", "GPU-a00"]),
        ("GPU-b", ["GPU-b01"]),
        ("1,9,0", ["GPU-b01"]),
        ("", []),
        ("-1", []),
        ("GPU-", []),
        ("MIG-d10", []),
        ("MIG-", []),
    ],
)
def test_visible_devices_are_numbered_as_cuda_numbers_them(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    nvml.script(**THREE)
    assert uuids(nvml, monkeypatch, visible) == expected


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("MIG-d11", ["MIG-d11"]),
        ("MIG-d", []),  # two instances begin so
        ("MIG-d10,MIG-d11", ["MIG-d10"]),  # CUDA gives a process one instance
        ("1", ["MIG-d10"]),
        ("GPU-b", ["MIG-d10"]),
        ("MIG-d11,0", ["MIG-d11", "GPU-a00"]),
        ("MIG-x", []),
    ],
)
def test_instances_are_found_by_name_and_stand_for_their_board(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    nvml.script(**DIVIDED)
    assert uuids(nvml, monkeypatch, visible) == expected


def test_an_instance_has_the_name_of_its_profile(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(**DIVIDED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-d11")
    assert find_gpu("cuda:0").name == "NVIDIA H200 MIG 2g.35gb"
    with pytest.raises(DeviceError, match="under CUDA_VISIBLE_DEVICES=MIG-d11"):
        find_gpu("cuda:1")


def test_without_a_choice_a_divided_board_is_its_first_instance(nvml: FakeNvml) -> None:
    nvml.script(**DIVIDED)
    assert [gpu.uuid for gpu in visible_gpus()] == ["GPU-a00", "MIG-d10", "GPU-c02"]
    nvml.change(**{"1.instances": 0})
    assert [gpu.uuid for gpu in visible_gpus()] == ["GPU-a00", "GPU-c02"]


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, NO_PERMISSION])
def test_without_nvml_the_driver_names_the_devices(
    nvml: FakeNvml, tmp_path: Path, code: int
) -> None:
    nvml.script(**{"error.nvmlInit": code})
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (tmp_path / "gpus" / "0000:01:00.0" / "information").write_text(
        "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-feed\n"
    )
    assert resolve_devices("auto") == ["cuda:0"]
    assert (find_gpu("cuda:0").name, find_gpu("cuda:0").uuid) == ("NVIDIA H200", "GPU-feed")


def test_a_lost_device_leaves_the_numbers_to_the_driver(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.script(**THREE, **{"1.error.device": GPU_IS_LOST})
    for number in range(3):
        (tmp_path / "gpus" / f"0000:0{number}:00.0").mkdir(parents=True)
        information = tmp_path / "gpus" / f"0000:0{number}:00.0" / "information"
        information.write_text(f"GPU UUID: GPU-{number}\n")
    assert find_gpu("cuda:2").uuid == "GPU-2"


def test_where_nothing_tells_of_devices_their_files_count_them(
    nvml: FakeNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.missing()
    assert resolve_devices("auto") == ["cpu"]
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / name).touch()
    assert resolve_devices("all") == ["cuda:0", "cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-d10")
    assert find_gpu("cuda:0").uuid == "MIG-d10"


def test_a_name_that_is_refused_hides_no_device(nvml: FakeNvml) -> None:
    nvml.script(**{"error.nvmlDeviceGetName": NOT_SUPPORTED})
    assert find_gpu("cuda:0").name == "CUDA device"
