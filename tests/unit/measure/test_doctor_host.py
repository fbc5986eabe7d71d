"""The doctor on a machine of files: healthy, then one fault at a time, each turning a line red."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure import doctor
from sabench.measure.doctor import Finding, Host, Light, examine
from sabench.measure.doctor import places as places_module
from sabench.measure.doctor.cpu import CLOCK, clock_source, cores, examine_cpu, timer
from sabench.measure.doctor.load import (
    Sample,
    busy_shares,
    examine_load,
    others_at_work,
    sample,
    shared_core,
)
from sabench.measure.doctor.places import examine_places
from sabench.measure.noise import busy_neighbours

PRESSURE = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 total=0\n"


class Machine:
    """A healthy one: two cores, a third beside core 1 that is its own, and room everywhere."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = Host(
            cpu=root / "cpu",
            clocksource=root / "clocksource",
            proc=root / "proc",
            cgroup=root / "cgroup",
            powercap=root / "powercap",
            variables={},
            runs=root / "runs",
            state=root / "state",
            temporary=root / "tmp",
            allowed=tuple(os.sched_getaffinity(0)),
            cores=(1,),
        )
        (root / "tmp").mkdir()
        self.put("cpu/cpu1/cpufreq/scaling_governor", "performance\n")
        self.put("cpu/cpu1/cpufreq/scaling_driver", "acpi-cpufreq\n")
        self.put("cpu/cpu1/cpufreq/scaling_max_freq", "3000000\n")
        self.put("cpu/cpu1/cpufreq/base_frequency", "2000000\n")
        self.put("cpu/cpufreq/boost", "0\n")
        self.put("cpu/cpu1/topology/thread_siblings_list", "1\n")
        self.put("clocksource/current_clocksource", "tsc\n")
        self.put("clocksource/available_clocksource", "tsc hpet acpi_pm\n")
        self.put("proc/self/cgroup", "0::/work\n")
        self.put("proc/stat", "cpu 0\ncpu0 100 0 0 900 0 0 0 0 0 0\ncpu1 0 0 0 1000 0 0 0 0 0 0\n")
        self.put("proc/pressure/cpu", PRESSURE.format(1000))
        self.put("proc/loadavg", "0.10 0.10 0.10 1/100 4242\n")
        self.put("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n")

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def quiet(self) -> tuple[Sample, Sample]:
        """A second in which nobody works."""
        before = sample(self.host)
        return replace(before, wall_s=0.0, own_s=0.0), replace(before, wall_s=1.0, own_s=0.0)

    def findings(self) -> dict[str, Finding]:
        before, after = self.quiet()
        found = [
            *examine_cpu(self.host, busy_shares(before, after)),
            *examine_load(self.host, before, after),
            *examine_places(self.host),
        ]
        return {one.name: one for one in found}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_healthy_machine_is_green_throughout(machine: Machine) -> None:
    found = machine.findings()
    real = {"timer", "run folder", "compiler cache", "cores"}  # of the machine that tests run on
    lights = {name: one.light for name, one in found.items() if name not in real}
    assert set(lights.values()) == {Light.GREEN}, lights
    assert {name: one.light for name, one in found.items() if one.light is Light.RED} == {}


