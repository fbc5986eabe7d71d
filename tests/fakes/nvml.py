"""A fake NVML for tests: a C library behind the real nvidia-ml-py, scripted by a text file.

    def test_a_throttle_is_seen(nvml: FakeNvml) -> None:
        nvml.script(events=0x40, power_mw=120_000)        # every line anew: what is not named is
        assert ...                                        # a healthy H200's
        nvml.change(**{"1.events": 0, "error.device": 15})  # midway: added to the script
        subprocess.run(..., env=os.environ | nvml.environ)  # a child sees the same device
        nvml.without("nvmlDeviceGetTotalEnergyConsumption") # an older library lacks the symbol

Keys (of every device; `1.power_mw` of device 1 only, `0.mig1.uuid` of an instance):

gpus (1), uuid ("GPU-0000" and its index), name, driver, instances (0) and mig (0) of a board
sm_clock_mhz, sm_clock_max_mhz, memory_clock_mhz, memory_clock_max_mhz, application_clock_mhz,
default_clock_mhz, power_mw, power_instant_mw, power_limit_mw, temperature_c, slowdown_c, events
(bits), persistence, compute_mode, ecc, utilisation (percent), memory_utilisation, memory_total,
memory_used (bytes)
compute, graphics: "123:1048576 self:2097152 456:na", pid:bytes; self is the asking process
use: "123:37", pid:percent of the SMs, one fresh sample on each call; use_time: its time in
microseconds, so that a time that stays is a sample seen before
energy: normal (power_mw integrated, moving every energy_period_ms), frozen (at energy_mj), zero,
step and backwards (energy_step_mj up or down with each read of the process)
error.FUNCTION, error.device (every call about a device): a code of ERRORS, as in
error.nvmlInit, error.nvmlDeviceGetPowerUsage, 1.error.device. No _v2, no WithFlags in the name.
"""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pynvml
import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
SONAME = "libnvidia-ml.so.1"

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED, GPU_IS_LOST = 3, 4, 9, 15
ERRORS = {
    NOT_SUPPORTED: "Not Supported",
    NO_PERMISSION: "Insufficient Permissions",
    DRIVER_NOT_LOADED: "Driver Not Loaded",
    GPU_IS_LOST: "GPU is lost",
}


class Library:
    """The built library, and variants of it that lack symbols. One per test session."""

    def __init__(self, folder: Path, compiler: str) -> None:
        self._folder, self._compiler = folder, compiler

    def folder(self, lacking: tuple[str, ...] = ()) -> Path:
        """Where a variant lies, under the name that nvidia-ml-py loads."""
        place = self._folder / ("-".join(lacking) or "whole")
        if not place.is_dir():
            place.mkdir()
            hidden = "".join(f"local: {name};" for name in lacking)
            exports = place / "exports.map"
            exports.write_text(
                f"{{ global: nvml*; {hidden} }};" if hidden else "{ global: nvml*; };"
            )
            how = ("-std=gnu11", "-O1", "-shared", "-fPIC")
            linked = (f"-Wl,-soname,{SONAME}", f"-Wl,--version-script={exports}")
            target = str(place / SONAME)
            subprocess.run([self._compiler, *how, *linked, "-o", target, str(SOURCE)], check=True)
        return place


class FakeNvml:
    """The library in NVML's place, in this process and in children that get `environ`."""

    def __init__(self, library: Library, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._library, self._script, self._monkeypatch = library, script, monkeypatch
        self._values: dict[str, object] = {}
        self.script()
        monkeypatch.setenv("FAKE_NVML", str(script))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        self.without()

    @property
    def environ(self) -> dict[str, str]:
        """What a child process needs to find the library and its script."""
        return {"LD_LIBRARY_PATH": str(self._folder), "FAKE_NVML": str(self._script)}

    def script(self, **values: object) -> None:
        """A healthy device, but for these."""
        self._values = {}
        self.change(**values)

    def change(self, **values: object) -> None:
        """These from now on, the rest as it was. In one step: other threads and children read."""
        self._values |= values
        fresh = self._script.with_suffix(".new")
        fresh.write_text("".join(f"{key} {value}\n" for key, value in self._values.items()))
        os.replace(fresh, self._script)

    def without(self, *symbols: str) -> None:
        """Load the library, or an older one that lacks these symbols."""
        self._folder = self._library.folder(symbols)
        self._load(ctypes.CDLL(str(self._folder / SONAME)))

    def missing(self) -> None:
        """No library at all, as on a machine without a driver."""

        def search(name: str) -> None:
            raise OSError(f"{name}: cannot open shared object file")

        self._folder = self._script.parent
        self._monkeypatch.setattr(pynvml, "CDLL", search)
        self._load(None)

    def _load(self, library: Any) -> None:
        """Put it where nvidia-ml-py keeps what it has loaded; None: it searches."""
        self._monkeypatch.setattr(pynvml, "nvmlLib", library)
        self._monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The fake library, built once."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the fake NVML is built with gcc, and there is none")
    return Library(tmp_path_factory.mktemp("nvml"), compiler)


@pytest.fixture
def nvml(nvml_library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """A scripted NVML in this process, one healthy H200 on it until told otherwise."""
    return FakeNvml(nvml_library, tmp_path / "nvml.txt", monkeypatch)
