"""Our own cgroup and those around it, as trees of files: under cgroup 2, and under cgroup 1."""

from pathlib import Path

import pytest

from sabench.launch.limits import default_memory_limit, out_of_memory_kills
from sabench.measure import cgroup, load
from sabench.measure.cgroup import (
    cgroup_folders,
    cpu_quota,
    memory_kills,
    memory_limit,
    throttled_periods,
)
from sabench.measure.environment import host_facts
from sabench.measure.load import ForeignLoad, machine_usage
from sabench.records import Flag

OWN = {
    "v2": "0::/user.slice/run-1.scope\n",
    "v1": "4:memory:/user/run-1\n3:cpu,cpuacct:/user/run-1\n",
}
HOST_KIB = int(Path("/proc/meminfo").read_text().split()[1])  # "MemTotal: 123 kB ..."


class Tree:
    """What a process is told of its cgroups, and their files."""

    def __init__(self, root: Path) -> None:
        self.proc, self.mount = root / "proc", root / "mount"
        self.told("")

    def told(self, text: str) -> None:
        (self.proc / "self").mkdir(parents=True, exist_ok=True)
        (self.proc / "self/cgroup").write_text(text)

    def put(self, name: str, text: str) -> None:
        path = self.mount / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def cpu(self) -> list[Path]:
        return cgroup_folders("cpu", self.proc, self.mount)

    def memory(self) -> list[Path]:
        return cgroup_folders("memory", self.proc, self.mount)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def ours(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The tree that this process is measured in."""
    monkeypatch.setattr(cgroup, "PROC", tree.proc)
    monkeypatch.setattr(cgroup, "MOUNT", tree.mount)
    monkeypatch.setattr(load, "quota_folders", load.quota_folders.__wrapped__)
    return tree


def test_folders_go_from_our_own_to_the_mount(tree: Tree) -> None:
    tree.told(OWN["v2"])
    names = [str(folder.relative_to(tree.mount)) for folder in tree.memory()]
    assert names == ["user.slice/run-1.scope", "user.slice", ".", "memory"]
    tree.told(OWN["v1"])
    names = [str(folder.relative_to(tree.mount)) for folder in tree.cpu()]
    assert names == ["cpu/user/run-1", "cpu/user", "cpu", "."]


def test_without_a_word_of_our_own_the_mount_is_left(tree: Tree) -> None:
    assert tree.cpu() == [tree.mount / "cpu", tree.mount]


@pytest.mark.parametrize(
    ("version", "inner", "outer"),
    [
        ("v2", "user.slice/run-1.scope/memory.max", "user.slice/memory.max"),
        ("v1", "memory/user/run-1/memory.limit_in_bytes", "memory/user/memory.limit_in_bytes"),
    ],
)
def test_memory_is_the_smallest_limit_along_the_way(
    ours: Tree, version: str, inner: str, outer: str
) -> None:
    ours.told(OWN[version])
    assert default_memory_limit() == pytest.approx(0.8 * 1024 * HOST_KIB, rel=1e-3)
    ours.put(outer, "2000000\n")
    assert default_memory_limit() == 1_600_000
    ours.put(inner, "1000000\n")
    assert default_memory_limit() == 800_000
    ours.put(inner, "max\n")
    assert default_memory_limit() == 1_600_000
    ours.put(inner, "9223372036854771712\n")  # cgroup 1's word for none
    assert memory_limit(ours.memory()) == (2_000_000, ours.mount / outer)


@pytest.mark.parametrize(
    ("version", "own", "around"),
    [
        ("v2", "user.slice/run-1.scope/memory.events", "user.slice/memory.events"),
        ("v1", "memory/user/run-1/memory.oom_control", "memory/user/memory.oom_control"),
    ],
)
def test_kills_are_those_of_the_innermost_cgroup_that_counts(
    ours: Tree, version: str, own: str, around: str
) -> None:
    ours.told(OWN[version])
    assert out_of_memory_kills() == 0
    ours.put(around, "low 0\noom 9\noom_kill 8\noom_group_kill 0\n")
    assert out_of_memory_kills() == 8
    ours.put(own, "under_oom 0\noom_kill 3\n")
    assert out_of_memory_kills() == 3
    ours.put(own, "under_oom 0\n")  # an old kernel's does not count
    assert memory_kills(ours.memory()) == 8


@pytest.mark.parametrize(
    ("version", "own", "around"),
    [("v2", "user.slice/run-1.scope/", "user.slice/"), ("v1", "cpu/user/run-1/", "cpu/user/")],
)
def test_a_quota_of_ours_or_around_us_stops_the_job(
    ours: Tree, version: str, own: str, around: str
) -> None:
    ours.told(OWN[version])
    assert throttled_periods(ours.cpu()) is None
    ours.put(f"{own}cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 2\n")
    ours.put(f"{around}cpu.stat", "nr_periods 9\nnr_throttled 0\n")
    start = machine_usage()
    ours.put(f"{own}cpu.stat", "usage_usec 7\nnr_periods 12\nnr_throttled 4\n")
    inner = ForeignLoad.between(start, middle := machine_usage())
    ours.put(f"{around}cpu.stat", "nr_periods 12\nnr_throttled 1\n")
    outer = ForeignLoad.between(middle, end := machine_usage())
    assert (inner.throttled, outer.throttled) == (2, 1)
    assert Flag.CGROUP_THROTTLED in inner.flags
    assert Flag.CGROUP_THROTTLED in outer.flags
    assert ForeignLoad.between(end, machine_usage()).throttled == 0


def test_a_cgroup_without_the_cpu_controller_counts_nothing(tree: Tree) -> None:
    tree.told(OWN["v2"])
    tree.put("user.slice/run-1.scope/cpu.stat", "usage_usec 5\nuser_usec 4\nsystem_usec 1\n")
    assert throttled_periods(tree.cpu()) == 0


@pytest.mark.parametrize(
    ("version", "inner", "outer"),
    [
        (
            "v2",
            {"user.slice/run-1.scope/cpu.max": "max 100000\n"},
            {"user.slice/cpu.max": "150000 50000\n"},
        ),
        (
            "v1",
            {"cpu/user/run-1/cpu.cfs_quota_us": "-1\n"},
            {"cpu/user/cpu.cfs_quota_us": "150000\n", "cpu/user/cpu.cfs_period_us": "50000\n"},
        ),
    ],
)
def test_the_quota_is_the_tightest_along_the_way(
    ours: Tree, version: str, inner: dict[str, str], outer: dict[str, str]
) -> None:
    ours.told(OWN[version])
    for name, text in inner.items():
        ours.put(name, text)
    assert cpu_quota(ours.cpu()) is None
    assert host_facts([])["cgroup_cpu"] == next(iter(inner.values())).strip()
    for name, text in outer.items():
        ours.put(name, text)
    assert cpu_quota(ours.cpu()) == (3.0, ours.mount / next(iter(outer)))
    assert host_facts([])["cgroup_cpu"] == next(iter(outer.values())).strip()


def test_the_limit_that_is_told_is_the_smallest_along_the_way(ours: Tree) -> None:
    ours.told(OWN["v2"])
    ours.put("user.slice/run-1.scope/memory.max", "max\n")
    assert host_facts([])["cgroup_memory"] == "max"
    ours.put("user.slice/memory.max", "4000\n")
    assert host_facts([])["cgroup_memory"] == "4000"


def test_a_container_that_is_told_a_path_of_its_host_reads_the_mount(ours: Tree) -> None:
    ours.told("4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n0::/docker/0123\n")
    ours.put("memory/memory.limit_in_bytes", "1000000\n")
    ours.put("memory/memory.oom_control", "under_oom 0\noom_kill 2\n")
    ours.put("cpu/cpu.stat", "nr_periods 10\nnr_throttled 3\n")
    assert default_memory_limit() == 800_000
    assert out_of_memory_kills() == 2
    assert throttled_periods(ours.cpu()) == 3
