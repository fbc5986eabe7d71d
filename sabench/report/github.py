"""What a step of GitHub Actions is told beside the gate's own output."""

import os
import secrets
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from sabench.compare.gate.result import GateResult
from sabench.errors import SabenchError
from sabench.report.annotations import annotation, gate_annotations, resume_commands, stop_commands
from sabench.report.gate_markdown import gate_markdown, step_summary
from sabench.report.plain import plain


class WorkflowStep:
    """Does nothing outside a workflow.

    GitHub obeys commands in whatever a step prints. While the code of others runs and its names and
    messages are shown, it is told to obey none.
    """

    def __init__(self) -> None:
        self._is_one = os.environ.get("GITHUB_ACTIONS") == "true"
        self._token = secrets.token_hex(16)
        self._is_open = False

    def __enter__(self) -> Self:
        """From here on nothing that is printed is a command."""
        self._say(stop_commands(self._token))
        self._is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Without a result: the error, where it is one of ours. GitHub obeys again in any case."""
        if self._is_open:
            is_told = isinstance(error, SabenchError)
            told = [annotation("error", "sabench gate", str(error))] if is_told else []
            self._resume(*told)

    def end(self, result: GateResult) -> None:
        """Annotations and summary. A summary that cannot be written is told, and no more."""
        self._resume(*gate_annotations(result))
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if not self._is_one or not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(step_summary(gate_markdown(result)))
        except OSError as error:
            told = plain(f"{path}: no summary was written: {error.strerror or error}")
            print(told, file=sys.stderr, flush=True)

    def _resume(self, *lines: str) -> None:
        sys.stdout.flush()
        self._say(resume_commands(self._token), *lines)
        self._is_open = False

    def _say(self, *lines: str) -> None:
        if self._is_one:
            print(*lines, sep="\n", file=sys.stderr, flush=True)
