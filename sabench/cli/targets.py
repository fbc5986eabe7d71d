"""The files that a command writes at its end."""

from pathlib import Path

from sabench.errors import ConfigError


def check_targets(out: Path | None, *files: Path | None) -> None:
    """Files that are written at the end must have a folder: one there is, or the run's own.

    Raises: ConfigError if one has none, or is one, or is named twice.
    """
    named = [file.resolve() for file in files if file is not None]
    for file in files:
        if file is not None and named.count(file.resolve()) > 1:
            raise ConfigError(f"{file}: two outputs would be written to it; name another")
    for file in files:
        if file is not None and file.parent != out and not file.parent.is_dir():
            raise ConfigError(f"{file}: there is no folder {file.parent}")
        if file is not None and file.is_dir():
            raise ConfigError(f"{file}: is a folder; name a file in it")
