"""The command line. Each command parses, calls one function, shows one thing."""

from sabench.cli.commands import main

__all__ = ["main"]
