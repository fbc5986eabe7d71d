"""Watches a device from a process of its own: no thread and no lock beside the measured one."""

import fcntl
import os
import selectors
import subprocess
import sys
from contextlib import suppress

from pydantic import ValidationError

from sabench.errors import DeviceError
from sabench.measure.device import Nvml
from sabench.measure.device_readings import DeviceReading, ReadingLog
from sabench.measure.device_watch import DeviceSpan
from sabench.measure.neighbours import own_pid
from sabench.measure.sampler import FindOwn, Refused, spare_cores

COMMAND = (sys.executable, "-P", "-m", "sabench.measure.sampler")
PIPE_BYTES = 1 << 20  # ten minutes of readings, so that it need not be emptied while timing
START_S = 20.0  # until the first reading: an interpreter and the driver, on a loaded machine


class ProcessSampler:
    """Starts a reader that ends with its pipe, and so with this process, however that ends."""

    def __init__(self, uuid: str, period_s: float, find_own: FindOwn = own_pid) -> None:
        self._uuid, self._period_s, self._find_own = uuid, period_s, find_own
        self._log, self._unfinished = ReadingLog(), b""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def reason(self) -> str:
        """Why something is not told; empty while everything is."""
        return self._log.reason

    def start(self) -> None:
        """Find out which process is ours, start the reader, wait for its first line."""
        try:
            with Nvml() as nvml:
                self._log.own = self._find_own(nvml.device(self._uuid))
            self._process = self._started()
        except (DeviceError, OSError) as error:
            self._log.fault = str(error)
            return
        with selectors.DefaultSelector() as selector:
            selector.register(_pipe(self._process), selectors.EVENT_READ)
            if not selector.select(START_S):
                self._log.fault = f"the reader said nothing within {START_S:g} s"
        self._drain()

    def stop(self) -> None:
        """End the reader; what was read stays."""
        if self._process is None:
            return
        self._drain()
        process, self._process = self._process, None
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """What was read in a span of `time.perf_counter`; a reading close by if none was."""
        self._drain()
        return self._log.between(start_s, end_s)

    def _started(self) -> subprocess.Popen[bytes]:
        cores = ",".join(map(str, sorted(spare_cores())))
        command = [*COMMAND, self._uuid, str(self._period_s), *([cores] if cores else [])]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        os.set_blocking(_pipe(process), False)
        with suppress(OSError):  # a limit of the user's: a smaller pipe does for less time
            fcntl.fcntl(_pipe(process), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return process

    def _drain(self) -> None:
        """Take in what lies in the pipe."""
        if self._process is None:
            return
        with suppress(BlockingIOError):
            while chunk := os.read(_pipe(self._process), PIPE_BYTES):
                *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
                for line in lines:
                    self._take(line)
            self._log.fault = self._log.fault or "the reader ended"

    def _take(self, line: bytes) -> None:
        try:
            self._log.add(DeviceReading.model_validate_json(line))
        except ValidationError:
            with suppress(ValidationError):
                self._log.fault = Refused.model_validate_json(line).refused


def _pipe(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None  # it was asked for
    return process.stdout.fileno()
