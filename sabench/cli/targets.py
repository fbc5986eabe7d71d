"""The files that a command writes at its end."""

import os
from collections import Counter
from pathlib import Path

from sabench.errors import ConfigError


def check_targets(out: Path | None, *files: Path | None) -> None:
    """Files that are written at the end must have a folder: one there is, or the run's own.

    Raises: ConfigError if one has none that can be written, is a folder or a device, or is named
    twice.
    """
    named = [file for file in files if file is not None]
    times = Counter(map(os.path.realpath, named))
    for file in named:
        if file.parent != out and not file.parent.is_dir():
            raise ConfigError(f"{file}: there is no folder {file.parent}")
        if file.parent.is_dir() and not os.access(file.parent, os.W_OK):
            raise ConfigError(f"{file}: nothing can be written in {file.parent}; name another")
        if file.is_dir():
            raise ConfigError(f"{file}: is a folder; name a file in it")
        if file.exists() and not file.is_file():  # it would be replaced, as every output is
            raise ConfigError(f"{file}: is not a file; name one")
        if times[os.path.realpath(file)] > 1:
            raise ConfigError(f"{file}: two outputs would be written to it; name another")
