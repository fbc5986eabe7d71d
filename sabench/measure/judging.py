"""What a sampling's samples are worth: their flags, their status, and the reasons in figures."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from sabench.catalog.presets import Preset
from sabench.measure import stopping
from sabench.measure.device_diary import Cooling, DeviceDiary
from sabench.measure.load import Disturbance
from sabench.measure.stopping import Stop
from sabench.measure.streams import Outliers, drifts, is_bimodal
from sabench.measure.timer import Block, Timer
from sabench.measure.warm_up import WarmUp
from sabench.records import Flag, Status

PREEMPTED_SHARE = 0.05
OUTLIER_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Timing:
    """Samples of one call's seconds and how they came about."""

    samples: tuple[float, ...]
    flags: tuple[Flag, ...]
    status: Status  # ok, contended or throttled
    details: dict[str, JsonValue]
    message: str = ""  # why the status is not ok
    cycles: tuple[float, ...] = ()  # the same in cycles of a device's clock, where it was told


@dataclass(slots=True)
class Sampling:
    """What was sampled so far, and why it ended."""

    accepted: list[float] = field(default_factory=list)
    everything: list[float] = field(default_factory=list)  # rejected blocks too
    diary: DeviceDiary = field(default_factory=DeviceDiary)
    slowed: int = 0  # of the rejected ones, for the reading of their core alone
    passed_over: int = 0  # blocks of chunks that something unseen had most of: in neither list
    passed_s: float = 0.0
    stop: Stop = Stop.BUDGET
    measured_s: float = 0.0  # waits for a hot device, or for the core, left out
    turns: list[float | None] = field(default_factory=list)  # medians; None: all was disturbed

    def add(self, blocks: list[Block]) -> None:
        """Blocks in the order in which they were timed."""
        self.everything += [block.seconds for block in blocks]
        self.accepted += [block.seconds for block in blocks if not block.disturbance]
        self.slowed += sum(block.disturbance is Disturbance.SLOWED for block in blocks)

    def pass_over(self, blocks: list[Block], seconds: float) -> None:
        """Blocks that count for nothing but for the time they took."""
        self.passed_over += len(blocks)
        self.passed_s += seconds

    @property
    def rejected(self) -> int:
        """Blocks in which other work ran, here or, for all that is known, on the same core."""
        return len(self.everything) - len(self.accepted)


def judge(
    sampling: Sampling, timer: Timer, preset: Preset, warm_up: WarmUp, cooling: Cooling
) -> Timing:
    """The timing of a call: which samples count, every flag, and the status."""
    beside = timer.foreign_work()
    blocks = len(sampling.everything)
    on_cores = 2 * sampling.rejected > blocks or bool(beside)
    enough = len(sampling.accepted) >= preset.samples_min
    takes_accepted = enough or (bool(sampling.accepted) and not on_cores)
    samples = sampling.accepted if takes_accepted else sampling.everything
    width = stopping.half_width(samples, 0.95)
    outliers = Outliers.of(samples)
    found = {
        Flag.WARMUP_UNSETTLED: warm_up.still_drifts and not sampling.turns,
        Flag.PRECISION_NOT_MET: width > preset.half_width,
        Flag.PREEMPTED: stopping.clearly_exceeds(
            sampling.rejected + sampling.passed_over,
            blocks + sampling.passed_over,
            PREEMPTED_SHARE,
        ),
        Flag.OUTLIERS: stopping.clearly_exceeds(outliers.severe, len(samples), OUTLIER_SHARE),
        Flag.BIMODAL: is_bimodal(samples, preset.half_width),
        Flag.DRIFT: drifts(samples, preset.half_width),
        Flag.CONTENDED: on_cores,
    }
    raised = {flag for flag, is_raised in found.items() if is_raised}
    raised |= {*timer.flags, *sampling.diary.flags}
    status, message = _status(sampling, beside, on_cores=on_cores)
    details: dict[str, JsonValue] = {
        **timer.details,
        "stop": sampling.stop.value,
        "blocks": blocks,
        "rejected": sampling.rejected,
        "slowed": sampling.slowed,
        "passed_over": sampling.passed_over,
        "passed_s": sampling.passed_s,
        "foreign_work": beside,
        "samples_are": "accepted blocks" if takes_accepted else "all blocks",
        "half_width": width if width < float("inf") else None,
        "mild_outliers": outliers.mild,
        "severe_outliers": outliers.severe,
        "far_outliers": outliers.far,
        "first_is_slow": outliers.first_is_slow,
        "measured_s": sampling.measured_s,
        **warm_up.told(),
        **sampling.diary.told(),
    }
    if sampling.turns:
        details["turns"] = [*sampling.turns]
    if cooling.waits:
        details |= {"cooling_waits": cooling.waits, "cooled_s": cooling.waited_s}
    flags = tuple(flag for flag in Flag if flag in raised)
    cycles = tuple(sampling.diary.cycles)
    return Timing(tuple(samples), flags, status, details, message, cycles)


def _status(sampling: Sampling, beside: str, *, on_cores: bool) -> tuple[Status, str]:
    """The worst that disturbed the samples, and why in figures."""
    diary = sampling.diary
    if diary.slowed:
        return Status.THROTTLED, (
            f"the device slowed itself down in {diary.slowed} of {diary.kept} chunks, "
            "also after waits; let it cool, or look at its power and its cooling"
        )
    if diary.shared:
        return Status.CONTENDED, (
            f"others used the device in {diary.shared} of {diary.kept} chunks; "
            "measure it while it is free"
        )
    if beside:
        message = f"beside this case ran {beside}; measure it on a quiet machine"
        return Status.CONTENDED, message
    if on_cores:
        return Status.CONTENDED, f"{_blocks_told(sampling)}; measure it on a quiet machine"
    return Status.OK, ""


def _blocks_told(sampling: Sampling) -> str:
    blocks, counted = len(sampling.everything), sampling.rejected - sampling.slowed
    told = [f"other work ran in {counted} of {blocks} timing blocks"] if counted else []
    if sampling.slowed:
        shared, of = sampling.slowed + sampling.passed_over, blocks + sampling.passed_over
        told.append(
            f"something unseen shared the core in {shared} of {of} timing blocks "
            "(another machine's work on its other hardware thread, most likely)"
        )
    return ", and ".join(told)
