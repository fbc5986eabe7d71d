"""NVML: one device, by its UUID, each value or the reason why not. The only importer of pynvml.

Torch-free. A value that NVML refuses, lacks or loses midway is `Missing`, never 0 or NaN. What
belongs to the board (clocks, power, heat, energy) is the board's for an instance of it (MIG) too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from sabench.errors import DeviceError

T = TypeVar("T")

CLOCK_EVENTS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake",
    0x100: "display_clocks",
}
COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}
NOT_AVAILABLE = (2**32 - 1, 2**64 - 1)  # what NVML writes where it has no number
NO_SAMPLE = (0, 6, 21)  # success without any, not found, no data: nothing new, and no fault


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a value could not be read."""

    reason: str

    def __str__(self) -> str:
        return f"unknown ({self.reason})"


Number = float | Missing


@dataclass(frozen=True, slots=True)
class Process:
    """A process that holds the device, by the id that NVML tells: the host's."""

    pid: int
    memory_bytes: int | None  # None where NVML tells no size


@dataclass(frozen=True, slots=True)
class Uses:
    """The newest sample's time by the driver's clock, and what each process had of the SMs."""

    seen: int
    shares: dict[int, float]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a device."""

    total: int
    used: int


class Nvml:
    """NVML, open until the `with` block ends.

    Raises: DeviceError if it is missing or refuses, then or within the block.
    """

    def __init__(self) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise DeviceError(f"NVML cannot be asked: {error}; install nvidia-ml-py") from error
        self.library: Any = pynvml
        self.must(pynvml.nvmlInit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give it back; a driver that is gone by now is no fault."""
        self.told(self.library.nvmlShutdown)

    def driver(self) -> str | Missing:
        """The driver's version."""
        return self.told(lambda: str(self.library.nvmlSystemGetDriverVersion()))

    def device(self, uuid: str) -> "Device":
        """The board or instance of that UUID.

        Raises: DeviceError if it is not there or must not be seen.
        """
        library = self.library
        handle = self.must(lambda: library.nvmlDeviceGetHandleByUUID(uuid))
        board = handle
        if uuid.startswith("MIG-"):
            parent_of = library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle
            board = self.must(lambda: parent_of(handle))
        return Device(self, uuid, handle, board)

    def told(self, read: Callable[[], T]) -> T | Missing:
        """What a call answers, or why it does not."""
        try:
            return read()
        except (self.library.NVMLError, AttributeError) as error:  # an older library lacks the call
            return Missing(str(error))
        except self.library.NVMLLibraryMismatchError:  # the driver does: no NVMLError, that
            return Missing("Function Not Found")

    def must(self, read: Callable[[], T]) -> T:
        """What a call answers.

        Raises: DeviceError if it does not.
        """
        answer = self.told(read)
        if isinstance(answer, Missing):
            raise DeviceError(f"NVML: {answer.reason}")
        return answer


