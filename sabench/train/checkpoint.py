"""A training's state on the disk, so that one that was killed goes on as if it had not been."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from sabench.errors import ResultError


class Checkpoint:
    """One file a training. `key` names what it is of: a state of anything else is passed over."""

    def __init__(self, path: Path | None, key: str) -> None:
        self.path, self.key = path, key

    def load(self) -> dict[str, Any] | None:
        """The last state, None if there is none of this training or it cannot be read."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:  # torn, or another version's: torch raises what its readers raise
            return None
        if not isinstance(found, dict) or found.get("key") != self.key:
            return None
        state: dict[str, Any] = found["state"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the last state in one step.

        Raises: ResultError if the disk refuses.
        """
        if self.path is None:
            return
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(exist_ok=True)
            with scratch.open("wb") as file:
                torch.save({"key": self.key, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self.path)
        except (OSError, RuntimeError) as error:  # torch tells of a full disk its own way
            with suppress(OSError):
                scratch.unlink()
            raise ResultError(f"{self.path}: cannot write: {error}") from error

    def remove(self) -> None:
        """The training is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
