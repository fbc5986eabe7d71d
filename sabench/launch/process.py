"""The launcher of child processes on this machine."""

import os
import re
import selectors
import signal
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import sabench
from sabench.cases.plan import Batch
from sabench.errors import DeviceError
from sabench.launch.descendants import began, end_all, marking, new_mark
from sabench.launch.handle import Exited, Said, end_of, understand
from sabench.measure.environment import child_variables

CHILD = (sys.executable, "-P", "-m", "sabench.measure.child")
"""-P: a sabench in the working directory is not taken for this one."""

LONGEST_LINE = 1 << 20

SECRET = re.compile(
    r"^(GITHUB|ACTIONS|RUNNER)_|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)(TOKEN|PAT|KEY)$"
    r"|^SSH_AUTH_SOCK$",
    re.IGNORECASE,
)
"""Names of variables that a workflow or a shell keeps secrets in, or where it takes orders."""


class ProcessLauncher:
    """Starts `command BATCH.json OUTBOX.jsonl` in a session of its own.

    `code`: the variables that decide which sabench a child imports, by default ours; a PYTHONPATH
    of this process reaches it only through them. `folder`: where it starts, by default here.
    `is_foreign`: its code is not the user's own, and is given no secrets.
    """

    def __init__(
        self,
        command: Sequence[str] = CHILD,
        *,
        code: Mapping[str, str] | None = None,
        folder: Path | None = None,
        is_foreign: bool = False,
    ) -> None:
        self.command = tuple(command)
        self._code, self._folder, self._is_foreign = code, folder, is_foreign

    def start(self, batch: Batch, batch_file: Path, outbox: Path) -> "ProcessHandle":
        """Start a child; what it writes to stderr lies beside the outbox, in a `.log`.

        Raises: DeviceError if the process cannot be started.
        """
        log = outbox.with_suffix(".log")
        mark = new_mark()
        inherited = without_secrets(os.environ) if self._is_foreign else os.environ
        variables = {**inherited} | child_variables(batch.device, batch.threads) | marking(mark)
        variables = with_code(variables, own_code() if self._code is None else self._code)
        try:
            with log.open("wb") as stderr:
                process = subprocess.Popen(
                    [*self.command, str(batch_file.resolve()), str(outbox.resolve())],
                    cwd=self._folder,
                    stdin=subprocess.PIPE if batch.turns else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=variables,
                    start_new_session=True,
                )
        except OSError as error:
            raise DeviceError(f"{self.command[0]}: cannot start: {error}") from error
        return ProcessHandle(process, log, mark)


class ProcessHandle:
    """A child process, its process group, and what has left the group."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, mark: str) -> None:
        assert process.stdout is not None  # it was asked for
        self.pid, self._mark, self._began = process.pid, mark, began(process.pid)
        self._process, self._log, self._pipe = process, log, process.stdout
        self._turns = process.stdin  # None: it takes none
        self._pending, self._unfinished = deque[Said](), b""
        os.set_blocking(self._pipe.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)
        self._exit_file = _exit_file(process.pid)
        if self._exit_file is not None:
            self._selector.register(self._exit_file, selectors.EVENT_READ)

    def wait(self, deadline: float) -> Said | Exited | None:
        """Block until the child says something or is gone; None when the deadline is past."""
        while not self._pending:
            if self._process.returncode is not None:
                return Exited(self._process.returncode)
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            ended = not self._read()
            if any(key.fileobj == self._exit_file for key, _ in ready):
                self._reap()
            elif ended and self._exit_file is None:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(0.0, deadline - time.monotonic()))
                    self._reap()
        return self._pending.popleft()

    def grant(self) -> None:
        """A byte wakes a child that waits for its turn."""
        assert self._turns is not None
        with suppress(BrokenPipeError):
            os.write(self._turns.fileno(), b"\n")

    def kill(self, grace_s: float) -> list[int]:
        """SIGTERM to the group, SIGKILL after the grace, to strays too; the ids that outlive it."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            self._await_exit(grace_s)
            self._signal(signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5.0)
        self._close()
        return end_all(self.pid, self._mark, patience_s=5.0, since=self._began)

    def told(self) -> str:
        """The end of the child's stderr."""
        return end_of(self._log)

    def _read(self) -> bool:
        """Take in what lies in the pipe; False at its end."""
        while True:
            try:
                chunk = os.read(self._pipe.fileno(), 65536)
            except BlockingIOError:
                return True
            if not chunk:
                with suppress(KeyError):
                    self._selector.unregister(self._pipe)
                return False
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            self._unfinished = self._unfinished[-LONGEST_LINE:]
            self._pending += [said for line in lines if (said := understand(line)) is not None]

    def _await_exit(self, seconds: float) -> None:
        """Wait for the end without reaping, so that the group's number stays its own."""
        if self._exit_file is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self._exit_file, selectors.EVENT_READ)
            selector.select(seconds)

    def _reap(self) -> None:
        """Collect the exit code, and end whatever the child left behind in its group."""
        self._read()
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _close(self) -> None:
        self._selector.close()
        self._pipe.close()
        if self._turns is not None:
            self._turns.close()
        if self._exit_file is not None:
            os.close(self._exit_file)
            self._exit_file = None


def own_code() -> dict[str, str]:
    """What makes a child import this sabench: where it is not installed, its checkout first."""
    root = str(Path(sabench.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    if root in {sysconfig.get_path(name) for name in ("purelib", "platlib")}:
        return {"PYTHONPATH": inherited} if inherited else {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (root, inherited)))}


def with_code(variables: Mapping[str, str], code: Mapping[str, str]) -> dict[str, str]:
    """The variables with these in place of any PYTHONPATH among them."""
    return {key: value for key, value in variables.items() if key != "PYTHONPATH"} | {**code}


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """What code that is not the user's own may know: no token, nothing of the workflow it is in."""
    return {key: value for key, value in variables.items() if not SECRET.search(key)}


def _exit_file(pid: int) -> int | None:
    """A file that becomes readable when the process ends; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
