"""A CUDA device as NVML tells it: rights, clocks, modes, others, energy. Torch-free."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sabench.errors import DeviceError
from sabench.measure.device import Device, Memory, Missing, Number, Nvml, Process, Uses
from sabench.measure.doctor.finding import Finding, Part
from sabench.measure.gpus import Gpu, list_boards
from sabench.units import show_bytes, show_time

SLOWED = frozenset({"hw_slowdown", "hw_thermal_slowdown", "sw_thermal_slowdown", "hw_power_brake"})
NEAR_SLOWDOWN_C = 5
BUSY = 0.05
HELD_BYTES = 1024**3  # with no process to show for it
POLL_S, POLL_EVERY_S = 0.5, 2e-3
SLOW_COUNTER_S = 0.2

RIGHTS = Part("NVML", "What NVML does not tell cannot be held against a figure.")
CLOCKS = Part("clocks", "A device that slows itself down measures its cooling.")
ECC = Part(
    "ECC", "Correcting memory errors takes bandwidth on some boards: a setting of the figure."
)
PERSISTENCE = Part(
    "persistence", "Without it the driver unloads between children, and starts cold."
)
MIG = Part("MIG", "An instance shares power, heat and the energy counter with its board.")
MODE = Part("compute mode", "A device that admits no process measures nothing.")
OTHERS = Part("others on it", "A kernel of somebody else's runs inside our figure.")
ENERGY = Part("energy counter", "A window of energy must hold twenty of the counter's steps.")


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the checks look at; `step_s` is None for a counter that stood still."""

    sm_clock_mhz: Number
    sm_clock_max_mhz: Number
    temperature_c: Number
    slowdown_c: Number
    utilisation: Number
    events: frozenset[str] | Missing
    processes: tuple[Process, ...] | Missing
    uses: Uses | Missing
    memory: Memory | Missing
    policy: str | Missing
    ecc: str | Missing
    mig: str | Missing
    persistence: str | Missing
    compute_mode: str | Missing
    step_s: float | Missing | None


def read(device: Device, clock: Callable[[], float] = time.perf_counter) -> Reading:
    """Everything now; the counter's steps take half a second."""
    return Reading(
        sm_clock_mhz=device.sm_clock_mhz(),
        sm_clock_max_mhz=device.sm_clock_max_mhz(),
        temperature_c=device.temperature_c(),
        slowdown_c=device.slowdown_c(),
        utilisation=device.utilisation(),
        events=device.clock_events(),
        processes=device.processes(),
        uses=device.uses(0),
        memory=device.memory(),
        policy=device.clock_policy(),
        ecc=device.ecc(),
        mig=device.mig(),
        persistence=device.persistence(),
        compute_mode=device.compute_mode(),
        step_s=_step_s(device, clock),
    )


def examine_gpu(gpu: Gpu) -> list[Finding]:
    """All checks of a device, each under its name; one red line where NVML does not answer."""
    try:
        with Nvml() as nvml:
            findings = checks(read(nvml.device(gpu.uuid)), gpu.index)
    except DeviceError as error:
        findings = [RIGHTS.red(str(error), "nvidia-smi  # and see what it cannot tell either")]
    return [replace(one, name=f"{gpu.device} {one.name}") for one in findings]


def driver_version() -> str | None:
    """The driver's; None where there is no device to drive."""
    try:
        with Nvml() as nvml:
            told = nvml.driver()
            return str(told) if list_boards(nvml) else None
    except DeviceError:
        return None


def checks(reading: Reading, index: int) -> list[Finding]:
    """All checks of what was read."""
    return [
        rights(reading),
        clocks(reading),
        others(reading),
        mode(reading.compute_mode, index),
        persistence(reading.persistence, index),
        mig(reading.mig, index),
        ecc(reading.ecc, index),
        energy_counter(reading.step_s),
    ]


def rights(reading: Reading) -> Finding:
    """What NVML refuses of that which figures are judged by."""
    needed = {
        "clocks": reading.sm_clock_mhz,
        "clock events": reading.events,
        "processes": reading.processes,
        "use by process": reading.uses,
    }
    missing = {name: value for name, value in needed.items() if isinstance(value, Missing)}
    if not missing:
        return RIGHTS.green("everything that figures are judged by is told")
    value = "; ".join(f"{name}: {why.reason}" for name, why in missing.items())
    if missing.keys() == {"use by process"}:
        return RIGHTS.yellow(value)
    refused = any("ermission" in why.reason for why in missing.values())
    right = "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility ..."
    return RIGHTS.red(
        value, right if refused else "nvidia-smi  # and see what it cannot tell either"
    )


