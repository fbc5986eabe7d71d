"""How fast a device gets through a case: learnt rates, else a table of one ordinary machine."""

import math
from collections.abc import Iterable, Iterator

from sabench.cases.case import Case
from sabench.cases.cost import CaseCost, case_cost
from sabench.catalog.layers import layers
from sabench.catalog.metrics import METRICS
from sabench.known import Known, Lesson, Rate
from sabench.records import MEASURED, Record

UNKNOWN_CALL_S = 0.01  # a layer without a closed form: a guess
LEAST_CALL_S = 5e-6

# Achieved at 64 channels and 28 to 56 px (networks: 224 px) on one thread of a 2024 server core in
# fp32, forward. Keys: subject or kind of subject, then implementation.
CPU_RATES = {
    ("conv", "reference"): Rate(macs_per_s=95e9, bytes_per_s=1.6e9),
    ("layer", "reference"): Rate(macs_per_s=4.5e9, bytes_per_s=2.8e9),
    ("layer", "blocked"): Rate(macs_per_s=8.5e9, bytes_per_s=5.5e9),
    ("network", "reference"): Rate(macs_per_s=45e9, bytes_per_s=3.5e9),
    ("network", "blocked"): Rate(macs_per_s=20e9, bytes_per_s=3.5e9),
}
CUDA_FASTER = 100.0  # guesses: never held against a measurement
THREAD_EXPONENT = 0.8


def call_seconds(case: Case, cost: CaseCost | None, known: Known) -> float:
    """Seconds of one call: between what its MACs and what its bytes say, each at its rate.

    The rates are medians over cases that differ in size, and err to both sides: the geometric mean
    of the two answers errs less than either.
    """
    if cost is None:
        return UNKNOWN_CALL_S
    rate = known.rate(rate_key(case)) or _default_rate(case, known.device)
    macs = cost.macs_executed * cost.passes * case.batch
    by_macs, by_bytes = macs / rate.macs_per_s, cost.bytes / rate.bytes_per_s
    return max(LEAST_CALL_S, math.sqrt(by_macs * by_bytes))


def rate_key(case: Case) -> str:
    """What cases share a rate: subject, implementation, dtype, mode, threads."""
    dtype = case.dtype if case.autocast == "none" else f"autocast-{case.autocast}"
    words = (case.subject, case.implementation, case.runtime, dtype, case.mode, str(case.threads))
    return "/".join(words)


def wall_key(case_id: str, preset: str, *, apart: bool) -> str:
    """What jobs share a wall time: the case, the preset, and whether it had its own process."""
    return f"{case_id}|{preset}|{'apart' if apart else 'main'}"


def lessons(cases: Iterable[Case], records: Iterable[Record]) -> Iterator[Lesson]:
    """What the undisturbed records of a run teach about its device."""
    by_id = {case.case_id: case for case in cases}
    for record in records:
        case = by_id.get(record.case_id)
        if case is None or record.status not in MEASURED or record.wall_s <= 0:
            continue
        known = [METRICS[name] for name in record.readings if name in METRICS]
        apart = bool(known) and all(metric.is_apart(record.device) for metric in known)
        rate = _achieved(case, record)
        yield Lesson(
            rate_key=rate_key(case) if rate else "",
            rate=rate,
            wall_key=wall_key(record.case_id, record.preset, apart=apart),
            wall_s=record.wall_s,
        )


def _achieved(case: Case, record: Record) -> Rate | None:
    seconds, cost = _seconds_a_call(case, record), case_cost(case)
    if not seconds or cost is None or not cost.macs_executed:
        return None
    macs = cost.macs_executed * cost.passes * case.batch
    return Rate(macs_per_s=macs / seconds, bytes_per_s=cost.bytes / seconds)


def _seconds_a_call(case: Case, record: Record) -> float | None:
    """The latency; of a training the time of a step."""
    latency, rate = (record.readings.get(name) for name in ("latency_warm", "train_throughput"))
    if latency is not None:
        return latency.median
    return case.batch / rate.median if rate is not None and rate.median else None


def _default_rate(case: Case, device: str) -> Rate:
    row = layers().get(case.subject)
    attends = case.implementation != "reference" or bool(row and row.attention)
    own, of_kind = (case.subject, case.implementation), (case.kind, case.implementation)
    known = own if own in CPU_RATES else of_kind if of_kind in CPU_RATES else None
    rate = CPU_RATES[known or (case.kind, "blocked" if attends else "reference")]
    faster = CUDA_FASTER if device.startswith("cuda:") else case.threads**THREAD_EXPONENT
    return Rate(macs_per_s=faster * rate.macs_per_s, bytes_per_s=faster * rate.bytes_per_s)
