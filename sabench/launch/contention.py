"""Whether others use the machine or the device before a sweep starts, and what to do then."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sabench.errors import ConfigError, DeviceError
from sabench.launch.events import Listener, Notice
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.core_speed import slow_share
from sabench.measure.device import Missing, Nvml
from sabench.measure.gpus import find_gpu
from sabench.measure.load import ForeignLoad, machine_usage
from sabench.units import show_duration

BUSY_SHARE = 0.05  # of the machine's cores, or of the time in which the device did anything
STOLEN_SHARE = 0.01  # of the machine's cores, by its hypervisor
SLOW_SHARE = 0.10  # of the time in which another machine's work shares a core
LEAST_GLANCE_S = 0.1  # at one core of many
GLANCE_S, LOOK_S = 0.3, 1.0  # /proc/stat counts by 10 ms; NVML's own period is up to a second
READ_EVERY_S = 0.2
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}

Busy = Callable[[str, float], str]
"""(device, seconds to look for) -> who else is at work, in words; empty if nobody is."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about it: say so, wait so long for quiet, or refuse."""

    kind: Literal["warn", "wait", "fail"] = "warn"
    wait_s: float = 0.0


WARN = Policy()


def parse_policy(text: str) -> Policy:
    """'warn', 'fail', 'wait:60s', 'wait:5min'.

    Raises: ConfigError for anything else.
    """
    if text in ("warn", "fail"):
        return Policy(kind="warn" if text == "warn" else "fail")
    match = re.fullmatch(r"wait:(\d{1,6}(?:\.\d+)?)(s|min|h)", text)
    if match is None:
        raise ConfigError(f"--on-contention {text}: write warn, fail or wait:60s (s, min, h)")
    return Policy("wait", float(match[1]) * SECONDS[match[2]])


def await_quiet(
    devices: Sequence[str],
    policy: Policy,
    listener: Listener,
    busy: Busy | None = None,
    *,
    threads: int = 1,
    core_best: float = 0.0,
) -> None:
    """Return when the devices are quiet, or as the policy says.

    `threads`: of the case that has most; so many cores are looked at. `core_best`: how fast earlier
    runs saw one; 0: not known.

    Raises: DeviceError if they are not and the policy is to fail.
    """
    busy = busy or partial(neighbours, threads=threads, core_best=core_best)
    look_s = GLANCE_S if policy.kind == "warn" else LOOK_S
    until, said = time.monotonic() + policy.wait_s, False
    while told := "; ".join(filter(None, (busy(device, look_s) for device in devices))):
        if policy.kind == "fail":
            raise DeviceError(
                f"{told}: not measured, since --on-contention is fail; "
                "--on-contention wait:10min waits for quiet"
            )
        if policy.kind == "warn":
            return listener(Notice(f"{told}: disturbed figures will be flagged, or have no rank"))
        if time.monotonic() >= until:
            return listener(Notice(f"{told}, still after {show_duration(policy.wait_s)}"))
        if not said:
            listener(Notice(f"{told}: waiting up to {show_duration(policy.wait_s)} for quiet"))
            said = True
    return None


def neighbours(device: str, look_s: float, threads: int = 1, core_best: float = 0.0) -> str:
    """Who else is at work, by counters alone. What cannot be read is nobody: a job flags it.

    `threads`: of the case that has most; so many cores are looked at.
    """
    return _on_cores(look_s, threads, core_best) if device == "cpu" else _on_device(device, look_s)


def _on_cores(look_s: float, threads: int, core_best: float) -> str:
    before = machine_usage()
    time.sleep(look_s)
    load = ForeignLoad.between(before, machine_usage())
    if load.foreign > BUSY_SHARE * load.cores or load.steal > STOLEN_SHARE * load.cores:
        stolen = f", {load.steal:.2f} more are stolen" if load.steal > 0 else ""
        return f"{load.foreign:.2f} of {load.cores} cores are busy with other work{stolen}"
    if look_s < LOOK_S:  # too short to know how fast the core can be
        return ""
    allowed = allowed_cores()
    cores = choose_cores(min(threads, len(allowed)), allowed)
    slow = slow_share(cores, max(GLANCE_S / max(1, len(cores)), LEAST_GLANCE_S), core_best)
    if slow > SLOW_SHARE:
        return f"something unseen shares a core {slow:.0%} of the time"
    return ""


def _on_device(device: str, look_s: float) -> str:
    """The device's own share of time at work: idle contexts of others are no contention."""
    highest, until = 0.0, time.monotonic() + look_s
    try:
        with Nvml() as nvml:
            board = nvml.device(find_gpu(device).uuid)
            while True:
                share = board.utilisation()
                highest = max(highest, 0.0 if isinstance(share, Missing) else share)
                if isinstance(share, Missing) or time.monotonic() >= until:
                    break
                time.sleep(READ_EVERY_S)
    except DeviceError:
        return ""
    return f"{device} is {highest:.0%} busy with other work" if highest > BUSY_SHARE else ""
