"""The doctor on versions, libraries and variables: what turns each line red."""

import pytest

from sabench.measure.doctor.finding import Light
from sabench.measure.doctor.software import (
    allocator,
    cuda,
    examine_software,
    nvml_library,
    versions,
    wait_policy,
)

BUILD = {"version": "2.13.0+cu130", "cuda": "13.0", "git_version": "0"}


@pytest.mark.parametrize(
    ("torch", "light"),
    [
        ("2.13.0+cu130", Light.GREEN),
        ("2.9.0", Light.GREEN),
        ("2.8.1", Light.RED),
        ("1.13.1", Light.RED),
        ("none", Light.RED),
    ],
)
def test_a_torch_that_is_missing_or_old_is_red(torch: str, light: Light) -> None:
    found = versions(BUILD | {"version": torch}, "3.11.7")
    assert (found.light, found.mend != "") == (light, light is Light.RED)


@pytest.mark.parametrize(
    ("version", "driver", "light"),
    [
        ("13.0", "580.65.06", Light.GREEN),
        ("13.0", "575.57.08", Light.RED),
        ("12.8", "535.10", Light.GREEN),
        ("12.8", "470.82", Light.RED),
        ("none", "580.65.06", Light.YELLOW),
        ("14.0", "580.65.06", Light.YELLOW),
        ("13.0", None, Light.NOT_APPLICABLE),
    ],
)
def test_a_driver_older_than_torch_needs_is_red(
    version: str, driver: str | None, light: Light
) -> None:
    assert cuda(BUILD | {"cuda": version}, driver).light is light


def test_the_deprecated_distribution_is_red_even_beside_the_right_one() -> None:
    installed = {"nvidia-ml-py": "13.0", "pynvml": "11.5.0"}
    found = nvml_library(lambda name: installed.get(name, "none"), is_needed=True)
    assert found.light is Light.RED
    assert found.mend.startswith("pip uninstall -y pynvml")


@pytest.mark.parametrize(("is_needed", "light"), [(True, Light.RED), (False, Light.YELLOW)])
def test_no_nvml_library_is_red_where_there_is_a_device(is_needed: bool, light: Light) -> None:
    assert nvml_library(lambda _name: "none", is_needed=is_needed).light is light


@pytest.mark.parametrize("lost", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_a_child_that_is_not_told_to_wait_passively_is_red(lost: str) -> None:
    given = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    given.pop(lost)
    found = wait_policy({lost: "ACTIVE"}, lambda _device, _threads: given)
    assert found.light is Light.RED


def test_the_callers_own_wait_policy_does_not_reach_a_child() -> None:
    assert wait_policy({"OMP_WAIT_POLICY": "ACTIVE"}).light is Light.GREEN


def test_threads_that_are_bound_elsewhere_are_yellow() -> None:
    found = wait_policy({"OMP_PROC_BIND": "close", "KMP_AFFINITY": "compact"})
    assert (found.light, found.mend) == (Light.YELLOW, "unset KMP_AFFINITY OMP_PROC_BIND")


@pytest.mark.parametrize(
    ("variables", "libc", "light"),
    [
        ({}, "glibc", Light.GREEN),
        ({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, "glibc", Light.RED),
        ({"LD_PRELOAD": "/a/libx.so:/b/libtcmalloc.so"}, "glibc", Light.RED),
        ({"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4096"}, "glibc", Light.RED),
        ({"GLIBC_TUNABLES": "glibc.rtld.nns=4"}, "glibc", Light.GREEN),
        ({"LD_PRELOAD": "/usr/lib/libiomp5.so"}, "glibc", Light.YELLOW),
        ({}, "", Light.YELLOW),
    ],
)
def test_another_allocator_is_red(variables: dict[str, str], libc: str, light: Light) -> None:
    assert allocator(variables, libc).light is light


def test_a_preloaded_allocator_is_found_among_all_lines() -> None:
    found = examine_software({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, None)
    assert [one.name for one in found if one.light is Light.RED] == ["allocator"]
