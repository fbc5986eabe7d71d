"""The command line. Each command parses, calls one function, shows one thing."""

import os
import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> None:
    """Run one command. A signal while the commands are imported ends it as any later one would."""
    _fill_closed_streams()
    try:
        from sabench.cli.commands import main as run
        from sabench.errors import ExitCode
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        run(argv)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _fill_closed_streams() -> None:
    """What the caller has closed reads and writes nothing; no file of ours takes its number."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for good
