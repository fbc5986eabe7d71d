"""The board's counter through a fake NVML in C: each state, end to end, on a real clock."""

import os
import time

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, GPU_IS_LOST, NO_PERMISSION, NOT_SUPPORTED, FakeNvml
from sabench.catalog.presets import PRESETS
from sabench.errors import DeviceError
from sabench.measure import energy as meters
from sabench.measure.board_energy import BoardEnergy, open_board
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.energy import Meter
from sabench.measure.energy_state import Energy, Validity
from sabench.records import Flag

pytestmark = pytest.mark.serial

SHORT = PRESETS["standard"].model_copy(update={"energy_windows": 2, "energy_window_s": 0.3})
COUNTER = "nvmlDeviceGetTotalEnergyConsumption"
WATTS = 350.0  # the fake's


def board(device: str = "cuda:0") -> BoardEnergy:
    return open_board(device, lambda _: os.getpid())


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("POLL_S", 0.1), ("IDLE_S", 0.1), ("WARM_S", 0.05), ("FIRST_S", 0.02)):
        monkeypatch.setattr(meters, name, seconds)


def nap() -> None:
    time.sleep(0.01)


def measured(call=nap) -> Energy:
    return Meter(board()).measure(call, lambda: None, SHORT)


def test_a_healthy_counter_and_its_power_agree(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1, compute="self:1048576")
    energy = measured()
    assert (energy.validity, energy.flags, energy.reason) == (Validity.VALID, (), "")
    for one in energy.windows:
        assert one.joules == pytest.approx(WATTS * one.seconds, rel=0.05)
        assert one.integral_j == pytest.approx(WATTS * one.seconds, rel=1e-6)
    assert energy.idle_w == pytest.approx(WATTS, rel=0.1)
    assert energy.period_s >= 1e-3


def test_the_update_period_lengthens_the_window(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=20)
    energy = measured()
    # a poll of 0.1 s sees three to six steps, fewer where other work keeps it from looking
    assert 0.01 < energy.period_s < 0.1
    assert all(one.seconds >= 0.9 * 20 * energy.period_s for one in energy.windows)


@pytest.mark.parametrize(
    ("mode", "said"),
    [("zero", "stands at zero"), ("frozen", "stood still"), ("backwards", "ran backwards")],
)
def test_a_counter_that_does_not_count_gives_no_figure(
    nvml: FakeNvml, mode: str, said: str
) -> None:
    nvml.script(energy=mode)
    energy = measured()
    assert (energy.validity, energy.flags) == (Validity.INVALID, (Flag.ENERGY_INVALID,))
    assert (energy.reason, energy.windows) == (f"NVML total energy: the counter {said}", ())


def test_a_counter_that_freezes_in_a_window_gives_no_figure(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1)
    calls: list[int] = []

    def call() -> None:
        nap()
        calls.append(1)
        if len(calls) == 25:
            nvml.change(energy="frozen", energy_mj=10**15)

    assert measured(call).validity is Validity.INVALID


def test_power_that_says_otherwise_is_a_disagreement(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1, power_instant_mw=500_000)
    energy = measured()
    assert energy.validity is Validity.DISAGREE
    assert energy.windows[0].integral_j == pytest.approx(500 * energy.windows[0].seconds)


def test_without_power_at_the_moment_the_average_is_the_second_reading(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1)
    nvml.without("nvmlDeviceGetFieldValues")
    assert board().facts()["power"] == "averaged by the driver"
    assert board().power_w() == WATTS
    assert measured().validity is Validity.VALID


def test_without_any_power_the_counter_stands_alone_and_says_so(nvml: FakeNvml) -> None:
    nvml.script(
        **{"energy_period_ms": 1, "error.nvmlDeviceGetPowerUsage": NOT_SUPPORTED},
        **{"error.nvmlDeviceGetFieldValues": NOT_SUPPORTED},
    )
    energy = measured()
    assert (energy.validity, energy.power_reason) == (Validity.VALID, "no power is told")


@pytest.mark.parametrize(
    ("code", "said"),
    [(NO_PERMISSION, "Insufficient Permissions"), (NOT_SUPPORTED, "Not Supported")],
)
def test_a_counter_that_is_refused_is_one_reason(nvml: FakeNvml, code: int, said: str) -> None:
    nvml.script(**{f"error.{COUNTER}": code})
    with pytest.raises(DeviceError, match=f"energy counter cannot be read: NVML: {said}"):
        board()


def test_an_older_library_without_the_counter_is_one_reason(nvml: FakeNvml) -> None:
    nvml.without(COUNTER)
    with pytest.raises(DeviceError, match=r"energy counter cannot be read: NVML: \w"):
        board()


def test_a_driver_that_is_not_loaded_is_one_reason(nvml: FakeNvml) -> None:
    nvml.script(**{"error.nvmlInit": DRIVER_NOT_LOADED})
    with pytest.raises(DeviceError):
        board()


def test_a_gpu_that_is_lost_midway_gives_no_figure(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1)
    calls: list[int] = []

    def call() -> None:
        nap()
        calls.append(1)
        if len(calls) == 20:
            nvml.change(**{"error.device": GPU_IS_LOST})

    energy = measured(call)
    assert (energy.validity, energy.windows) == (Validity.UNAVAILABLE, ())
    assert energy.reason == "the energy counter cannot be read: NVML: GPU is lost"


def test_neighbours_make_the_figure_shared(nvml: FakeNvml) -> None:
    nvml.script(energy_period_ms=1, compute="self:1048576 7:1048576")
    energy = measured()
    assert (energy.validity, energy.flags) == (Validity.SHARED, (Flag.ENERGY_SHARED,))
    assert energy.others == "processes on the board beside ours: 7"


def test_a_neighbour_that_left_again_was_there(nvml: FakeNvml) -> None:
    nvml.script(compute="self:1048576 7:1048576")
    counter = board()
    counter.watch()
    nvml.script(compute="self:1048576")
    assert counter.others() == "processes on the board beside ours: 7"
    counter.watch()
    assert counter.others() == ""


def test_a_divided_board_is_shared_whoever_is_there(nvml: FakeNvml) -> None:
    nvml.script(mig=1)
    assert "(MIG)" in BoardEnergy(open_board_of("GPU-00000"), os.getpid()).others()


def open_board_of(uuid: str) -> Device:
    return Nvml().device(uuid)


def test_in_a_container_two_processes_are_one_too_many(nvml: FakeNvml) -> None:
    unknown = Missing("a container's process ids differ from the host's")

    def others() -> str:
        return open_board("cuda:0", lambda _: unknown).others()

    nvml.script(compute="5:1048576")
    assert others() == ""
    assert open_board("cuda:0", lambda _: unknown).facts()["neighbours"] == str(unknown)
    nvml.script(compute="5:1048576 7:1048576")
    assert others() == "2 processes hold the board, ours not told apart"
