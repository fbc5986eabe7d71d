"""What self-checks do, on a bench that counts units of work, and on a stand-in for the device."""

import gc
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import torch

from fakes import energy as scripted
from fakes.cuda_stand_in import DEVICE, CudaStandIn
from fakes.torch_stand_in import put_in
from sabench.catalog.presets import Preset
from sabench.launch.selftest import DEADLINE_S
from sabench.measure import cpu_timer, cuda_cold
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.judging import Timing
from sabench.measure.load import Disturbance
from sabench.measure.selftest import any_device, bench, cpu, cuda
from sabench.measure.selftest.bench import HOPELESS, LONGEST_S, Bench, interleaved
from sabench.measure.selftest.child import READERS
from sabench.measure.selftest.judge import Verdict, judge
from sabench.measure.selftest.plants import BlindTimer, FrozenCounter, SlowEvents, slowed
from sabench.measure.selftest.table import CHECKS, MOST_TURNS, PRESET, RATIOS, TURNS
from sabench.measure.timer import Call
from sabench.records import Flag, Status

pytestmark = pytest.mark.serial

UNITS = 40  # a multiple of twenty
SAME = RATIOS["aa_pair"]
SHORT = PRESET.model_copy(update={"samples_max": 20, "budget_s": 0.02, "warmup_max_s": 0.02})


@dataclass(slots=True)
class Counting(Bench):
    """A call takes as many seconds as it does units of work; some measurements are disturbed."""

    done: int = 0
    disturbed: Iterator[bool] = field(default_factory=lambda: iter([]))

    def product(self) -> Call:
        def unit() -> None:
            self.done += 1

        return unit

    def units(self, unit: Call, seconds: float, least: int) -> int:
        return UNITS

    def measure(self, call: Call, preset: Preset | None = None) -> Timing:
        before = self.done
        call()
        status = Status.CONTENDED if next(self.disturbed, False) else Status.OK
        return Timing((float(self.done - before),) * 10, (), status, {})


def counting(plant: str = "") -> Counting:
    return Counting("cpu", 1, PRESET, plant)


def test_every_check_is_read_by_a_function() -> None:
    assert READERS.keys() == CHECKS.keys()


@pytest.mark.parametrize(
    ("read", "plant", "ratio"),
    [
        (cpu.fixed_work, "", 2.0),
        (cpu.fixed_work, "short-work", 1.9),
        (any_device.aa_pair, "", 1.0),
        (any_device.aa_pair, "uneven-pair", 1.05),
        (any_device.planted_slowdown, "", 1.1),
        (any_device.planted_slowdown, "same-work", 1.0),
    ],
)
def test_a_pair_does_the_work_it_says(
    read: Callable[[Bench], object], plant: str, ratio: float
) -> None:
    reading = read(counting(plant))
    assert reading.samples == pytest.approx([ratio] * TURNS)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("disturbed", "kept", "tried"),
    [
        ([False, False, True], TURNS, TURNS + 1),
        ([True, False, False, False, True, True] * 30, TURNS, 3 * TURNS - 1),
        ([True] * 2 * 17 + [False] * 2 + [True] * 900, 1, MOST_TURNS),
        ([True] * 900, 0, HOPELESS),
    ],
)
def test_disturbed_turns_do_not_count_and_others_are_waited_for(
    disturbed: list[bool], kept: int, tried: int
) -> None:
    """A turn is two measurements, of which neither may be disturbed."""
    bench = counting()
    bench.disturbed = iter(disturbed)
    turns = interleaved(bench, bench.product(), bench.product(), SAME)
    assert (len(turns.ratios), turns.tried) == (kept, tried)
    expected = Verdict.PASS if kept == TURNS else Verdict.UNRELIABLE
    assert judge("aa_pair", turns.reading()).verdict is expected


