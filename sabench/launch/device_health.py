"""A device after a fault: did its memory come back, does it still compute. Torch-free."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from tempfile import TemporaryFile

from sabench.errors import DeviceError
from sabench.launch.process import own_code
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.environment import child_variables
from sabench.measure.neighbours import is_host

LOOK_EVERY_S = 0.1
SLACK_BYTES = 64 * 1024**2  # what the driver itself takes now and then
PROBE_TIMEOUT_S = 60.0  # torch is imported and a context made, on a loaded machine
END_S = 5.0
PROBE = (sys.executable, "-P", "-m", "sabench.measure.device_probe")
ATTEMPTS = 2


def used_memory(uuid: str | None) -> int | None:
    """Bytes of the device in use now; None where that is not told."""
    try:
        with Nvml() as nvml:
            memory = nvml.device(uuid or "").memory()
    except DeviceError:
        return None
    return None if isinstance(memory, Missing) else memory.used


def memory_came_back(
    uuid: str | None,
    pids: Collection[int],
    *,
    within_s: float = 10.0,
    before: int | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether ended processes have left the device, and with them what they took.

    `before` is what was in use without them: it decides where nobody else holds the device, and in
    a container, where NVML's ids are the host's. Where NVML tells nothing there is nothing against
    the device. The CPU has no UUID and no such memory.
    """
    if not uuid:
        return True
    end = clock() + within_s
    try:
        with Nvml() as nvml:
            device = nvml.device(uuid)
            while not _is_clean(device, pids, before):
                if clock() >= end:
                    return False
                sleep(LOOK_EVERY_S)
    except DeviceError:
        pass
    return True


def _is_clean(device: Device, pids: Collection[int], before: int | None) -> bool:
    processes, memory = device.processes(), device.memory()
    if is_host() and not isinstance(processes, Missing) and processes:
        return not {one.pid for one in processes} & set(pids)
    if before is None or isinstance(memory, Missing):
        return True
    return memory.used <= before + SLACK_BYTES


def require_health(device: str, attempts: int = ATTEMPTS) -> None:
    """Go on if one probe in a fresh process succeeds.

    Raises: DeviceError if none does.
    """
    for _ in range(attempts):
        if not (fault := probe(device)):
            return
    raise DeviceError(
        f"device {device} does not compute any more ({fault}): what was measured is kept; "
        "mend or reset it, then --resume"
    )


def probe(device: str, command: Sequence[str] = PROBE, timeout_s: float = PROBE_TIMEOUT_S) -> str:
    """What a fresh process that makes a context and multiplies says against the device, or ""."""
    variables = os.environ | child_variables(device, 1) | own_code()
    with TemporaryFile() as told:
        process = subprocess.Popen(
            [*command, device],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=variables,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return f"a fresh process did not end within {timeout_s:g} s"
        finally:
            if process.returncode is None:
                _end(process)
        told.seek(0)
        lines = told.read().decode(errors="replace").strip().splitlines()
    if code == 0:
        return ""
    if code < 0:
        return f"a fresh process was ended by {signal.Signals(-code).name}"
    return lines[-1] if lines else f"a fresh process ended with exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and no endless wait: a process that hangs in the driver does not go."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
