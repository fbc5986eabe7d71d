"""A clock, a timer and a device that follow a script: the protocol without any waiting."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

from sabench.catalog.presets import Preset, find_preset
from sabench.measure.device_watch import DeviceSpan, DeviceWatch, NoWatch
from sabench.measure.load import Disturbance
from sabench.measure.protocol import Protocol
from sabench.measure.timer import Block, Call
from sabench.records import Flag

QUICK = find_preset("quick")

Script = Iterator[tuple[float, Disturbance]]


class Clock:
    """Seconds that pass only when the timer or a wait says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class ScriptedTimer:
    """Blocks from a script of (seconds, disturbance); each costs its time on the clock."""

    flags: tuple[Flag, ...] = ()
    beside = ""

    def __init__(self, clock: Clock, script: Script) -> None:
        self.clock, self.script = clock, script
        self.calls, self.block_s, self.inside = 1, 1e-3, False
        self.estimates: list[float] = []

    def foreign_work(self) -> str:
        return self.beside

    def once(self, call: Call) -> float:
        return self._next(call).seconds

    def calibrate(self, call: Call, estimate_s: float) -> None:
        self.estimates.append(estimate_s)
        self.block_s = estimate_s

    def chunk(self, call: Call, count: int) -> list[Block]:
        self.inside = True
        blocks = [self._next(call) for _ in range(count)]
        self.inside = False
        return blocks

    def _next(self, call: Call) -> Block:
        call()
        seconds, disturbance = next(self.script)
        self.clock.now += seconds
        return Block(seconds, 1, disturbance)

    @property
    def details(self) -> dict[str, object]:
        return {"timing": "scripted"}


class ScriptedDevice:
    """A watch that tells of a span what a function of the clock says."""

    def __init__(self, tell: Callable[[float], DeviceSpan]) -> None:
        self.tell = tell

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""

    def between(self, start_s: float, _end_s: float) -> DeviceSpan:
        return self.tell(start_s)


def clean(seconds: float = 2e-3) -> Script:
    return repeat((seconds, Disturbance.NONE))


def undisturbed(samples: Iterable[float]) -> Script:
    return ((float(sample), Disturbance.NONE) for sample in samples)


def protocol_of(
    script: Script, preset: Preset = QUICK, watch: DeviceWatch | None = None
) -> Protocol:
    """A protocol whose time is the script's."""
    clock = Clock()
    return Protocol(
        preset,
        ScriptedTimer(clock, script),
        clock=clock,
        started_s=clock(),
        sleep=clock.sleep,
        watch=watch or NoWatch(),
    )
