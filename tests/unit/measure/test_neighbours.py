"""Which process is ours and what the others did: on a fake NVML that lists host ids."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.nvml import GPU_IS_LOST, NOT_SUPPORTED, FakeNvml
from sabench.measure import neighbours
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.neighbours import RecentUse, is_host, isolation, own_pid

MIB = 1024**2


@pytest.fixture
def device(nvml: FakeNvml) -> Iterator[Device]:
    with Nvml() as opened:
        yield opened.device("GPU-00000")


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    namespace = tmp_path / "pid"
    namespace.symlink_to("pid:[4026532456]")
    monkeypatch.setattr(neighbours, "NAMESPACE", namespace)


def test_on_the_host_our_id_is_our_own(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pid").symlink_to("pid:[4026531836]")
    monkeypatch.setattr(neighbours, "NAMESPACE", tmp_path / "pid")
    assert own_pid(device) == os.getpid()
    monkeypatch.setattr(neighbours, "NAMESPACE", tmp_path / "none")
    assert not is_host()


def grown(nvml: FakeNvml, device: Device, after: str) -> int | Missing:
    """Our id, found by an allocation that leaves the list as given."""
    nvml.script(compute=f"40:{500 * MIB} 41:{900 * MIB} self:{10 * MIB}")
    return own_pid(device, lambda: nvml.change(compute=after))


@pytest.mark.usefixtures("container")
def test_in_a_container_it_is_the_process_that_grew_with_our_memory(
    nvml: FakeNvml, device: Device
) -> None:
    assert grown(nvml, device, f"40:{564 * MIB} 41:{900 * MIB}") == 40
    assert grown(nvml, device, f"40:{566 * MIB} 41:{970 * MIB}") == 40  # 41 grew by more than ours


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize(
    "after",
    [
        f"40:{500 * MIB} 41:{900 * MIB}",  # nobody grew
        f"40:{564 * MIB} 41:{964 * MIB}",  # both did
        f"40:{540 * MIB} 41:{900 * MIB}",  # by something else
        f"40:{500 * MIB} 41:{900 * MIB} 42:{64 * MIB}",  # somebody came
        "40:na 41:na",
        "",
    ],
)
def test_in_a_container_a_doubtful_probe_finds_nobody(
    nvml: FakeNvml, device: Device, after: str
) -> None:
    found = grown(nvml, device, after)
    assert isinstance(found, Missing)
    assert "in a container" in found.reason


@pytest.mark.usefixtures("container")
def test_in_a_container_nothing_is_found_without_a_probe_or_a_list(
    nvml: FakeNvml, device: Device
) -> None:
    assert isinstance(own_pid(device), Missing)
    nvml.change(**{"error.nvmlDeviceGetComputeRunningProcesses": GPU_IS_LOST})
    assert own_pid(device, lambda: None) == Missing("GPU is lost")


def test_use_counts_while_it_is_recent(nvml: FakeNvml, device: Device) -> None:
    recent = RecentUse(device, wall=lambda: 1000.0)
    assert recent.now(0.0) == set()
    nvml.script(compute="7:1", use="7:30 8:0", use_time=1_000_200_000)
    assert recent.now(0.1) == {7}
    assert recent.now(1.5) == {7}  # no new sample, and the last one lasts
    assert recent.now(1.7) == set()
    nvml.change(use="9:30", use_time=1_000_300_000)
    assert recent.now(1.8) == {9}  # it came and went between two looks


def test_use_just_before_the_first_look_counts_for_who_is_still_there(
    nvml: FakeNvml, device: Device
) -> None:
    nvml.script(compute="7:1", use="6:90 7:40", use_time=999_000_000)  # 6 has ended
    assert RecentUse(device, wall=lambda: 1000.0).now(0.0) == {7}
    assert RecentUse(device, wall=lambda: 1001.0).now(0.0) == set()  # long ago


def test_use_that_is_not_told_is_a_reason(nvml: FakeNvml, device: Device) -> None:
    nvml.script(**{"error.nvmlDeviceGetProcessUtilization": NOT_SUPPORTED})
    assert RecentUse(device).now(0.0) == Missing("Not Supported")


UNKNOWN = Missing("in a container")


@pytest.mark.parametrize(
    ("own", "there", "using", "expected"),
    [
        (1, {1}, {1}, ("alone", ())),
        (1, {1}, set(), ("alone", ())),
        (1, {1}, None, ("alone", ())),  # nobody else is there to use it
        (1, {1, 2}, {1}, ("idle neighbour", ())),
        (1, {1, 2}, {1, 2}, ("shared", (2,))),
        (1, {1, 2, 3}, {2, 3}, ("shared", (2, 3))),
        (1, {1}, {2}, ("shared", (2,))),  # it has gone already
        (1, {1, 2}, None, ("unverified", ())),
        (1, None, {1}, ("unverified", ())),
        (1, None, {2}, ("shared", (2,))),
        (1, set(), set(), ("unverified", ())),  # we are there: the list is not whole
        (UNKNOWN, {1}, {1}, ("unverified", ())),
        (UNKNOWN, {1, 2}, {1, 2}, ("shared", (1, 2))),  # one of them is not ours
        (UNKNOWN, None, None, ("unverified", ())),
    ],
)
def test_isolation_is_what_the_lists_show_and_no_more(
    own: int | Missing,
    there: set[int] | None,
    using: set[int] | None,
    expected: tuple[str, tuple[int, ...]],
) -> None:
    assert isolation(own, there, using) == expected
