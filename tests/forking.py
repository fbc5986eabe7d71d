"""A command in a process of its own, forked from one that has sabench's imports behind it.

As a shell's but for them: own folder, variables, streams, signals and exit code. An interpreter
that starts anew costs a second, and the tests ask for some hundreds of commands.
"""

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PRELOADED = [
    "sabench.cli",
    "sabench.launch.sweep",
    "sabench.report.table",
    "sabench.store.journal",
    "numpy",
    "yaml",
]
"""What most commands need; torch is not among it, so that no command gets it unasked."""

OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OMP_", "MKL_")
"""What a process reads once, when it starts: with other values of these it is started anew."""

TIMEOUT_S = 120

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(PRELOADED)


def run_command(
    arguments: Sequence[str], cwd: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """`sabench ARGUMENTS` in `cwd` with these variables, and no others.

    Raises: subprocess.TimeoutExpired after two minutes.
    """
    command = [sys.executable, "-m", "sabench", *arguments]
    if _of_the_interpreter(variables) != _of_the_interpreter(dict(os.environ)):
        return subprocess.run(
            command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _server.Process(target=_run, args=(arguments, cwd, variables, out, err))
        process.start()
        process.join(TIMEOUT_S)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, TIMEOUT_S)
        return subprocess.CompletedProcess(
            command, process.exitcode, out.read_text(), err.read_text()
        )


def _of_the_interpreter(variables: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in variables.items() if key.startswith(OF_THE_INTERPRETER)}


def _run(arguments: list[str], cwd: Path, variables: dict[str, str], out: Path, err: Path) -> None:
    """What the forked process does."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    for number, path in enumerate((Path(os.devnull), out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), line_buffering=True)
    sys.argv = ["sabench", *arguments]
    sys.path.insert(0, str(cwd))
    from sabench.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
