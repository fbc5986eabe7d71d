"""Cores and memory of a child."""

from pathlib import Path

import pytest

from sabench.launch.limits import (
    allowed_cores,
    choose_cores,
    default_memory_limit,
    out_of_memory_kills,
)
from sabench.measure.cores import hardware_siblings


def pairs(core: int) -> frozenset[int]:
    """Cores 0-7 as four cores of two hardware threads: 0 and 4, 1 and 5, ..."""
    return frozenset({core % 4, core % 4 + 4})


@pytest.mark.parametrize(
    ("threads", "allowed", "chosen"),
    [
        (1, range(8), (7,)),
        (2, range(8), (6, 7)),
        (4, range(8), (4, 5, 6, 7)),
        (5, range(8), (3, 4, 5, 6, 7)),
        (2, (0, 3, 4), (3, 4)),
        (2, (3, 7), (3, 7)),
        (3, (1, 3, 7), (1, 3, 7)),
        (2, (1, 3, 7), (1, 7)),
        (3, (0, 1), ()),
        (1, (), ()),
    ],
)
def test_one_hardware_thread_per_core_comes_first(
    threads: int, allowed: range | tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert choose_cores(threads, allowed, pairs) == chosen


def test_this_machine_has_cores_and_each_is_its_own_sibling() -> None:
    cores = allowed_cores()
    assert cores
    assert all(core in hardware_siblings(core) for core in cores)
    assert choose_cores(1, cores)[0] in cores
    assert hardware_siblings(99_999) == {99_999}


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_memory_is_80_percent_of_what_the_cgroup_has(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1000000\n")
    assert default_memory_limit(tmp_path) == 800_000


def test_memory_is_80_percent_of_the_host_without_a_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    total = Path("/proc/meminfo").read_text().split()[1]  # "MemTotal: 123 kB ..."
    assert default_memory_limit(tmp_path) == pytest.approx(0.8 * 1024 * int(total), rel=1e-3)


def test_kills_for_want_of_memory_are_read_from_either_cgroup(tmp_path: Path) -> None:
    assert out_of_memory_kills(tmp_path) == 0
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    assert out_of_memory_kills(tmp_path) == 2
    (tmp_path / "memory.events").write_text("low 0\noom 7\noom_kill 3\noom_group_kill 0\n")
    assert out_of_memory_kills(tmp_path) == 3
