"""One sabench at a time on a device: a lock by UUID, for all users of the machine. Torch-free."""

import json
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sabench.errors import DeviceError
from sabench.launch.events import Listener, Notice, ignore
from sabench.records import Environment

TRY_EVERY_S = 0.2
SHARED = Path("/tmp")  # whatever TMPDIR says: other users must find the same folder


@contextmanager
def device_lock(
    environment: Environment, *, wait: bool = False, run: str = "", listener: Listener = ignore
) -> Iterator[None]:
    """Hold a device until the block ends, or this process does, however that ends.

    Not to be nested: a second lock on the device waits for the first, in one process too.
    Raises: DeviceError naming who holds it, unless asked to wait; if no lock file can be made.
    """

    def awaited(holder: str) -> None:
        listener(Notice(f"waiting for {environment.device_name}: held by {holder}"))

    key, name = device_key(environment), environment.device_name
    with locked(key, wait_s=math.inf if wait else 0.0, run=run, name=name, awaited=awaited):
        yield


@contextmanager
def device_locks(
    environments: Iterable[Environment],
    *,
    wait: bool = False,
    run: str = "",
    listener: Listener = ignore,
) -> Iterator[None]:
    """Hold several, always in the same order: two runs never wait for each other.

    Raises: as `device_lock`.
    """
    by_key = {device_key(environment): environment for environment in environments}
    with ExitStack() as stack:
        for key in sorted(by_key):
            one = device_lock(by_key[key], wait=wait, run=run, listener=listener)
            stack.enter_context(one)
        yield


def device_key(environment: Environment) -> str:
    """What a device is locked by: its UUID, a board's or an instance's; the CPU as a whole."""
    if environment.device_kind == "cpu":
        return "cpu"
    return environment.device_uuid or "gpu"  # without a UUID: any


@contextmanager
def locked(
    key: str,
    *,
    wait_s: float = 0.0,
    run: str = "",
    name: str = "",
    awaited: Callable[[str], None] = lambda _holder: None,
) -> Iterator[None]:
    """Hold a key's lock file, waiting so long for it; `awaited` is told whom for.

    Raises: DeviceError naming the process and run that hold it still.
    """
    descriptor = _open(key)
    try:
        if not _take(descriptor, wait_s, awaited):
            raise DeviceError(
                f"device {name or key} is in use by another sabench: {_holder(descriptor)}; "
                "--wait waits for it, --no-lock measures beside it"
            )
        _write(descriptor, {"pid": os.getpid(), "run": run, "since": _now()})
        try:
            yield
        finally:
            _write(descriptor, {})
    finally:
        os.close(descriptor)


def lock_folder(variables: Mapping[str, str]) -> Path:
    """Where lock files lie: the machine's, unless another is named.

    Not under $SABENCH_STATE: two users with a state each share the device all the same.
    """
    shared = SHARED if SHARED.is_dir() else Path(tempfile.gettempdir())
    return Path(variables.get("SABENCH_LOCKS") or shared / "sabench-locks")


def _take(descriptor: int, wait_s: float, awaited: Callable[[str], None]) -> bool:
    """Whether the lock is ours now."""
    import fcntl  # not on Windows, where nothing is measured

    end = time.monotonic() + wait_s
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    if wait_s > 0:
        awaited(_holder(descriptor))
    if math.isinf(wait_s):
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # asleep until it is free
        return True
    while time.monotonic() < end:
        time.sleep(TRY_EVERY_S)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _open(key: str) -> int:
    folder = lock_folder(os.environ)
    try:
        _make(folder)
        return _open_file(folder / f"{re.sub(r'[^A-Za-z0-9.-]', '-', key)}.lock")
    except OSError as error:
        raise DeviceError(
            f"the device cannot be locked ({folder}: {error.strerror or error}); "
            "SABENCH_LOCKS=FOLDER names another folder, --no-lock measures without a lock"
        ) from error


def _make(folder: Path) -> None:
    """A folder in which every user may make a file, and nobody remove another's."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)


def _open_file(path: Path) -> int:
    """The lock file, never a link. Another user's cannot be asked for with O_CREAT: see proc(5)."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        try:
            return os.open(path, flags | os.O_RDWR)
        except PermissionError:
            return os.open(path, flags | os.O_RDONLY)  # it can be locked, not signed
        except FileNotFoundError:
            pass
        with suppress(FileExistsError):  # somebody made it in between
            descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            with suppress(OSError):
                os.fchmod(descriptor, 0o666)  # whatever the umask says
            return descriptor


def _write(descriptor: int, holder: Mapping[str, object]) -> None:
    with suppress(OSError):  # another user's file, or a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    """Who wrote the file last, in words."""
    try:
        told = json.loads(os.pread(descriptor, 4096, 0))
        run = f", run {told['run']}" if told["run"] else ""
        return f"process {told['pid']}{run}, since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not signed yet"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
