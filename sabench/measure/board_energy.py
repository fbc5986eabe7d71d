"""A board's energy as NVML counts it: an `EnergyCounter` of a CUDA device. Torch-free."""

from collections.abc import Callable

from sabench.errors import DeviceError
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.gpus import find_gpu
from sabench.measure.neighbours import own_pid


class BoardEnergy:
    """The counter of the whole board, whatever part of it (MIG) the device is.

    NVML stays open as long as this does: opening it takes longer than a window may be off by.
    """

    source = "NVML total energy"

    def __init__(self, device: Device, own: int | Missing) -> None:
        self._device, self._own = device, own
        self._there: frozenset[int] = frozenset()
        self._instant = not isinstance(device.power_instant_w(), Missing)

    def joules(self) -> float:
        """Joules since the driver was loaded.

        Raises: DeviceError if NVML does not tell them.
        """
        told = self._device.energy_j()
        if isinstance(told, Missing):
            raise DeviceError(f"the energy counter cannot be read: NVML: {told.reason}")
        return told

    def power_w(self) -> float | None:
        """The board's power now, as fresh as the driver tells it."""
        read = self._device.power_instant_w if self._instant else self._device.power_w
        return _number(read())

    def temperature_c(self) -> float | None:
        """Of the chip."""
        return _number(self._device.temperature_c())

    def watch(self) -> None:
        """Note who is on the board: whoever holds memory there may work."""
        self._there = self._pids()

    def others(self) -> str:
        """Who else was there at any look since then."""
        if self._device.mig() == "on":
            return "the board is divided (MIG) and the counter covers all of it"
        self._there |= self._pids()
        if isinstance(self._own, Missing):
            count = len(self._there)
            return f"{count} processes hold the board, ours not told apart" if count > 1 else ""
        foreign = ", ".join(str(pid) for pid in sorted(self._there - {self._own}))
        return f"processes on the board beside ours: {foreign}" if foreign else ""

    def _pids(self) -> frozenset[int]:
        told = self._device.processes()
        return frozenset() if isinstance(told, Missing) else frozenset(one.pid for one in told)

    def facts(self) -> dict[str, str]:
        """The power limit, what the second reading is, and whether neighbours could be seen."""
        told = self._device.processes()
        unseen = told if isinstance(told, Missing) else self._own
        return {
            "power_limit_w": str(self._device.power_limit_w()),
            "power": "at the moment" if self._instant else "averaged by the driver",
            "neighbours": f"{unseen}" if isinstance(unseen, Missing) else "looked for",
        }


def open_board(device: str, find_own: Callable[[Device], int | Missing] = own_pid) -> BoardEnergy:
    """The counter of a CUDA device's board.

    Raises: DeviceError with the reason why there is none to read.
    """
    uuid, nvml = find_gpu(device).uuid, Nvml()
    try:
        board = nvml.device(uuid)
        counter = BoardEnergy(board, find_own(board))
        counter.joules()
    except DeviceError:
        nvml.close()
        raise
    return counter


def _number(told: float | Missing) -> float | None:
    return None if isinstance(told, Missing) else told
