"""How long a sweep will take: a dry run's answer, meant to be right within a factor of two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sabench.cases.case import Case
from sabench.cases.cost import CaseCost, case_cost
from sabench.cases.parity import fits
from sabench.cases.plan import Job, make_batches, make_jobs, parity_jobs
from sabench.cases.rates import call_seconds, wall_key
from sabench.cases.recipe import Recipe
from sabench.cases.training_time import training_seconds
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import Preset
from sabench.known import Known

# Seconds, measured on two shared server cores with torch 2.13; CUDA's are guesses.
START_S = {"cpu": 2.5, "cuda": 8.0}  # a process: Python, torch, context, the first tracing
BUILD_S = 0.02
BUILD_S_PER_PARAM = 2e-8  # initialisation
FIRST_CALL_S = 0.05  # beside the call itself
COMPILE_S = {"layer": 8.0, "network": 20.0}
TRACE_S = {"layer": 0.1, "network": 1.5}  # the three counters
PROFILE_S = 0.1  # the memory metric's profiled call
BLOCK_S = 1.1e-3  # a sample lasts at least this
WINDOW_BLOCKS, WINDOW_S, WINDOWS = 20, 0.25, 4  # warm-up windows, and how many settle it
SETTLE_S = 0.1  # beyond the least warm-up, until medians agree
SAMPLING_S = 0.1  # sampling lasts at least this
SPREAD = 0.04  # relative spread of samples on a shared machine: a guess
STEADY_CALLS = 3
PARITY_S = 0.05  # the small options, both ways
EXACT_SLOWER = 2.0  # float64 over fp32
ENERGY_WINDOW = 1.1  # a window over what the preset asks
ENERGY_WARM_S = 1.1  # load before it, where the temperature stands
ENERGY_ONCE_S = 6.0  # in a process: how often the counter moves, and what the device draws idle


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds in all, of each case over all its processes, and of each parity job."""

    total_s: float
    cases_s: dict[str, float]
    parity_s: dict[str, float]


def predict(
    cases: Sequence[Case],
    preset: Preset,
    known: Mapping[str, Known],
    *,
    metrics: Sequence[str],
    isolation: Literal["suite", "case"] = "suite",
    recipe: Recipe | None = None,
) -> Prediction:
    """The sweep's wall seconds on a quiet machine, where no case is disturbed and tried again.

    `known`: what each device it runs on has taught us, by the device's name. `recipe`: of cases
    that are trained.
    """
    jobs = make_jobs(cases, list(known), metrics, preset, seed=0)
    parity = parity_jobs(cases, list(known), seed=0)
    batches = make_batches(parity + jobs, isolation)
    start_s = {device: START_S[one.device.partition(":")[0]] for device, one in known.items()}
    costs = {case.case_id: case_cost(case) for case in cases}
    seconds: dict[tuple[str, str, bool], float] = {}
    cases_s = dict.fromkeys(costs, 0.0)
    for job in jobs:
        key = (job.case.case_id, job.device, job.apart)
        if key not in seconds:
            cost = costs[job.case.case_id]
            seconds[key] = job_seconds(job, cost, preset, known[job.device], recipe)
        cases_s[job.case.case_id] += seconds[key]
    parity_s: dict[str, float] = {}
    for job in parity:
        name = job.case.case_id
        parity_s[name] = parity_s.get(name, 0.0) + parity_seconds(job.case, known[job.device])
    starts = sum(start_s[batch[0].device] for batch in batches)
    for batch in batches:
        first = next((job for job in batch if reads_energy(job, preset)), None)
        if first is not None and _learnt(first, preset, known[first.device]) is None:
            starts += ENERGY_ONCE_S
    return Prediction(sum(cases_s.values()) + sum(parity_s.values()) + starts, cases_s, parity_s)


def parity_seconds(case: Case, known: Known) -> float:
    """Seconds of one parity job in its process: the small options, and its own size if it fits."""
    if not fits(case):
        return PARITY_S
    reference = case.model_copy(update={"implementation": "reference"})
    exact_s = EXACT_SLOWER * call_seconds(reference, case_cost(reference), known)
    return PARITY_S + exact_s + call_seconds(case, case_cost(case), known)


def job_seconds(
    job: Job, cost: CaseCost | None, preset: Preset, known: Known, recipe: Recipe | None = None
) -> float:
    """Seconds of one job in its process: as learnt, else build, first call, metrics or epochs."""
    learnt = _learnt(job, preset, known)
    if learnt is not None and job.case.mode != "train":  # whose recipe may be another now
        return learnt
    case, call_s = job.case, call_seconds(job.case, cost, known)
    seconds = BUILD_S + BUILD_S_PER_PARAM * (cost.params if cost else 0)
    seconds += FIRST_CALL_S + 2 * call_s
    if case.mode == "train":
        return min(seconds + training_seconds(case, recipe or Recipe(), call_s), preset.deadline_s)
    if case.runtime == "compiled":
        seconds += COMPILE_S[case.kind]
    if job.apart:
        return seconds + STEADY_CALLS * call_s
    more = sum(METRICS[name].needs == "cuda" for name in job.metrics if job.device != "cpu")
    seconds += (1 + more) * (warm_up_seconds(call_s, preset) + sampling_seconds(call_s, preset))
    if any(METRICS[name].traces for name in job.metrics):
        seconds += TRACE_S[case.kind]
    seconds += PROFILE_S + STEADY_CALLS * call_s
    if reads_energy(job, preset):
        seconds += energy_seconds(call_s, preset)
    return min(seconds, preset.deadline_s)


def _learnt(job: Job, preset: Preset, known: Known) -> float | None:
    return known.wall_s(wall_key(job.case.case_id, preset.name, apart=job.apart))


def reads_energy(job: Job, preset: Preset) -> bool:
    """Whether a job is expected to read energy: few machines let a CPU's be read."""
    asked = any(METRICS[name].show in ("energy", "power") for name in job.metrics)
    return asked and preset.energy_windows > 0 and job.device.startswith("cuda")


def energy_seconds(call_s: float, preset: Preset) -> float:
    """The windows of a case, the load before them and the idle between them."""
    windows, idle_s = preset.energy_windows, preset.energy_idle_s
    loads = windows if idle_s else 1
    window_s = max(ENERGY_WINDOW * preset.energy_window_s, call_s)
    return windows * window_s + loads * max(ENERGY_WARM_S, 2 * call_s) + (windows - 1) * idle_s


def warm_up_seconds(call_s: float, preset: Preset) -> float:
    """Windows until their medians agree, within the preset's limits."""
    block_s = max(BLOCK_S, call_s)
    window_s = max(block_s, min(WINDOW_BLOCKS * block_s, WINDOW_S))
    least_s = max(preset.warmup_min_s + SETTLE_S, preset.warmup_min_calls * call_s)
    wanted = max(least_s, WINDOWS * window_s)
    return min(wanted, preset.warmup_max_s + window_s)


def sampling_seconds(call_s: float, preset: Preset) -> float:
    """Blocks until the median's interval is narrow enough, within the preset's limits.

    A median of n samples with relative spread s has a 99 % interval of half-width
    2.58 x 1.25 s / sqrt(n).
    """
    needed = (2.58 * 1.25 * SPREAD / preset.half_width) ** 2
    samples = min(max(needed, preset.samples_min), preset.samples_max)
    block_s = max(BLOCK_S, call_s)
    wanted = max(SAMPLING_S, samples * block_s)
    return max(min(wanted, preset.budget_s), preset.samples_min * block_s)
