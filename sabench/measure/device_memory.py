"""Bytes of a device in use, as NVML tells them: all of them, and this process's. Torch-free."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from sabench.errors import DeviceError
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.gpus import find_gpu
from sabench.measure.neighbours import own_pid


class DeviceMemory:
    """Reads a device until its `with` block ends; a value that is not told is its reason."""

    def __init__(self, device: str, find_own: Callable[[Device], int | Missing] = own_pid) -> None:
        self._nvml: Nvml | None = None
        self._board: Device | Missing
        self._own: int | Missing
        try:
            uuid, self._nvml = find_gpu(device).uuid, Nvml()
            self._board = self._nvml.device(uuid)
            self._own = find_own(self._board)
        except DeviceError as error:
            self._board = self._own = Missing(str(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._nvml is not None:
            self._nvml.close()

    def of_device(self) -> int | Missing:
        """Everybody's, the driver's own part included."""
        if isinstance(self._board, Missing):
            return self._board
        told = self._board.memory()
        return told if isinstance(told, Missing) else told.used

    def of_process(self) -> int | Missing:
        """This process's: its tensors, torch's cache and the CUDA context."""
        if isinstance(self._board, Missing):
            return self._board
        if isinstance(self._own, Missing):
            return self._own
        processes = self._board.processes()
        if isinstance(processes, Missing):
            return processes
        for one in processes:
            if one.pid == self._own:
                size = one.memory_bytes
                return Missing("NVML tells no size: WSL, WDDM") if size is None else size
        return Missing("NVML lists no process with this one's id")
