"""All commands on one application, and the only place where an error becomes an exit code."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from sabench.cli import (
    accept,
    compare,
    count,
    doctor,
    explain,
    gate,
    listing,
    profile,
    ranks,
    report,
    score,
    selftest,
    show,
    train,
    tune,
    verify,
)  # each adds its command
from sabench.cli.app import app
from sabench.errors import ConfigError, ExitCode, SabenchError
from sabench.report.plain import plain

__all__ = [
    "accept",
    "app",
    "compare",
    "count",
    "doctor",
    "explain",
    "gate",
    "listing",
    "main",
    "profile",
    "ranks",
    "report",
    "score",
    "selftest",
    "show",
    "train",
    "tune",
    "verify",
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from sabench import __version__

        typer.echo(f"sabench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Which spatial layer should a vision network use on this device?"""


def main(argv: list[str] | None = None) -> None:
    """Run one command; show a SabenchError as one line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that the locale lacks is no fault
            stream.reconfigure(errors="backslashreplace")
    try:
        _check_letters(sys.argv[1:] if argv is None else argv)
        app(args=argv)
    except SabenchError as error:
        typer.secho(f"error: {plain(str(error))}", fg="red", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader closed the pipe: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except OSError as error:  # a path that the system refuses: its name is too long, it is a loop
        told = error.strerror or str(error)
        told = f"{error.filename}: {told}" if error.filename else told
        typer.secho(f"error: {plain(told)}", fg="red", err=True)
        sys.exit(ExitCode.USAGE)


def _check_letters(arguments: list[str]) -> None:
    """What is kept of a command line is text.

    Raises: ConfigError if an argument has bytes that the locale knows no letter for.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            encoding = sys.getfilesystemencoding()
            raise ConfigError(
                f"argument {argument!r}: has bytes that are no {encoding}; rename it, or choose a "
                "UTF-8 locale"
            ) from error
