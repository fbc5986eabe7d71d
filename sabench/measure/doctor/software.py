"""Versions, libraries and variables that a measuring child starts with. Torch-free."""

import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from sabench.measure.doctor.finding import Finding, Part
from sabench.measure.environment import child_variables
from sabench.measure.versions import installed_version, torch_build

OLDEST_TORCH = (2, 9)
DRIVER_FOR_CUDA = {"13": 580, "12": 525, "11": 450}
"""Oldest driver branch by CUDA major: NVIDIA, "CUDA Compatibility", minor version compatibility."""

OTHER_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc", "hoard", "tbbmalloc")
AFFINITY = ("GOMP_CPU_AFFINITY", "KMP_AFFINITY", "OMP_PLACES", "OMP_PROC_BIND")

VERSIONS = Part("versions", "Two figures compare only under the same versions.")
CUDA = Part("CUDA and driver", "A torch newer than the driver finds no device.")
NVML = Part(
    "NVML library", "The distribution pynvml is deprecated; it shadows nvidia-ml-py's module."
)
WAITING = Part("wait policy", "Spinning threads lock onto scheduler slices: 0.65 ms became 32 ms.")
ALLOCATOR = Part("allocator", "Mapping big tensors anew on every call costs up to 3x.")


def examine_software(variables: Mapping[str, str], driver: str | None) -> list[Finding]:
    """All checks of this file; `driver` is the NVIDIA driver's version, None without a device."""
    build = torch_build()
    return [
        versions(build, platform.python_version()),
        cuda(build, driver),
        nvml_library(installed_version, is_needed=driver is not None),
        wait_policy(variables),
        allocator(variables, platform.libc_ver()[0]),
    ]


def versions(build: Mapping[str, str], python: str) -> Finding:
    """Python and torch."""
    torch = build["version"]
    value = f"Python {python}, torch {torch}"
    mend = "pip install 'torch>=2.9'"
    found = re.match(r"(\d+)\.(\d+)", torch)
    if found is None:
        return VERSIONS.red(value, mend)
    too_old = (int(found[1]), int(found[2])) < OLDEST_TORCH
    return VERSIONS.red(value, mend) if too_old else VERSIONS.green(value)


def cuda(build: Mapping[str, str], driver: str | None) -> Finding:
    """torch's CUDA against the driver."""
    if driver is None:
        return CUDA.absent("no NVIDIA device")
    version = build["cuda"]
    if not version[:1].isdigit():
        mend = (
            "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu126"
        )
        value = f"torch {build['version']} is built without CUDA, and there is a device"
        return CUDA.yellow(value, mend)
    needed = DRIVER_FOR_CUDA.get(version.partition(".")[0])
    value = f"torch's CUDA {version}, driver {driver}"
    branch = re.match(r"\d+", driver)
    if needed is None or branch is None:
        return CUDA.yellow(f"{value}: not known whether they go together")
    if int(branch[0]) < needed:
        return CUDA.red(f"{value}: needs {needed}", f"sudo apt install nvidia-driver-{needed}")
    return CUDA.green(value)


def nvml_library(version_of: Callable[[str], str], *, is_needed: bool) -> Finding:
    """nvidia-ml-py, and no pynvml beside it."""
    ours, deprecated = version_of("nvidia-ml-py"), version_of("pynvml")
    if deprecated != "none":
        mend = "pip uninstall -y pynvml && pip install --force-reinstall nvidia-ml-py"
        return NVML.red(f"pynvml {deprecated} is installed", mend)
    if ours == "none":
        mend = "pip install nvidia-ml-py"
        told = "nvidia-ml-py is not installed"
        return NVML.red(told, mend) if is_needed else NVML.yellow(told, mend)
    return NVML.green(f"nvidia-ml-py {ours}")


def wait_policy(
    inherited: Mapping[str, str],
    given: Callable[[str, int], Mapping[str, str]] = child_variables,
) -> Finding:
    """What a child's waiting threads do, and whether something binds them elsewhere."""
    variables = {**inherited, **given("cpu", 1)}
    policy = variables.get("OMP_WAIT_POLICY", "not set").lower()
    spins = variables.get("GOMP_SPINCOUNT", "not set")
    value = f"a child gets {policy}, spin count {spins}"
    if policy != "passive" or spins != "0":
        return WAITING.red(value, "export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0")
    bound = [name for name in AFFINITY if inherited.get(name)]
    if bound:
        return WAITING.yellow(f"{value}; {', '.join(bound)} set", f"unset {' '.join(bound)}")
    return WAITING.green(value)


def allocator(inherited: Mapping[str, str], libc: str) -> Finding:
    """Who gives memory in a child, and what is loaded into it beforehand."""
    loaded = re.split(r"[:\s]+", inherited.get("LD_PRELOAD", "").strip())
    names = [Path(file).name for file in loaded if file]
    other = [name for name in names if any(word in name for word in OTHER_ALLOCATORS)]
    if other:
        return ALLOCATOR.red(f"{', '.join(other)} by LD_PRELOAD", "unset LD_PRELOAD")
    tunables = inherited.get("GLIBC_TUNABLES", "")
    if "glibc.malloc" in tunables:
        return ALLOCATOR.red(f"GLIBC_TUNABLES={tunables}", "unset GLIBC_TUNABLES")
    if libc != "glibc":
        return ALLOCATOR.yellow(f"{libc or 'not glibc'}: its thresholds cannot be pinned")
    if names:
        return ALLOCATOR.yellow(f"glibc, pinned; preloaded: {', '.join(names)}", "unset LD_PRELOAD")
    return ALLOCATOR.green("glibc, thresholds pinned in a child; nothing preloaded")
