"""A training's state on the disk, so that one that was killed goes on as if it had not been."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
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
        with _undisturbed():
            self._write(self.path, state)

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(exist_ok=True)
            with scratch.open("wb") as file:
                torch.save({"key": self.key, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except (OSError, RuntimeError) as error:  # torch tells of a full disk its own way
            with suppress(OSError):
                scratch.unlink()
            raise ResultError(f"{path}: cannot write: {error}") from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: an exception that rises inside of torch's writer comes out as another one."""
    caught: list[tuple[int, FrameType | None]] = []

    def keep(number: int, frame: FrameType | None) -> None:
        caught.append((number, frame))

    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
    if threading.current_thread() is threading.main_thread():
        for number in map(int, (signal.SIGTERM, signal.SIGINT)):
            handler = signal.getsignal(number)
            if callable(handler):  # one that is ignored, or ends the process, raises nothing
                handlers[number] = handler
                signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in caught:
            handlers[number](number, frame)
