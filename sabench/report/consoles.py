"""Where results and progress are written: results to stdout, the rest to stderr."""

import sys

from rich.console import Console


def stdout() -> Console:
    """Results. A pipe gets 100 columns, never the 80 that Rich would guess."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100, highlight=False)


def stderr() -> Console:
    """Progress and warnings."""
    return Console(file=sys.stderr, highlight=False)
