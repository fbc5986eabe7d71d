"""What every gate has: an answer to Ctrl-C, a clock, and a result whatever ends it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.result import GateResult
from sabench.errors import ResultError, SabenchError
from sabench.launch.events import Listener, Notice
from sabench.launch.interruption import Interruption, Stop


@dataclass(frozen=True, slots=True)
class Ending:
    """When a gate began, how long it took, and what cut it short."""

    started_utc: str
    wall_s: float
    interrupted: bool
    broken_off: str  # the error that ended it early


def held_gate(
    folder: GateFolder,
    measure: Callable[[Interruption], None],
    judged: Callable[[Ending], GateResult],
    listener: Listener,
) -> GateResult:
    """Measure, judge and keep the result; also of what there was before a Ctrl-C or an error.

    Raises: what `measure` raises, once the result lies in the folder; ResultError if the disk
    refuses.
    """
    started, started_utc = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ending(*, interrupted: bool = False, broken_off: str = "") -> Ending:
        wall_s = time.monotonic() - started
        return Ending(started_utc, wall_s, interrupted or bool(broken_off), broken_off)

    try:
        with Interruption() as stop:
            measure(stop)
    except Stop:
        result = judged(ending(interrupted=True))
    except SabenchError as error:
        with suppress(ResultError):  # a disk that refuses is told by the error itself
            folder.write(judged(ending(broken_off=str(error))))
            listener(Notice(f"what was measured so far: {folder.result_file}"))
        raise
    else:
        result = judged(ending())
    folder.write(result)
    return result
