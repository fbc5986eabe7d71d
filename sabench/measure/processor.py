"""Which processor this is: name, family, vector set and caches, as the kernel tells. Torch-free."""

import platform
import re
from collections.abc import Callable
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")

X86 = ("vendor_id", "cpu family", "model", "stepping")
ARM = ("CPU implementer", "CPU part", "CPU variant", "CPU revision")

TELLS_NO_MODEL = re.compile(
    r"@.*|\((?:r|tm)\)|\d+-core\b|version [\d.]+|aarch64|armv\d.*|x86_64|i\d86", re.IGNORECASE
)
"""Parts of a name whose digits are not its model's: clock, cores, QEMU's version, machine."""

MODEL = re.compile(r" \((?:family \w+, model|implementer \w+, part) \w+\)")
"""What `processor_name` adds to a name."""

VECTOR_SETS = (
    ("amx fp16", {"amx_tile", "amx_int8", "amx_bf16", "amx_fp16"}),
    ("amx", {"amx_tile", "amx_int8", "amx_bf16"}),
    ("avx512 fp16", {"avx512_fp16"}),
    ("avx512 bf16", {"avx512_bf16"}),
    ("avx512 vnni", {"avx512_vnni"}),
    ("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
    ("avx2 vnni", {"avx2", "avx_vnni"}),
    ("avx2", {"avx2"}),
    ("avx", {"avx"}),
    ("sse4.1", {"sse4_1"}),
    ("sve2", {"sve2"}),
    ("sve", {"sve"}),
    ("neon", {"asimd"}),
    ("neon", {"neon"}),
)
"""What oneDNN chooses its kernels by, and the kernel's flags of it, the widest first."""


def processor_name() -> str:
    """The CPU as its maker calls it; with family and model where that tells no model.

    A hypervisor leaves no more than "AMD EPYC", of CPUs whose speeds differ sixfold.
    """
    try:
        told = _first_core()
    except OSError:
        told = {}
    name = told.get("model name") or platform.processor() or platform.machine()
    if not name:
        return "unknown processor"
    if re.search(r"\d", TELLS_NO_MODEL.sub(" ", name)):
        return name
    head, at, clock = name.partition(" @")  # the folder's name ends there
    return f"{head}{_model(told)}{at}{clock}"


def without_model(name: str) -> str:
    """A CPU's name as its maker tells it, whatever was added."""
    return MODEL.sub("", name)


def family() -> str:
    """Vendor, family, model and stepping.

    Raises: OSError if the kernel does not tell.
    """
    told = _first_core()
    for form, keys in (("{} {}-{}-{}", X86), ("implementer {} {}-{}-{}", ARM)):
        if told.keys() >= set(keys):
            return form.format(*(told[key] for key in keys))
    raise OSError(f"no family in {CPUINFO}")


def vector_set() -> str:
    """The widest vector instructions.

    Raises: OSError if the kernel does not tell.
    """
    told = _first_core()
    flags = set(told.get("flags", told.get("Features", "")).split())
    for name, needed in VECTOR_SETS:
        if needed <= flags:
            return name
    raise OSError(f"no vector set in {CPUINFO}")


def caches() -> str:
    """Sizes of the first core's caches from L2 on.

    Raises: OSError if the kernel does not tell.
    """
    found = {}
    for folder in CACHES.glob("index*"):
        level, kind, size = ((folder / name).read_text() for name in ("level", "type", "size"))
        if int(level) > 1 and kind.strip() != "Instruction":
            found[int(level)] = size.strip()
    if not found:
        raise OSError(f"no cache in {CACHES}")
    return " and ".join(f"L{level} {size}" for level, size in sorted(found.items()))


PROCESSOR: dict[str, Callable[[], str]] = {
    "cpu_family": family,
    "cpu_isa": vector_set,
    "cpu_cache": caches,
}
"""What CPUs of one name differ in, by the name that a setting of the environment has."""


def _first_core() -> dict[str, str]:
    """The kernel's lines on it: those of a hundred cores take a while."""
    told: dict[str, str] = {}
    with CPUINFO.open(errors="replace") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if told and not key.strip():
                break
            if value.strip():
                told.setdefault(key.strip(), value.strip())
    return told


def _model(told: dict[str, str]) -> str:
    for keys in (X86[1:3], ARM[:2]):
        if told.keys() >= set(keys):
            return f" ({', '.join(f'{key.split()[-1]} {told[key]}' for key in keys)})"
    return ""