def test_turns_end_well_before_the_checks_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a turn takes seconds, as beside others it may; the verdict is that of what there is."""
    now = itertools.count(time.monotonic(), step=7.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    slow = Spread("cpu", 1, PRESET)
    slow.seconds = itertools.cycle([1.0, 1.1, 1.1, 1.0, 1.1, 1.0, 1.0, 1.1])
    turns = interleaved(slow, slow.product(), slow.product(), SAME)
    assert turns.tried >= TURNS
    assert 7 * turns.tried <= LONGEST_S + 2 * 7 < DEADLINE_S - 40  # and the last of them
    assert judge("aa_pair", turns.reading()).verdict is Verdict.UNRELIABLE


def test_a_check_passes_nothing_over() -> None:
    """It shall tell of what disturbed it."""
    shared = Bench("cpu", 1, SHORT.model_copy(update={"slow_core": 1.01}))
    assert shared.measure(lambda: None).details["passed_over"] == 0


def test_the_order_within_a_turn_is_flipped_each_time() -> None:
    asked: list[str] = []

    class Listening(Counting):
        def measure(self, call: Call, preset: Preset | None = None) -> Timing:
            call()
            return Timing((1.0,) * 10, (), Status.OK, {})

    listening = Listening("cpu", 1, PRESET)
    interleaved(listening, lambda: asked.append("a"), lambda: asked.append("b"), SAME)
    assert "".join(asked) == "abbaabbaabbaabbaab"


@dataclass(slots=True)
class Spread(Counting):
    """Measurements that give the next of these seconds each."""

    seconds: Iterator[float] = field(default_factory=lambda: itertools.repeat(1.0))

    def measure(self, call: Call, preset: Preset | None = None) -> Timing:
        return Timing((next(self.seconds),) * 10, (), Status.OK, {})


def test_turns_go_on_while_their_ratios_spread_too_far_to_tell() -> None:
    noisy = Spread("cpu", 1, PRESET)
    noisy.seconds = itertools.cycle([1.0, 1.1, 1.1, 1.0, 1.1, 1.0, 1.0, 1.1])
    turns = interleaved(noisy, noisy.product(), noisy.product(), SAME)
    assert turns.tried == MOST_TURNS
    assert "90 turns: too wide to tell" in judge("aa_pair", turns.reading()).read


def test_turns_end_as_soon_as_they_are_sharp_whatever_they_say() -> None:
    settling = Spread("cpu", 1, PRESET)
    settling.seconds = itertools.chain([1.0, 1.1, 1.0, 1.0, 1.1, 1.0], itertools.repeat(2.0))
    turns = interleaved(settling, settling.product(), settling.product(), SAME)
    assert turns.ratios[:3] == pytest.approx([1.1, 1.0, 1 / 1.1])
    assert TURNS <= turns.tried < MOST_TURNS
    wrong = Spread("cpu", 1, PRESET)  # by a tenth, and sharply so: no more is asked
    wrong.seconds = itertools.cycle([1.0, 1.1, 1.1, 1.0])
    turns = interleaved(wrong, wrong.product(), wrong.product(), SAME)
    assert turns.tried == TURNS
    assert judge("aa_pair", turns.reading()).verdict is Verdict.FAIL


def test_a_preempted_measurement_is_no_quiet_one() -> None:
    flagged = Timing((1.0,), (Flag.PREEMPTED,), Status.OK, {})
    assert not bench.is_quiet(flagged)
    assert bench.is_quiet(Timing((1.0,), (Flag.OUTLIERS,), Status.OK, {}))


def test_the_planted_clock_loses_a_second_in_twenty() -> None:
    clock = slowed(iter([1000, 2000, 3000]).__next__)
    assert (clock(), clock()) == (1950, 2900)


def test_planted_events_show_a_twentieth_less() -> None:
    class Fixed:
        def record(self) -> None:
            pass

        def elapsed_time(self, end: object) -> float:
            return 40.0

    class Cuda:
        synchronize = "kept"

        def Event(self, **options: object) -> Fixed:  # noqa: N802 - torch's name
            return Fixed()

    slow = SlowEvents(Cuda())
    start, end = slow.Event(enable_timing=True), slow.Event(enable_timing=True)
    start.record()
    assert start.elapsed_time(end) == 38.0
    assert slow.synchronize == "kept"


def test_the_blind_timer_passes_over_what_the_real_one_rejects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpu_timer, "judge", lambda *_: Disturbance.WAITED)
    seen = {kind: kind(1).chunk(lambda: None, 3) for kind in (CpuTimer, BlindTimer)}
    assert {one.disturbance for one in seen[CpuTimer]} == {Disturbance.WAITED}
    assert {one.disturbance for one in seen[BlindTimer]} == {Disturbance.NONE}
    assert isinstance(Bench("cpu", 1, PRESET, "blind-load").timer(), BlindTimer)
    assert not isinstance(Bench("cpu", 1, PRESET).timer(), BlindTimer)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a child has it: another test may have left this process more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_call_that_rests_uses_less_than_its_wall_time(
    monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.setattr(bench, "TURNS", 3)
    monkeypatch.setattr(bench, "MOST_TURNS", 3)
    monkeypatch.setattr(bench, "HOPELESS", 3)
    resting = cpu.own_cpu(Bench("cpu", 1, SHORT, "resting-work"))
    assert not resting.samples or max(resting.samples) < 0.98


@pytest.mark.parametrize(("plant", "verdict"), [("", "pass"), ("short-spin", "fail")])
def test_cycles_are_counted_on_the_device(
    monkeypatch: pytest.MonkeyPatch, plant: str, verdict: str
) -> None:
    put_in(monkeypatch, CudaStandIn(), bench, cuda)
    monkeypatch.setattr(bench, "TURNS", 6)
    monkeypatch.setattr(gc, "collect", lambda: 0)  # what other tests left behind takes its time
    found = judge("spin", cuda.spin(Bench(DEVICE, 1, SHORT, plant)))
    assert found.verdict == verdict, found.read


@pytest.mark.parametrize(("plant", "verdict"), [("", "pass"), ("slow-clock", "fail")])
def test_events_are_held_against_the_hosts_clock(
    monkeypatch: pytest.MonkeyPatch, plant: str, verdict: str
) -> None:
    device = CudaStandIn(call_s=20e-3)
    put_in(monkeypatch, device, bench, cuda)
    monkeypatch.setattr(bench, "raw_ns", device.clock_ns)

    class Queueing(Counting):
        def product(self) -> Call:
            return device.call

        def units(self, unit: Call, seconds: float, least: int) -> int:
            return 1

    found = judge("two_clocks", cuda.two_clocks(Queueing(DEVICE, 1, SHORT, plant)))
    assert found.verdict == verdict, found.read


@pytest.mark.parametrize(("plant", "verdict"), [("", "pass"), ("warm-flush", "fail")])
def test_a_flush_that_is_left_out_is_seen(
    monkeypatch: pytest.MonkeyPatch, plant: str, verdict: str
) -> None:
    put_in(monkeypatch, CudaStandIn(cold_s=2e-3), bench, cuda, cuda_cold)
    found = judge("cold_warm", cuda.cold_warm(Bench(DEVICE, 1, PRESET, plant)))
    assert found.verdict == verdict, found.read


def test_without_a_size_of_l2_there_is_no_cold_to_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in(monkeypatch, CudaStandIn(l2=0), bench, cuda, cuda_cold)
    assert cuda.cold_warm(Bench(DEVICE, 1, PRESET)).reason.endswith("size of its L2")


@pytest.mark.parametrize(("plant", "verdict"), [("", "pass"), ("frozen-counter", "fail")])
def test_a_counter_that_stands_still_is_seen(
    monkeypatch: pytest.MonkeyPatch, plant: str, verdict: str
) -> None:
    board = scripted.Bench()
    monkeypatch.setattr(any_device, "meter_of", lambda _device: board.meter())

    class Drawing(Counting):
        def product(self) -> Call:
            return lambda: board.spend(1e-3, 300.0)

    found = judge("energy", any_device.energy(Drawing("cpu", 1, PRESET, plant)))
    assert found.verdict == verdict, found.read


def test_a_device_without_a_counter_has_no_energy_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_device, "meter_of", lambda _device: "there is none")
    found = judge("energy", any_device.energy(counting()))
    assert (found.verdict, found.read) == (Verdict.NOT_APPLICABLE, "there is none")


def test_the_frozen_counter_is_the_real_one_but_for_its_joules() -> None:
    board = scripted.Bench()
    frozen = FrozenCounter(board)
    first = frozen.joules()
    board.spend(1.0, 300.0)
    assert frozen.joules() == first != board.joules()
    assert (frozen.source, frozen.power_w()) == (board.source, board.power_w())
