"""Where a run is made, and the variables a child starts with. Torch-free."""

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import sabench
from sabench.jsonl import spelt_out
from sabench.measure.cgroup import (
    LIMIT,
    QUOTA,
    Bound,
    Controller,
    cgroup_folders,
    cpu_quota,
    memory_limit,
)
from sabench.measure.device_facts import device_facts
from sabench.measure.processor import PROCESSOR, processor_name
from sabench.measure.system_files import first_text
from sabench.measure.versions import installed_version, torch_build
from sabench.records import Environment

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
"""glibc's defaults map and trim big tensors on every call: up to 3x in the figure."""

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""Spinning barriers lock onto scheduler slices: one busy neighbour made 0.65 ms into 32 ms."""

AS_FOUND = "as found"
"""The wait policy and allocator of a job that has no process of its own: nobody set them."""

HASHED_IF_SET = (
    "LD_PRELOAD",
    "GLIBC_TUNABLES",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "ATEN_CPU_CAPABILITY",
    "PYTORCH_ALLOC_CONF",
)
"""Variables that change figures and that a child inherits: set, they make another environment."""

TOLD_PREFIXES = ("CUDA_", "TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "OMP_", "NVIDIA_", "MKL_", "KMP_")
CPU = Path("/sys/devices/system/cpu")


def child_variables(device: str, threads: int) -> dict[str, str]:
    """What must stand in a child's environment before it starts.

    OpenMP's and the allocator's settings hold for the host side of CUDA cases too.
    """
    count = str(threads)
    variables = {
        **PASSIVE,
        **ALLOCATOR,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        "PYTHONUNBUFFERED": "1",
        "KINETO_LOG_LEVEL": "99",  # torch's profiler writes to stderr otherwise
    }
    if device != "cpu":
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # NVML's order: cuda:0 is the same to both
    return variables


def environment(device: str, argv: list[str] | None = None) -> Environment:
    """Device, settings that make two runs comparable, and facts that are only told.

    Raises: DeviceError if a CUDA device is not there.
    """
    settings = software_settings()
    facts = host_facts(["sabench", *sys.argv[1:]] if argv is None else argv)
    processor = {name: _or_why(read) for name, read in PROCESSOR.items()}
    if device == "cpu":
        return Environment(
            device_kind="cpu",
            device_name=processor_name(),
            settings=settings | processor,
            facts=facts,
        )
    found = device_facts(device)
    settings |= {f"gpu_{key}": value for key, value in found.settings().items()}
    facts |= processor | {f"gpu_{key}": value for key, value in found.told().items()}
    return Environment(
        device_kind="cuda",
        device_name=found.name,
        device_uuid=found.uuid,
        settings=settings,
        facts=facts,
    )


def as_found(environment: Environment) -> Environment:
    """The same place without a child's variables: another environment, with an id of its own."""
    changed = {"wait_policy": AS_FOUND, "allocator": AS_FOUND}
    return environment.model_copy(update={"settings": environment.settings | changed})


def is_as_found(environment: Environment) -> bool:
    """Whether its figures were taken without a child's variables."""
    return environment.settings.get("wait_policy") == AS_FOUND


def device_slug(environment: Environment) -> str:
    """The device's folder name: "amd-epyc-9654", "nvidia-h200"."""
    name = environment.device_name.lower().split("@")[0]
    name = re.sub(r"\((r|tm|c)\)|\b(cpu|processor|\d+-core)\b", " ", name)
    slug = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:60].strip("-")
    return slug or f"{environment.device_kind}-{_digest(environment.device_name)}"


def software_settings() -> dict[str, str]:
    """Versions and choices that change figures, by name."""
    torch = torch_build()
    has_cuda = torch["cuda"] != "None"  # without it nothing is ever compiled by triton
    told = {
        "sabench": sabench.__version__,
        "python": platform.python_version(),
        "torch": torch["version"],
        "torch_git": torch["git_version"],
        "torch_cuda": torch["cuda"],
        "cudnn": installed_version("nvidia-cudnn-cu13", "nvidia-cudnn-cu12"),
        "triton": installed_version("triton", "pytorch-triton") if has_cuda else "none",
        "system": platform.system(),
        "machine": platform.machine(),
        "wait_policy": "passive",
        "allocator": f"glibc, {_digest(repr(sorted(ALLOCATOR.items())))}",
        "fp32_precision": "ieee unless dtype=tf32",
        "cudnn_benchmark": "off",
        "deterministic": "off",
        "sdpa": "torch's choice",
        "cuda_allocator": os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "default"),
    }
    return _spelt_out(told | _inherited(os.environ))