def clocks(reading: Reading) -> Finding:
    """Clock and heat, and what holds the clock down."""
    if isinstance(reading.events, Missing):
        return CLOCKS.absent(f"not told: {reading.events.reason}")
    value = f"{_told(reading.sm_clock_mhz)} of {_told(reading.sm_clock_max_mhz)} MHz"
    value += (
        f", {_told(reading.temperature_c)} C, {', '.join(sorted(reading.events)) or 'no events'}"
    )
    if not isinstance(reading.policy, Missing) and reading.policy != "default":
        value += f", {reading.policy}"
    mend = "nvidia-smi -q -d PERFORMANCE,TEMPERATURE  # then see to the cooling or the supply"
    if reading.events & SLOWED:
        return CLOCKS.red(value, mend)
    limit = reading.slowdown_c
    if _is_near(reading.temperature_c, limit):
        return CLOCKS.red(f"{value}: slows itself down at {_told(limit)} C", mend)
    return CLOCKS.yellow(value, mend) if "sw_power_cap" in reading.events else CLOCKS.green(value)


def others(reading: Reading) -> Finding:
    """Who holds the device, and who uses it."""
    if isinstance(reading.processes, Missing):
        return OTHERS.absent(f"not told: {reading.processes.reason}")
    pids = [one.pid for one in reading.processes if one.pid != os.getpid()]
    named = ",".join(map(str, pids))
    mend = f"ps -o pid,user,etime,args -p {named}  # and ask its owner" if pids else "nvidia-smi"
    use = 0.0 if isinstance(reading.utilisation, Missing) else reading.utilisation
    if use > BUSY:
        who = f" (processes {named})" if pids else ""
        return OTHERS.red(f"{100 * use:.0f} % busy with other work{who}", mend)
    if pids:
        return OTHERS.yellow(f"held, not used, by processes {named}", mend)
    used = 0 if isinstance(reading.memory, Missing) else reading.memory.used
    if used > HELD_BYTES:
        return OTHERS.yellow(f"{show_bytes(used)} held by processes that are not told", mend)
    return OTHERS.green("none")


def mode(told: str | Missing, index: int) -> Finding:
    """Who may compute."""
    if isinstance(told, Missing):
        return MODE.absent(f"not told: {told.reason}")
    mend = f"sudo nvidia-smi -i {index} -c DEFAULT"
    return MODE.red(told, mend) if told == "prohibited" else MODE.green(told)


def persistence(told: str | Missing, index: int) -> Finding:
    """Whether the driver stays."""
    if isinstance(told, Missing):
        return PERSISTENCE.absent(f"not told: {told.reason}")
    mend = f"sudo nvidia-smi -i {index} -pm 1"
    return PERSISTENCE.green(told) if told == "on" else PERSISTENCE.yellow(told, mend)


def mig(told: str | Missing, index: int) -> Finding:
    """Whether the board is divided."""
    if isinstance(told, Missing):
        return MIG.absent(f"not told: {told.reason}")
    mend = f"sudo nvidia-smi -i {index} -mig 0"
    return MIG.yellow("on: energy is the board's", mend) if told == "on" else MIG.green(told)


def ecc(told: str | Missing, index: int) -> Finding:
    """Whether memory errors are corrected."""
    if isinstance(told, Missing):
        return ECC.absent(f"not told: {told.reason}")
    mend = f"sudo nvidia-smi -i {index} -e 1"
    return ECC.green(told) if told == "on" else ECC.yellow("off", mend)


def energy_counter(step_s: float | Missing | None) -> Finding:
    """How often it moves."""
    if isinstance(step_s, Missing):
        return ENERGY.absent(f"no energy figures: {step_s.reason}")
    if step_s is None:
        mend = "sudo modprobe -r nvidia_uvm nvidia && sudo modprobe nvidia  # with nobody on it"
        return ENERGY.red(f"stood still for {show_time(POLL_S)}", mend)
    value = f"moves every {show_time(step_s)}"
    return ENERGY.yellow(value) if step_s > SLOW_COUNTER_S else ENERGY.green(value)


def _step_s(device: Device, clock: Callable[[], float]) -> float | Missing | None:
    """Mean seconds between two steps of the energy counter."""
    last, moved = device.energy_j(), list[float]()
    start = clock()
    while clock() - start < POLL_S:
        now = device.energy_j()
        if isinstance(now, Missing):
            return now
        if now != last:
            moved.append(clock())
            last = now
        time.sleep(POLL_EVERY_S)
    if len(moved) > 1:
        return (moved[-1] - moved[0]) / (len(moved) - 1)
    return POLL_S if moved else None


def _is_near(heat: Number, limit: Number) -> bool:
    if isinstance(heat, Missing) or isinstance(limit, Missing):
        return False
    return heat > limit - NEAR_SLOWDOWN_C


def _told(value: Number) -> str:
    return "?" if isinstance(value, Missing) else f"{value:.0f}"
