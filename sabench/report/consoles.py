"""Where results and progress are written: results to stdout, the rest to stderr."""

import os
import sys

from rich.console import Console


def stdout() -> Console:
    """Results. A pipe gets 100 columns unless $COLUMNS says otherwise."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else 100
    return Console(file=sys.stdout, width=width, highlight=False)


def stderr() -> Console:
    """Progress and warnings."""
    return Console(file=sys.stderr, highlight=False)
