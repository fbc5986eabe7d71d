"""A gate of two commands: what one run of each takes, start and end of the process included."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sabench.catalog.presets import PRESETS
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.driver import Course, Plan, Step, follow
from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.held import Ending, held_gate
from sabench.compare.gate.judge import judged_case, null_controls
from sabench.compare.gate.result import GateResult, SideTold
from sabench.errors import ConfigError
from sabench.launch.events import Listener, Notice, ignore
from sabench.launch.handle import end_of, last_line
from sabench.launch.interruption import Interruption
from sabench.launch.process import without_secrets
from sabench.measure.environment import device_slug, environment
from sabench.measure.load import ForeignLoad, machine_usage
from sabench.records import Reading, Record, Status
from sabench.store import journal

CASE = "command"
METRIC = "latency_warm"  # of one run; each command's first run of a gate is not counted
MOST_FOREIGN = 0.1  # cores of other work beside a block that counts
TIMEOUT_S = 600.0
DEFAULT_RUNS = 5
DEFAULT_THRESHOLD = 0.03


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A gate of two commands as the command line asks for it. No shell reads them."""

    base: str
    candidate: str
    runs: int = DEFAULT_RUNS  # of a command in a block; their median is the block's figure
    threshold: float = DEFAULT_THRESHOLD
    device: str = "cpu"  # what they compute on, to be told
    seed: int = 0
    timeout_s: float = TIMEOUT_S  # of one run
    out: Path | None = None
    command_line: Sequence[str] = ()


@dataclass(slots=True)
class CommandBench:
    """Runs the commands; `null` is the base's once more."""

    commands: Mapping[SideName, tuple[str, ...]]
    request: CommandRequest
    environment: str  # Environment.id
    folder: GateFolder
    stop: Interruption
    warmed: set[SideName] = field(default_factory=set)

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> dict[SideName, list[Record]]:
        """So many runs of one side after the other; one record for all of a side.

        Raises: Stop if the user asked to stop.
        """
        return {side: self._measure(side, block) for side in sides}

    def _measure(self, side: SideName, block: int) -> list[Record]:
        of: SideName = "base" if side == "null" else side
        log = self.folder.outbox / f"{block:05d}-{side}.log"
        started, begin = datetime.now(UTC), time.monotonic()
        samples: list[float] = []
        status, message = Status.OK, ""
        if of not in self.warmed:
            _, status, message = self._run(of, log)
            self.warmed.add(of)
        before, spent = machine_usage(), _children_s()
        while status is Status.OK and len(samples) < self.request.runs:
            seconds, status, message = self._run(of, log)
            samples.append(seconds)
        load = ForeignLoad.between(before, machine_usage())
        foreign = load.foreign - (_children_s() - spent) / max(sum(samples), 1e-9)
        if status is Status.OK and load.is_told and foreign > MOST_FOREIGN:
            status = Status.CONTENDED
            message = f"{foreign:.2f} cores were busy with other work"
        is_shown = status in (Status.OK, Status.CONTENDED)
        record = Record(
            job_id=f"{CASE}-{side}-{block}",
            case_id=CASE,
            device=self.request.device,
            environment=self.environment,
            suite="commands",
            preset="gate",
            replicate=block,
            side=side,
            status=status,
            message=message,
            readings={METRIC: Reading.of("s", samples)} if is_shown else {},
            started_utc=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            wall_s=time.monotonic() - begin,
        )
        return [journal.append(self.folder, record)]

    def _run(self, side: SideName, log: Path) -> tuple[float, Status, str]:
        """Seconds of one run, and how it ended. Nothing of it is left behind."""
        is_late = threading.Event()
        start = time.perf_counter()
        try:
            with log.open("wb") as stderr:
                process = subprocess.Popen(
                    self.commands[side],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    env=without_secrets(os.environ),
                    start_new_session=True,
                )
        except OSError as error:
            return 0.0, Status.ERROR, f"cannot start: {error.strerror or error}"

        def end() -> None:
            is_late.set()
            _kill_group(process)

        timer = threading.Timer(self.request.timeout_s, end)
        timer.start()
        try:
            with self.stop.waiting():
                code = process.wait()  # with a timeout it would look every 50 ms
            seconds = time.perf_counter() - start
        finally:
            timer.cancel()
            _kill_group(process)
            process.wait()
        if is_late.is_set():
            return seconds, Status.TIMEOUT, f"not done within {self.request.timeout_s:g} s"
        if code < 0:
            return seconds, Status.CRASH, f"died of signal {-code}"
        if code > 0:
            said = last_line(end_of(log))
            return seconds, Status.ERROR, f"exit code {code}: {said}"
        return seconds, Status.OK, ""


def run_commands(
    request: CommandRequest,
    *,
    listener: Listener = ignore,
    tell: Callable[[Step], None] = lambda step: None,
) -> tuple[GateResult, GateFolder]:
    """Run both commands in turn, judge, and keep the result in a folder of its own.

    Raises: ConfigError if a command is none or the folder is taken; ResultError if the disk
    refuses.
    """
    commands: dict[SideName, tuple[str, ...]] = {
        "base": _words(request.base, "--base-command"),
        "candidate": _words(request.candidate, "--candidate-command"),
    }
    if request.runs < 1:
        raise ConfigError(f"{request.runs} runs a block: at least 1")
    here = environment(request.device)
    folder = GateFolder.create("commands", device_slug(here), request.out, Path("runs"))
    course = Course(Plan((CASE,), {CASE: request.threshold}, METRIC, request.seed))
    listener(Notice(f"{request.runs} runs of each command in a block, their output is dropped"))

    def measure(stop: Interruption) -> None:
        bench = CommandBench(commands, request, here.id, folder, stop)
        follow(course.plan, bench, tell, into=course)

    def judged(ending: Ending) -> GateResult:
        return GateResult(
            mode="commands",
            suite="commands",
            metric=METRIC,
            device=request.device,
            preset=PRESETS["gate"],
            seed=request.seed,
            base=SideTold(name=request.base, environment=here),
            candidate=SideTold(name=request.candidate, environment=here),
            cases=(judged_case(course, CASE),),
            nulls=null_controls(course),
            interrupted=ending.interrupted,
            broken_off=ending.broken_off,
            started_utc=ending.started_utc,
            wall_s=ending.wall_s,
            command_line=tuple(request.command_line),
        )

    return held_gate(folder, measure, judged, listener), folder


def _words(text: str, option: str) -> tuple[str, ...]:
    """A command's words, quoted as in a shell.

    Raises: ConfigError if there is none, or a quotation that does not end.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{option} {text!r}: {str(error).lower()}") from error
    if not words:
        raise ConfigError(f"{option} is empty: name a program and its arguments")
    return words


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _children_s() -> float:
    """What ended children have computed, in seconds of a core."""
    times = os.times()
    return times.children_user + times.children_system