class Device:
    """A device to read from, as long as its NVML is open."""

    def __init__(self, nvml: Nvml, uuid: str, handle: Any, board: Any) -> None:
        self.uuid, self._nvml, self._library = uuid, nvml, nvml.library
        self._handle, self._board = handle, board

    def sm_clock_mhz(self) -> Number:
        """Now."""
        return self._number("nvmlDeviceGetClockInfo", self._library.NVML_CLOCK_SM)

    def sm_clock_max_mhz(self) -> Number:
        """The most the board allows."""
        return self._number("nvmlDeviceGetMaxClockInfo", self._library.NVML_CLOCK_SM)

    def memory_clock_mhz(self) -> Number:
        """Now."""
        return self._number("nvmlDeviceGetClockInfo", self._library.NVML_CLOCK_MEM)

    def memory_clock_max_mhz(self) -> Number:
        """The most the board allows."""
        return self._number("nvmlDeviceGetMaxClockInfo", self._library.NVML_CLOCK_MEM)

    def power_w(self) -> Number:
        """The board's power, averaged by the driver."""
        return self._number("nvmlDeviceGetPowerUsage", scale=1e-3)

    def power_instant_w(self) -> Number:
        """The board's power at this moment; an older driver tells only the average."""
        kind = getattr(self._library, "NVML_FI_DEV_POWER_INSTANT", 0)
        fields = self._nvml.told(
            lambda: self._library.nvmlDeviceGetFieldValues(self._board, [kind])
        )
        if isinstance(fields, Missing):
            return fields
        if fields[0].nvmlReturn:
            return Missing(f"not told (code {fields[0].nvmlReturn})")
        return float(fields[0].value.uiVal) * 1e-3

    def power_limit_w(self) -> Number:
        """The limit in force."""
        return self._number("nvmlDeviceGetEnforcedPowerLimit", scale=1e-3)

    def energy_j(self) -> Number:
        """The board's energy counter: joules since the driver was loaded."""
        return self._number("nvmlDeviceGetTotalEnergyConsumption", scale=1e-3)

    def temperature_c(self) -> Number:
        """Of the chip."""
        return self._number("nvmlDeviceGetTemperature", self._library.NVML_TEMPERATURE_GPU)

    def slowdown_c(self) -> Number:
        """The temperature at which the device slows itself down."""
        kind = self._library.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        return self._number("nvmlDeviceGetTemperatureThreshold", kind)

    def utilisation(self) -> Number:
        """Share of the last sampling period in which anything ran."""
        rates = self._read("nvmlDeviceGetUtilizationRates")
        return rates if isinstance(rates, Missing) else rates.gpu / 100

    def memory(self) -> Memory | Missing:
        """Of the device; of the instance, if it is one."""
        told = self._read("nvmlDeviceGetMemoryInfo", of=self._handle)
        return told if isinstance(told, Missing) else Memory(told.total, told.used)

    def clock_events(self) -> frozenset[str] | Missing:
        """Names of what holds the clocks down; a driver before 535 calls them throttle reasons."""
        bits = self._read("nvmlDeviceGetCurrentClocksEventReasons")
        if isinstance(bits, Missing):
            older = self._read("nvmlDeviceGetCurrentClocksThrottleReasons")
            bits = bits if isinstance(older, Missing) else older
        if isinstance(bits, Missing):
            return bits
        return frozenset(name for bit, name in CLOCK_EVENTS.items() if bits & bit)

    def processes(self) -> tuple[Process, ...] | Missing:
        """Those that hold the device, for computing or graphics, each once."""
        computing = self._read("nvmlDeviceGetComputeRunningProcesses", of=self._handle)
        if isinstance(computing, Missing):
            return computing
        drawing = self._read("nvmlDeviceGetGraphicsRunningProcesses", of=self._handle)
        listed = [*([] if isinstance(drawing, Missing) else drawing), *computing]
        sizes = {one.pid: one.usedGpuMemory for one in listed}
        return tuple(Process(pid, sizes[pid]) for pid in sorted(sizes))

    def uses(self, seen: int) -> Uses | Missing:
        """What each process had of the SMs in the samples after `seen`; it may be none."""
        library = self._library
        try:
            samples = library.nvmlDeviceGetProcessUtilization(self._board, seen)
        except library.NVMLError as error:
            return Uses(seen, {}) if error.value in NO_SAMPLE else Missing(str(error))
        shares: dict[int, float] = {}
        for one in samples:
            if one.timeStamp > seen:
                shares[one.pid] = max(shares.get(one.pid, 0.0), one.smUtil / 100)
        return Uses(max([seen, *(one.timeStamp for one in samples)]), shares)

    def clock_policy(self) -> str | Missing:
        """Whether somebody has set an application clock."""
        kind = self._library.NVML_CLOCK_SM
        clock = self._number("nvmlDeviceGetApplicationsClock", kind)
        default = self._number("nvmlDeviceGetDefaultApplicationsClock", kind)
        for missing in (clock, default):
            if isinstance(missing, Missing):
                return missing
        return "default" if clock == default else f"application clock {clock:.0f} MHz"

    def ecc(self) -> str | Missing:
        """Whether memory errors are corrected: on or off."""
        return self._mode("nvmlDeviceGetEccMode")

    def mig(self) -> str | Missing:
        """Whether the board is divided into instances: on or off."""
        return self._mode("nvmlDeviceGetMigMode")

    def persistence(self) -> str | Missing:
        """Whether the driver stays loaded without a user: on or off."""
        state = self._read("nvmlDeviceGetPersistenceMode")
        return state if isinstance(state, Missing) else _on(state)

    def compute_mode(self) -> str | Missing:
        """Who may compute here."""
        mode = self._read("nvmlDeviceGetComputeMode")
        return mode if isinstance(mode, Missing) else COMPUTE_MODES.get(mode, str(mode))

    def _mode(self, function: str) -> str | Missing:
        modes = self._read(function)  # the current one, and that after the next start
        return modes if isinstance(modes, Missing) else _on(modes[0])

    def _number(self, function: str, *arguments: int, scale: float = 1.0) -> Number:
        told = self._read(function, *arguments)
        if isinstance(told, Missing):
            return told
        return Missing("not available") if told in NOT_AVAILABLE else float(told * scale)

    def _read(self, function: str, *arguments: int, of: Any = None) -> Any:
        handle = self._board if of is None else of
        return self._nvml.told(lambda: getattr(self._library, function)(handle, *arguments))


def _on(value: int) -> str:
    return "on" if value else "off"
