"""Reads a device again and again while something else runs on it. Torch-free.

As a program of its own, python -m sabench.measure.sampler UUID PERIOD_S [CORE,CORE], it writes one
reading a line, the time by a clock that all processes share, until nobody reads them.
"""

import os
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import Event, Thread

from sabench.errors import DeviceError
from sabench.measure.cores import hardware_siblings
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.device_readings import DeviceReader, ReadingLog
from sabench.measure.device_watch import DeviceSpan
from sabench.measure.neighbours import own_pid
from sabench.records import Frozen

JOIN_S = 2.0  # for a driver that does not answer: the thread is left to itself

FindOwn = Callable[[Device], int | Missing]


class Refused(Frozen):
    """Said instead of a reading where NVML cannot be opened."""

    refused: str


class DeviceSampler:
    """Watches a device from a thread of this process, on another core than the measured thread's.

    It never ends a job: where NVML is missing, refuses or goes away, `reason` says so and the spans
    are empty, or hold what could still be read.
    """

    def __init__(self, uuid: str, period_s: float, find_own: FindOwn = own_pid) -> None:
        self._uuid, self._period_s, self._find_own = uuid, period_s, find_own
        self._log, self._ended = ReadingLog(), Event()
        self._thread: Thread | None = None
        self._nvml: Nvml | None = None

    @property
    def reason(self) -> str:
        """Why something is not told; empty while everything is."""
        return self._log.reason

    def start(self) -> None:
        """Open NVML, take a first reading, go on in the background."""
        try:
            self._nvml = Nvml()
            device = self._nvml.device(self._uuid)
        except DeviceError as error:
            self._log.fault = str(error)
            return
        self._log.own = self._find_own(device)
        reader = DeviceReader(device)
        self._log.add(reader.read())
        going = (reader, spare_cores())
        self._thread = Thread(target=self._run, args=going, name="sabench-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more; what was read stays."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                self._log.fault = "the driver does not answer"
                return
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """What was read in a span of `time.perf_counter`; a reading close by if none was."""
        return self._log.between(start_s, end_s)

    def _run(self, reader: DeviceReader, cores: frozenset[int]) -> None:
        move_to(cores)
        while not self._ended.wait(self._period_s):
            self._log.add(reader.read())


def spare_cores() -> frozenset[int]:
    """The cores that the process may use without disturbing the measured ones; it may be none.

    The measured thread is pinned; what else is allowed is what its parent has. Hardware siblings
    of the measured cores are left alone if there are others.
    """
    try:
        ours = os.sched_getaffinity(0)
        others = os.sched_getaffinity(os.getppid()) - ours
    except (AttributeError, OSError):
        return frozenset()
    apart = others - frozenset[int]().union(*map(hardware_siblings, ours))
    return frozenset(apart or others)


def move_to(cores: Collection[int]) -> None:
    """Run the calling thread on these cores from now on; where that is refused, stay."""
    if cores:
        with suppress(AttributeError, OSError):
            os.sched_setaffinity(0, cores)


def main(argv: list[str]) -> int:
    """Write readings to standard output until nobody reads them."""
    uuid, period_s = argv[0], float(argv[1])
    move_to([int(core) for core in argv[2].split(",")] if argv[2:] else ())
    try:
        with Nvml() as nvml:
            reader = DeviceReader(nvml.device(uuid))
            while True:
                line = reader.read().model_dump_json(exclude_none=True)
                os.write(1, line.encode() + b"\n")
                time.sleep(period_s)
    except DeviceError as error:
        os.write(1, Refused(refused=str(error)).model_dump_json().encode() + b"\n")
        return error.exit_code
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