FAULTS: dict[str, tuple[str, Mapping[str, str], str]] = {
    "an idle clock": (
        "governor",
        {"cpu/cpu1/cpufreq/scaling_governor": "powersave"},
        "sudo cpupower frequency-set -g performance",
    ),
    "a cap below the base clock": (
        "turbo",
        {"cpu/cpu1/cpufreq/scaling_max_freq": "1500000"},
        "sudo cpupower frequency-set -u 2000000",
    ),
    "a slow clock": (
        "clock source",
        {"clocksource/current_clocksource": "hpet"},
        "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
    ),
    "a slow clock without a better one": (
        "clock source",
        {"clocksource/current_clocksource": "acpi_pm", "clocksource/available_clocksource": "hpet"},
        "boot the kernel with tsc=reliable",
    ),
    "a quota of one core": (
        "CPU quota",
        {"cgroup/work/cpu.max": "100000 100000"},
        "echo max | sudo tee {root}/cgroup/work/cpu.max",
    ),
    "an old cgroup's quota": (
        "CPU quota",
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n",
            "cgroup/cpu/docker/1/cpu.cfs_quota_us": "50000",
            "cgroup/cpu/docker/1/cpu.cfs_period_us": "100000",
        },
        "echo -1 | sudo tee {root}/cgroup/cpu/docker/1/cpu.cfs_quota_us",
    ),
    "a full cgroup": (
        "memory",
        {"cgroup/work/memory.max": "2147483648", "cgroup/work/memory.current": "2000000000"},
        "echo max | sudo tee {root}/cgroup/work/memory.max",
    ),
    "a full machine": (
        "memory",
        {"proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 500000 kB\n"},
        "ps -eo pid,rss,comm --sort=-rss | head -4  # and end the largest",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_turns_its_line_red_and_no_other(machine: Machine, fault: str) -> None:
    name, files, mend = FAULTS[fault]
    for path, text in files.items():
        machine.put(path, text)
    found = machine.findings()
    assert {one.name for one in found.values() if one.light is Light.RED} == {name}
    assert found[name].mend == mend.format(root=machine.root)


MILDER: dict[str, tuple[str, Mapping[str, str]]] = {
    "a clock that follows the load": (
        "governor",
        {"cpu/cpu1/cpufreq/scaling_governor": "schedutil"},
    ),
    "a driver with its own governor": (
        "governor",
        {
            "cpu/cpu1/cpufreq/scaling_governor": "powersave",
            "cpu/cpu1/cpufreq/scaling_driver": "intel_pstate",
        },
    ),
    "turbo": ("turbo", {"cpu/cpufreq/boost": "1"}),
    "Intel's turbo": ("turbo", {"cpu/intel_pstate/no_turbo": "0"}),
    "a second hardware thread": (
        "hardware threads",
        {"cpu/cpu1/topology/thread_siblings_list": "0-1"},
    ),
}


@pytest.mark.parametrize("fault", MILDER)
def test_what_only_costs_precision_is_yellow(machine: Machine, fault: str) -> None:
    name, files = MILDER[fault]
    for path, text in files.items():
        machine.put(path, text)
    found = machine.findings()[name]
    assert found.light is Light.YELLOW
    assert found.mend


def test_what_a_machine_does_not_tell_is_not_applicable(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in ("cpu", "clocksource", "proc"):
        (tmp_path / name).rename(tmp_path / f"no-{name}")
    found = machine.findings()
    silent = ("governor", "turbo", "hardware threads", "clock source", "neighbours", "steal")
    for name in (*silent, "pressure", "memory"):
        assert found[name].light is Light.NOT_APPLICABLE, name
        assert found[name].value


def test_a_busy_sibling_is_red(machine: Machine) -> None:
    machine.put("cpu/cpu1/topology/thread_siblings_list", "0-1")
    found = {one.name: one for one in examine_cpu(machine.host, {0: 0.8, 1: 0.0})}
    assert found["hardware threads"].light is Light.RED


def loaded(machine: Machine, **changes: object) -> dict[str, Finding]:
    """The load's lines over a second at whose end these counters stand higher."""
    before, after = machine.quiet()
    after = replace(after, **changes)
    return {one.name: one for one in examine_load(machine.host, before, after)}


def test_other_work_is_yellow_and_half_a_machine_of_it_red(machine: Machine) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    some = loaded(machine, ticks={0: (100 + ticks // 5, 0), 1: (0, 0)})["neighbours"]
    most = loaded(machine, ticks={0: (100 + ticks, 0), 1: (0, 0)})["neighbours"]
    assert (some.light, most.light) == (Light.YELLOW, Light.RED)
    assert most.value.startswith("1.00 of 2 cores busy with others")


def test_work_on_our_own_core_is_red_below_that(machine: Machine) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    found = loaded(machine, ticks={0: (100, 0), 1: (ticks // 5, 0)})["neighbours"]
    assert found.light is Light.RED


def test_our_own_work_is_no_neighbour(machine: Machine) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    found = loaded(machine, ticks={0: (100, 0), 1: (ticks, 0)}, own_s=1.0)["neighbours"]
    assert found.light is Light.GREEN


def test_the_busiest_process_is_named_with_the_command_that_stops_it(machine: Machine) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    before, after = machine.quiet()
    before = replace(before, processes={7: ("make (all)", 0), 9: ("sshd", ticks)})
    after = replace(
        after,
        ticks={0: (100 + ticks, 0), 1: (0, 0)},
        processes={7: ("make (all)", ticks), 9: ("sshd", ticks)},
    )
    told = examine_load(machine.host, before, after)[0]
    assert "make (all) (process 7) takes 1.00" in told.value
    # whose it is cannot be seen: nobody's to stop
    assert told.mend == "see who works, and stop it: top -o %CPU"
    (machine.host.proc / "7").mkdir()
    assert examine_load(machine.host, before, after)[0].mend.startswith("kill -STOP 7")


def test_stolen_time_is_red_above_one_percent(machine: Machine) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    found = loaded(machine, ticks={0: (100, ticks // 10), 1: (0, 0)})["steal"]
    assert (found.light, found.value) == (Light.RED, "5.0 % of the cores")


@pytest.mark.parametrize(
    ("slow", "light"),
    [(0.0, Light.GREEN), (0.05, Light.GREEN), (0.2, Light.YELLOW), (0.5, Light.RED)],
)
def test_a_core_that_something_unseen_shares_is_told(slow: float, light: Light) -> None:
    found = shared_core(slow)
    assert found.light is light
    assert found.value == f"something unseen shares it {100 * slow:.0f} % of the time"
    assert bool(found.mend) is (light is not Light.GREEN)


def test_the_cores_of_a_child_are_the_ones_whose_speed_is_read(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(doctor, "slow_share", lambda *told: asked.append(told) or 0.4)
    found = {one.name: one for one in examine(machine.host, sleep=lambda _: None, core_best=1.7)}
    assert found["core sharing"].light is Light.RED
    assert asked == [((1,), doctor.SPEED_S, 1.7)]
    machine.put("cgroup/work/cpu.max", "100000 100000")  # red by itself
    found = {one.name: one for one in examine(machine.host, sleep=lambda _: None)}
    assert found["core sharing"].light is Light.NOT_APPLICABLE
    assert len(asked) == 1


@pytest.mark.parametrize("thread", [Light.GREEN, Light.YELLOW, Light.RED])
@pytest.mark.parametrize("light", Light)
@pytest.mark.parametrize("name", ["neighbours", "steal", "pressure", "CPU quota"])
def test_what_is_seen_to_work_is_not_called_unseen(name: str, light: Light, thread: Light) -> None:
    """A sibling that could work, and a daemon somewhere on the machine, hide nothing."""
    load = [Finding(name, light, "", "")]
    threads = Finding("hardware threads", thread, "", "")
    assert others_at_work(load, threads) is (Light.RED in (light, thread))


def test_processes_that_wait_are_pressure(machine: Machine) -> None:
    assert loaded(machine, waited_us=1000 + 100_000)["pressure"].light is Light.YELLOW
    assert loaded(machine, waited_us=1000 + 500_000)["pressure"].light is Light.RED


def test_a_quota_that_stopped_us_is_red_however_wide(machine: Machine) -> None:
    machine.put("cgroup/work/cpu.max", "6400000 100000")
    machine.put("cgroup/work/cpu.stat", "nr_periods 10\nnr_throttled 3\n")
    before, after = machine.quiet()
    assert before.throttled == 3
    found = examine_load(machine.host, before, replace(after, throttled=5))
    assert found[-1].light is Light.RED
    assert "stopped 2 times" in found[-1].value


def test_a_refused_affinity_is_red(machine: Machine) -> None:
    def refuse(_pid: int, _cores: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    found = cores(machine.host, refuse)
    assert (found.light, found.value) == (Light.RED, "pinning is refused: Operation not permitted")


def test_a_single_core_is_yellow(machine: Machine) -> None:
    found = cores(replace(machine.host, allowed=(3,), cores=(3,)), lambda _pid, _cores: None)
    assert found.light is Light.YELLOW


def ticking(*steps_ns: int) -> Callable[[], int]:
    """A clock that goes on by these steps in turn."""
    state = {"now": 0, "reads": 0}

    def clock() -> int:
        state["now"] += steps_ns[state["reads"] % len(steps_ns)]
        state["reads"] += 1
        return state["now"]

    return clock


SOUND = CLOCK.green("tsc")


@pytest.mark.parametrize(
    ("steps", "light"),
    [
        ((50,), Light.GREEN),
        ((140,), Light.GREEN),  # as tsc behind some hypervisors
        ((400,), Light.YELLOW),
        ((*[50] * 999, 4_000_000), Light.GREEN),  # two turns of another process
        ((1500,), Light.RED),  # as hpet
        ((0, 0, 0, 15_000_000), Light.RED),  # as a tick of 15 ms
        ((0,), Light.RED),
        ((50, -20), Light.RED),
    ],
)
def test_a_timer_is_judged_by_its_cost_and_its_step(steps: tuple[int, ...], light: Light) -> None:
    assert timer(ticking(*steps), SOUND).light is light


@pytest.mark.parametrize(
    ("reading_ns", "blocks"), [(50, "1.00 ms"), (140, "1.40 ms"), (400, "4.00 ms")]
)
def test_a_timer_tells_the_blocks_that_its_cost_leads_to(reading_ns: int, blocks: str) -> None:
    assert f"blocks of {blocks}" in timer(ticking(reading_ns), SOUND).value


@pytest.mark.parametrize("source", [SOUND, CLOCK.absent("not told")])
def test_a_slow_reading_of_a_sound_clock_is_nobodys_to_mend(source: Finding) -> None:
    found = timer(ticking(400), source)
    assert (found.light, found.mend) == (Light.YELLOW, "")
    assert found.value.endswith("; nothing has to be done")


@pytest.mark.parametrize("steps", [(1500,), (50, -20)])
def test_a_sound_clock_that_spoils_figures_has_a_remedy_of_its_own(steps: tuple[int, ...]) -> None:
    found = timer(ticking(*steps), SOUND)
    assert found.mend == "measure outside of a sandbox or tracer, or on another machine"


@pytest.mark.parametrize("reading_ns", [400, 1500])
def test_a_slow_reading_of_an_unsound_clock_is_mended_with_it(
    machine: Machine, reading_ns: int
) -> None:
    machine.put("clocksource/current_clocksource", "hpet")
    assert timer(ticking(reading_ns), clock_source(machine.host)).mend == "as for the clock source"


def test_a_folder_that_cannot_be_written_to_is_red(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    below = tmp_path / "file" / "runs"
    found = {
        one.name: one.light
        for one in examine_places(
            replace(
                machine.host,
                runs=below,
                state=below,
                variables={"TORCHINDUCTOR_CACHE_DIR": str(below)},
            )
        )
    }
    assert (found["run folder"], found["compiler cache"]) == (Light.RED, Light.RED)
    assert found["state folder"] is Light.YELLOW  # no figure depends on it


def test_no_state_folder_at_all_is_yellow(machine: Machine) -> None:
    found = {one.name: one for one in examine_places(replace(machine.host, state=None))}
    assert found["state folder"].light is Light.YELLOW


def test_a_full_disk_is_red(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "free_bytes", lambda _folder: 1024)
    found = {one.name: one.light for one in examine_places(machine.host)}
    assert (found["run folder"], found["compiler cache"]) == (Light.RED, Light.RED)


def test_a_disk_that_takes_its_time_is_red(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "fsync_s", lambda _descriptor: 0.2)
    found = {one.name: one for one in examine_places(machine.host)}
    assert found["run folder"].light is Light.RED
    assert "fsync 200 ms" in found["run folder"].value


def test_nothing_is_left_or_made_where_it_looks(machine: Machine, tmp_path: Path) -> None:
    there = sorted(tmp_path.rglob("*"))
    machine.findings()
    assert sorted(tmp_path.rglob("*")) == there


@pytest.mark.serial
def test_a_real_process_on_our_core_turns_the_machine_red() -> None:
    allowed = allowed_cores()
    host = Host(allowed=allowed, cores=choose_cores(1, allowed))
    with busy_neighbours(host.cores):
        found = {one.name: one for one in examine(host)}
    assert found["neighbours"].light is Light.RED


def test_the_docs_list_every_line() -> None:
    rows = Path(__file__).parents[3].joinpath("docs/doctor.md").read_text().splitlines()
    listed = {row.split("|")[1].strip() for row in rows if row.startswith("| ")}
    assert {one.name for one in examine(Host(), sleep=lambda _seconds: None)} <= listed
