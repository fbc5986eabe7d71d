"""The processor: governor, turbo, hardware threads, cores, clock source, timer. Torch-free."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from sabench.measure.cores import hardware_siblings
from sabench.measure.cpu_timer import empty_block_s, least_block_s
from sabench.measure.doctor.finding import Finding, Light, Part
from sabench.measure.doctor.host import Host
from sabench.measure.system_files import text
from sabench.units import show_time

DYNAMIC = ("schedutil", "ondemand", "conservative")
OWN_GOVERNOR = ("intel_pstate", "intel_cpufreq", "amd-pstate-epp", "amd_pstate_epp")
SOUND_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen")
READ_GREEN_S, READ_RED_S = 2e-7, 1e-6  # blocks of about 2 and 10 ms keep a reading at 1e-4 of them
READS = 2000
BATCH = 200  # the cheapest of ten counts: while others have the core a reading costs nothing
SIBLING_BUSY = 0.1

GOVERNOR = Part(
    "governor", "A clock that follows the load makes short cases slower than long ones."
)
TURBO = Part("turbo", "A boosted clock depends on heat and on what the other cores do.")
SMT = Part("hardware threads", "Work on the other thread of our core takes a third of its speed.")
CORES = Part("cores", "A child is pinned to a core of its own; its parent needs another.")
CLOCK = Part("clock source", "Every figure is a difference of two readings of this clock.")
TIMER = Part("timer", "Blocks get longer until reading the clock is 1e-4 of one: fewer a second.")

AS_THE_SOURCE = "as for the clock source"
ELSEWHERE = "measure outside of a sandbox or tracer, or on another machine"


def examine_cpu(host: Host, busy: Mapping[int, float]) -> list[Finding]:
    """All checks of this file."""
    source = clock_source(host)
    return [
        governor(host),
        turbo(host),
        hardware_threads(host, busy),
        cores(host),
        source,
        timer(time.perf_counter_ns, source),
    ]


def governor(host: Host) -> Finding:
    """How the cores' clocks are chosen."""
    policies = {core: text(_policy(host, core) / "scaling_governor") for core in _looked_at(host)}
    names = sorted({name for name in policies.values() if name})
    if not names:
        return GOVERNOR.absent("not told: a virtual machine's clocks are its host's")
    mend = "sudo cpupower frequency-set -g performance"
    driver = text(_policy(host, next(iter(policies))) / "scaling_driver") or "unknown driver"
    value = f"{', '.join(names)} ({driver})"
    if names == ["performance"]:
        return GOVERNOR.green(value)
    follows = all(name in DYNAMIC or driver in OWN_GOVERNOR for name in names)
    return (
        GOVERNOR.yellow(value, mend) if follows and len(names) == 1 else GOVERNOR.red(value, mend)
    )


def turbo(host: Host) -> Finding:
    """Boosted clocks, and a limit below the processor's own base clock."""
    for core in _looked_at(host):
        limit = text(_policy(host, core) / "scaling_max_freq")
        base = text(_policy(host, core) / "base_frequency")
        if limit and base and int(limit) < int(base):
            mend = f"sudo cpupower frequency-set -u {base}"
            return TURBO.red(f"core {core} is held at {limit} kHz, below its base {base} kHz", mend)
    no_turbo = text(host.cpu / "intel_pstate/no_turbo")
    boost = text(host.cpu / "cpufreq/boost")
    if no_turbo is None and boost is None:
        return TURBO.absent("not told: a virtual machine's clocks are its host's")
    if no_turbo == "1" or (no_turbo is None and boost == "0"):
        return TURBO.green("off")
    switch = "0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"
    if no_turbo is not None:
        switch = "1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
    return TURBO.yellow("on", f"echo {switch}")


def hardware_threads(host: Host, busy: Mapping[int, float]) -> Finding:
    """Whether our core is shared with another hardware thread; `busy` shares are of cores now."""
    if not any((host.cpu / f"cpu{core}/topology").is_dir() for core in host.cores):
        return SMT.absent("not told")
    beside = {core: hardware_siblings(core, host.cpu) - {core} for core in host.cores}
    shared = [(core, min(others)) for core, others in beside.items() if others]
    if not shared:
        return SMT.green("one thread a core, as far as the machine tells")
    mend = "echo off | sudo tee /sys/devices/system/cpu/smt/control"
    for core, other in shared:
        if busy.get(other, 0.0) > SIBLING_BUSY:
            return SMT.red(
                f"core {other}, beside core {core}, is busy {100 * busy[other]:.0f} % of the time",
                mend,
            )
    core, other = shared[0]
    return SMT.yellow(f"core {core} shares its hardware with core {other}", mend)


def cores(host: Host, pin: Callable[[int, Iterable[int]], None] | None = None) -> Finding:
    """How many we may use, and whether a process may be pinned."""
    pin = pin or getattr(os, "sched_setaffinity", None)
    if pin is None or not host.allowed:
        return CORES.absent("this system pins no process: cases are flagged not_pinned")
    try:
        pin(0, host.allowed)
    except OSError as error:
        mend = "docker run --security-opt seccomp=unconfined ..., or allow sched_setaffinity"
        return CORES.red(f"pinning is refused: {error.strerror or error}", mend)
    isolated = text(host.cpu / "isolated") or "none"
    named = ",".join(map(str, host.cores))
    value = f"{len(host.allowed)} allowed, a child gets {named}; isolated: {isolated}"
    if len(host.allowed) == 1:
        return CORES.yellow(value, "taskset --all-tasks -p -c 0-1 $$")
    return CORES.green(value)


def clock_source(host: Host) -> Finding:
    """What the kernel counts time with."""
    name = text(host.clocksource / "current_clocksource")
    if not name:
        return CLOCK.absent("not told")
    if name in SOUND_CLOCKS:
        return CLOCK.green(name)
    there = (text(host.clocksource / "available_clocksource") or "").split()
    better = next((sound for sound in SOUND_CLOCKS if sound in there), None)
    place = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    mend = f"echo {better} | sudo tee {place}" if better else "boot the kernel with tsc=reliable"
    return CLOCK.red(name, mend)


def timer(clock_ns: Callable[[], int], source: Finding) -> Finding:
    """What a reading costs, the smallest step it shows, and the blocks that this leads to."""
    readings = [clock_ns() for _ in range(READS + 1)]
    steps = [later - earlier for earlier, later in pairwise(readings)]
    batches = [readings[start : start + BATCH + 1] for start in range(0, READS, BATCH)]
    cost_s = min(batch[-1] - batch[0] for batch in batches) / BATCH * 1e-9
    step_s = min((step for step in steps if step > 0), default=0) * 1e-9
    is_fault_of_source = source.light is Light.RED
    value = f"a reading costs {show_time(cost_s)}, steps of {show_time(step_s)}"
    if not step_s or min(steps) < 0 or max(cost_s, step_s) > READ_RED_S:
        mend = AS_THE_SOURCE if is_fault_of_source else ELSEWHERE
        return TIMER.red(value if min(steps) >= 0 else "the clock ran backwards", mend)
    value += f"; blocks of {show_time(least_block_s(empty_block_s(clock_ns)))}"
    if cost_s <= READ_GREEN_S:
        return TIMER.green(value)
    if is_fault_of_source:
        return TIMER.yellow(value, AS_THE_SOURCE)
    return TIMER.yellow(f"{value}; nothing has to be done")


def _looked_at(host: Host) -> tuple[int, ...]:
    return host.cores or host.allowed or (0,)


def _policy(host: Host, core: int) -> Path:
    return host.cpu / f"cpu{core}" / "cpufreq"