def _inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that are set; of a library to load its file's name, since its folder is private."""
    found = {name: variables[name][:200] for name in HASHED_IF_SET if variables.get(name)}
    if "LD_PRELOAD" in found:
        files = re.split(r"[:\s]+", variables["LD_PRELOAD"].strip())
        found["LD_PRELOAD"] = " ".join(Path(file).name for file in files)
    return {f"env_{name}": value for name, value in found.items()}


def host_facts(argv: list[str]) -> dict[str, str]:
    """What is told of the host. A fact that cannot be read says why."""
    commit, dirty = checkout_state(Path(sabench.__file__).resolve().parent)
    told = {
        "cpu": processor_name(),
        "cores_allowed": _or_why(_cores_allowed),
        "cores_of_machine": str(os.cpu_count() or "unknown"),
        "governor": _or_why(lambda: (CPU / "cpu0/cpufreq/scaling_governor").read_text()),
        "turbo": _or_why(_turbo),
        "smt": _or_why(lambda: (CPU / "smt/active").read_text()),
        "memory_bytes": _or_why(
            lambda: str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        ),
        "kernel": platform.release(),
        "container": _container(),
        "cgroup_cpu": _or_why(lambda: _tightest("cpu", cpu_quota, QUOTA)),
        "cgroup_memory": _or_why(lambda: _tightest("memory", memory_limit, LIMIT)),
        "sabench_commit": commit,
        "sabench_dirty": dirty,
        "command": shlex.join(argv),
    }
    return _spelt_out(told | _variables(os.environ))


def _spelt_out(told: Mapping[str, str]) -> dict[str, str]:
    """As a file can hold it: a variable and a path may have bytes that are no UTF-8."""
    return {spelt_out(name): spelt_out(text) for name, text in told.items()}


def checkout_state(package: Path) -> tuple[str, str]:
    """Commit, and "true" or "false" for dirty, of the checkout a package lies in."""
    root = package.parent
    if not (root / ".git").exists():
        why = "unknown (not a git checkout)"
        return why, why
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain")
    dirty = changes if changes.startswith("unknown") else str(bool(changes)).lower()
    return commit, dirty


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    if done.returncode:
        return f"unknown ({done.stderr.strip().splitlines()[-1] if done.stderr else 'git failed'})"
    return done.stdout.strip()


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that torch, CUDA and OpenMP read; never those that may hold a secret."""
    return {
        f"env_{key}": value[:200]
        for key, value in sorted(variables.items())
        if key.startswith(TOLD_PREFIXES) and not re.search("TOKEN|KEY|SECRET|PASSW", key)
    }


def _cores_allowed() -> str:
    if not hasattr(os, "sched_getaffinity"):
        raise OSError("this system has no affinity")
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def _turbo() -> str:
    if (CPU / "intel_pstate/no_turbo").exists():
        off = (CPU / "intel_pstate/no_turbo").read_text().strip() == "1"
        return "off" if off else "on"
    return "on" if (CPU / "cpufreq/boost").read_text().strip() == "1" else "off"


def _container() -> str:
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "yes"
    try:
        text = Path("/proc/1/cgroup").read_text(errors="replace")
    except OSError as error:
        return f"unknown ({error.strerror})"
    return "yes" if re.search("docker|kubepods|containerd|lxc", text) else "no sign of one"


def _tightest(
    controller: Controller, bound: Callable[[Iterable[Path]], Bound | None], names: tuple[str, ...]
) -> str:
    """The file with the tightest bound as it stands; without any bound our own cgroup's."""
    folders = cgroup_folders(controller)
    if found := bound(folders):
        return found.file.read_text()
    if own := first_text(folders, *names):
        return own[1]
    raise OSError(f"none of {', '.join(names)}")


def _or_why(read: Callable[[], str]) -> str:
    try:
        return read().strip()
    except (OSError, ValueError, AttributeError) as error:
        return f"unknown ({getattr(error, 'strerror', None) or error})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
