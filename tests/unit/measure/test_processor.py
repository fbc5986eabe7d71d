"""The processor by what a made-up kernel tells of it: names, families, vector sets, caches."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sabench.measure import environment as environment_module
from sabench.measure import processor
from sabench.measure.device_facts import DeviceFacts
from sabench.measure.environment import device_slug, environment
from sabench.measure.processor import PROCESSOR, processor_name, without_model

X86 = """processor\t: {core}
vendor_id\t: {vendor}
cpu family\t: {family}
model\t\t: {model}
model name\t: {name}
stepping\t: {stepping}
cpu MHz\t\t: 1996.248
flags\t\t: fpu sse4_1 avx {flags}
power management:

"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1

"""

Kernel = Callable[..., None]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    """Say what it tells of the processor; it tells nothing at first."""
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor, "CACHES", tmp_path / "cache")
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")

    def tell(cpuinfo: str, *caches: tuple[int, str, str]) -> None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        for index, cache in enumerate(caches):
            folder = tmp_path / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, value in zip(("level", "type", "size"), cache, strict=True):
                (folder / name).write_text(f"{value}\n")

    return tell


def x86(name: str, flags: str = "", core: int = 0, **numbers: object) -> str:
    told = {"vendor": "AuthenticAMD", "family": 23, "model": 1, "stepping": 2} | numbers
    return X86.format(name=name, flags=flags, core=core, **told)


def arm(features: str = "") -> str:
    return ARM.format(features=features)


INTEL = {"vendor": "GenuineIntel", "family": 6, "model": 85, "stepping": 7}


@pytest.mark.parametrize(
    ("cpuinfo", "name", "slug"),
    [
        (x86("AMD EPYC"), "AMD EPYC (family 23, model 1)", "amd-epyc-family-23-model-1"),
        (
            x86("AMD EPYC 64-Core Processor"),
            "AMD EPYC 64-Core Processor (family 23, model 1)",
            "amd-epyc-family-23-model-1",
        ),
        (
            x86("Intel(R) Xeon(R) Processor @ 2.90GHz", **INTEL),
            "Intel(R) Xeon(R) Processor (family 6, model 85) @ 2.90GHz",
            "intel-xeon-family-6-model-85",
        ),
        (
            x86("QEMU Virtual CPU version 2.5+", **INTEL),
            "QEMU Virtual CPU version 2.5+ (family 6, model 85)",
            "qemu-virtual-version-2-5-family-6-model-85",
        ),
        (
            arm(),
            "aarch64 (implementer 0x41, part 0xd40)",
            "aarch64-implementer-0x41-part-0xd40",
        ),
    ],
)
def test_a_name_that_tells_no_model_gets_it(
    kernel: Kernel, cpuinfo: str, name: str, slug: str
) -> None:
    kernel(cpuinfo)
    assert processor_name() == name
    assert device_slug(environment("cpu", [])) == slug


@pytest.mark.parametrize(
    "name",
    [
        "AMD EPYC 9654 96-Core Processor",
        "Intel(R) Xeon(R) Platinum 8488C",
        "Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz",
        "12th Gen Intel(R) Core(TM) i7-1260P",
    ],
)
def test_a_name_that_tells_its_model_stays(kernel: Kernel, name: str) -> None:
    kernel(x86(name))
    assert processor_name() == name == without_model(name)


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (x86("AMD EPYC"), "AMD EPYC"),
        (x86("Intel(R) Xeon(R) CPU @ 2.20GHz"), "Intel(R) Xeon(R) CPU @ 2.20GHz"),
        (arm(), "aarch64"),
    ],
)
def test_what_was_added_to_a_name_is_taken_away(kernel: Kernel, cpuinfo: str, name: str) -> None:
    kernel(cpuinfo)
    assert processor_name() != without_model(processor_name()) == name


def test_a_processor_of_which_nothing_is_told_has_a_name_and_reasons(kernel: Kernel) -> None:
    here = environment("cpu", [])
    assert here.device_name == "aarch64"
    assert here.settings["cpu_family"] == here.settings["cpu_isa"]
    assert here.settings["cpu_isa"] == "unknown (No such file or directory)"
    assert here.settings["cpu_cache"].startswith("unknown (no cache in ")
    kernel("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n")
    here = environment("cpu", [])
    assert here.settings["cpu_family"].startswith("unknown (no family in ")
    assert here.settings["cpu_isa"].startswith("unknown (no vector set in ")


def test_the_family_has_vendor_model_and_stepping(kernel: Kernel) -> None:
    kernel(x86("AMD EPYC") + x86("AMD EPYC", core=1, stepping=9))
    assert processor.family() == "AuthenticAMD 23-1-2"
    kernel(arm())
    assert processor.family() == "implementer 0x41 0xd40-0x1-1"


@pytest.mark.parametrize(
    ("flags", "widest"),
    [
        ("", "avx"),
        ("avx2", "avx2"),
        ("avx2 avx_vnni", "avx2 vnni"),
        ("avx2 avx512f avx512cd", "avx2"),  # without the rest of it no kernel is chosen by it
        ("avx2 avx512f avx512bw avx512dq avx512vl", "avx512"),
        ("avx2 avx512f avx512bw avx512dq avx512vl avx512_vnni", "avx512 vnni"),
        ("avx2 avx512f avx512_vnni avx512_bf16", "avx512 bf16"),
        ("avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8", "amx"),
    ],
)
def test_the_widest_vector_set_is_told(kernel: Kernel, flags: str, widest: str) -> None:
    kernel(x86("AMD EPYC", flags))
    assert processor.vector_set() == widest


@pytest.mark.parametrize(
    ("features", "widest"), [("", "neon"), ("sve", "sve"), ("sve i8mm sve2", "sve2")]
)
def test_arms_vector_sets_are_told_too(kernel: Kernel, features: str, widest: str) -> None:
    kernel(arm(features))
    assert processor.vector_set() == widest


def test_caches_are_told_from_the_second_level_on(kernel: Kernel) -> None:
    unified = ((3, "Unified", "32768K"), (2, "Unified", "512K"))
    kernel("", (1, "Data", "32K"), (1, "Instruction", "64K"), *unified)
    assert processor.caches() == "L2 512K and L3 32768K"


def test_two_cpus_of_one_name_are_two_environments(kernel: Kernel) -> None:
    kernel(x86("AMD EPYC 9654"))
    one = environment("cpu", [])
    for other in (x86("AMD EPYC 9654", stepping=3), x86("AMD EPYC 9654", "avx2")):
        kernel(other)
        assert environment("cpu", []).id != one.id
    kernel(x86("AMD EPYC 9654"))
    assert environment("cpu", []) == one
    kernel(x86("AMD EPYC 9654"), (2, "Unified", "512K"))
    assert environment("cpu", []).id != one.id


def test_of_a_gpus_host_the_processor_is_told_and_not_hashed(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = DeviceFacts("NVIDIA H200", "GPU-1", {})
    monkeypatch.setattr(environment_module, "device_facts", lambda _device: board)
    kernel(x86("AMD EPYC"))
    one = environment("cuda:0", [])
    assert one.facts["cpu"] == "AMD EPYC (family 23, model 1)"
    assert one.facts["cpu_family"] == "AuthenticAMD 23-1-2"
    assert PROCESSOR.keys().isdisjoint(one.settings)
    kernel(x86("AMD EPYC", "avx2", model=49))
    assert environment("cuda:0", []).id == one.id
