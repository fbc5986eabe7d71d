"""Timing against clocks of the device itself: counted cycles, its own timer, a cold cache."""

import math
import time
from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from on_gpu import DEVICE, MARKS

from sabench.measure.cuda_cold import PROVED, l2_bytes, make_flush, prove_cold
from sabench.measure.cuda_graph import GraphTimer
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.gpus import find_gpu
from sabench.measure.sampler import DeviceSampler
from sabench.stats import quantile

pytestmark = MARKS

SPIN = """
extern "C" __global__ void spin(int cycles, long long* out) {
  long long begin = clock64();
  unsigned long long start, end;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(start));
  while (clock64() - begin < cycles) {}
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(end));
  out[0] = (long long)(end - start);
  out[1] = clock64() - begin;
}
"""
PAIRS = 40
T_99 = 2.708  # Student's t, two-sided 99 %, 39 degrees of freedom
SAMPLER_EFFECT = 0.005


def median_s(timer: CudaTimer, call: Callable[[], object], count: int = 51) -> float:
    timer.calibrate(call, 1e-3)
    return quantile([block.seconds for block in timer.chunk(call, count)], 0.5)


@pytest.fixture(scope="module")
def spin() -> Any:
    compiler = getattr(torch.cuda, "_compile_kernel", None)
    if compiler is None:
        pytest.skip("this torch compiles no kernels at run time (torch.cuda._compile_kernel)")
    return compiler(SPIN, "spin")


@pytest.mark.parametrize("cycles", [20_000, 200_000, 2_000_000, 20_000_000])
@pytest.mark.parametrize("make_timer", [CudaTimer, GraphTimer])
def test_a_spin_takes_what_the_devices_own_timer_says(
    spin: Any, make_timer: type[CudaTimer], cycles: int
) -> None:
    out = torch.zeros(2, dtype=torch.int64, device=DEVICE)
    told: list[float] = []

    def call() -> None:
        spin(args=[cycles, out])

    timed = median_s(make_timer(torch.cuda, DEVICE), call)
    for _ in range(51):
        call()
        torch.cuda.synchronize()
        told.append(1e-9 * int(out[0]))
    truth = quantile(told, 0.5)
    assert int(out[1]) >= cycles
    assert abs(timed - truth) <= max(0.02 * truth, 2e-6), f"{timed} s against {truth} s"


def test_a_flush_is_shown_to_empty_the_cache() -> None:
    l2 = l2_bytes(torch.cuda, DEVICE)
    proof = prove_cold(torch.cuda, DEVICE, make_flush(DEVICE, l2), l2)
    assert proof.ratio >= PROVED, f"cold {proof.cold_s} s, warm {proof.warm_s} s, L2 {l2} bytes"


def test_a_flush_that_writes_nothing_proves_nothing() -> None:
    proof = prove_cold(torch.cuda, DEVICE, lambda: None, l2_bytes(torch.cuda, DEVICE))
    assert not proof.holds


def test_watching_the_device_moves_no_median() -> None:
    """Interleaved pairs of a kernel of 100 to 200 us, with and without the sampler's thread."""
    timer = CudaTimer(torch.cuda, DEVICE)
    a = torch.randn(1, 512, device=DEVICE)
    wanted_s, repeats = 150e-6, 1

    def call() -> None:
        x = a
        for _ in range(repeats):
            x = x + 1.0

    while median_s(timer, call, 5) < wanted_s:
        repeats = math.ceil(1.3 * repeats)
    timer.calibrate(call, wanted_s)
    uuid = find_gpu(DEVICE).uuid

    def watched() -> float:
        sampler = DeviceSampler(uuid, 0.1)
        sampler.start()
        try:
            time.sleep(0.05)
            return block()
        finally:
            sampler.stop()

    def block() -> float:
        end, seconds = time.monotonic() + 0.3, []
        while time.monotonic() < end:
            seconds += [one.seconds for one in timer.chunk(call, 64)]
        return quantile(seconds, 0.5)

    ratios = []
    for turn in range(PAIRS):
        first, second = (block, watched) if turn % 2 else (watched, block)
        taken = {first: first(), second: second()}
        ratios.append(math.log(taken[watched] / taken[block]))
    reach = T_99 * stdev(ratios) / math.sqrt(PAIRS)
    print(f"the sampler's effect: {fmean(ratios):+.4%} +- {reach:.4%}")
    assert abs(fmean(ratios)) + reach < SAMPLER_EFFECT
