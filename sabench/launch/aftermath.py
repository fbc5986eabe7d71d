"""After a child of a CUDA device: did it leave the device as it found it?"""

from collections.abc import Sequence

from sabench.launch.device_health import memory_came_back, require_health, used_memory
from sabench.records import Environment, Record, Status

KILLED = frozenset({Status.TIMEOUT, Status.CRASH})


class Aftermath:
    """Made before a child starts; the CPU needs none of it."""

    def __init__(self, device: str, environment: Environment) -> None:
        self._device, self._uuid = device, environment.device_uuid
        self._is_cuda = environment.device_kind == "cuda"
        self._before = used_memory(self._uuid) if self._is_cuda else None

    def left_clean(self, pid: int, ends: Sequence[Record]) -> bool:
        """Whether the memory of a child that was ended is free again, waiting for it a while."""
        if not self._is_cuda or not any(record.status in KILLED for record in ends):
            return True
        return memory_came_back(self._uuid, (pid,), before=self._before)

    def require_health(self, ends: Sequence[Record]) -> None:
        """Go on only if the device still computes, where a child has made that doubtful.

        Raises: DeviceError if two fresh processes cannot use it.
        """
        if self._is_cuda and any(map(is_alarming, ends)):
            require_health(self._device)


def is_alarming(record: Record) -> bool:
    """Whether a job's process was lost, or the device itself reported a fault."""
    told = record.details
    return record.status is Status.CRASH or "exit_code" in told or "device_fault" in told
