"""The command line. Each command parses, calls one function, shows one thing."""

import os
import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> None:
    """Run one command. A signal while the commands are imported ends it as any later one would."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: what is written goes nowhere
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for good
    try:
        from sabench.cli.commands import main as run
        from sabench.errors import ExitCode
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        run(argv)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
