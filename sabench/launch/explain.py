"""A case explained: measured in a child of its own, held against its device's ceilings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sabench.cases.case import Case
from sabench.cases.floor import BOUNDS, Bound, LeastWork, bounds, least_work, precision
from sabench.cases.plan import Batch, Job
from sabench.catalog.presets import Preset
from sabench.errors import ConfigError, MeasurementError
from sabench.known import load_known, save_known
from sabench.launch.core_bests import earlier_best
from sabench.launch.limits import allowed_cores, choose_cores, default_memory_limit
from sabench.launch.lone_child import run_alone
from sabench.records import MEASURED, SHOWN, Environment, Flag, Record

CEILINGS_S = 60.0  # to measure them, beside the case's own deadline
SEED = 0
EXPLAIN = "explain"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A case's time, the least it could take, and where the time goes."""

    record: Record
    work: LeastWork
    bounds: tuple[Bound, ...]  # the slowest first
    ceilings: Mapping[str, float]  # a second, the best known of the device
    operators: tuple[Mapping[str, Any], ...]  # name, calls and own seconds in a call of the case

    @property
    def no_operators(self) -> str:
        """Why there are none; empty if there are."""
        return str(self.record.details.get("operators_reason", ""))

    @property
    def no_ceilings(self) -> Mapping[str, str]:
        """Why the device has no ceiling of a name: nothing is held against it."""
        told: Any = self.record.details["no_ceilings"]
        return dict(told)

    @property
    def disturbed(self) -> str:
        """Why its time is not to be ranked; empty if nothing disturbed it."""
        if self.record.status in MEASURED:
            return ""
        return f"{self.record.case_id}: {self.record.status.value}: {self.record.message}"

    @property
    def seconds(self) -> float:
        """The case's warm latency."""
        return self.record.readings["latency_warm"].median or 0.0

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What speaks against the latency."""
        raised = {*self.record.flags, *self.record.readings["latency_warm"].flags}
        return tuple(flag for flag in Flag if flag in raised)

    @property
    def floor_s(self) -> float:
        """The time of the slowest bound."""
        return self.bounds[0].seconds


def explain(case: Case, device: str, environment: Environment, preset: Preset) -> Explanation:
    """Measure the case and the ceilings, and keep these with what is known of the device.

    Raises: ConfigError for a case without a closed form or with nothing to do, MeasurementError if
    it could not be measured.
    """
    work = least_work(case)
    if work is None:
        raise ConfigError(f"{case.subject} has no closed form: no floor to hold it against")
    if work.macs + work.exponentials + work.bytes == 0:
        raise ConfigError(f"{case.subject} has nothing to do: no floor to hold it against")
    batch = Batch(
        batch_id=EXPLAIN,
        suite=EXPLAIN,
        preset=preset,
        environment=environment.id,
        device=device,
        threads=case.threads,
        cores=choose_cores(case.threads, allowed_cores()),
        memory_limit=default_memory_limit() if device == "cpu" else 0,
        core_best=earlier_best(environment) if device == "cpu" else 0.0,
        jobs=(
            Job(
                job_id=EXPLAIN,
                kind="explain",
                case=case,
                metrics=("latency_warm",),
                device=device,
                replicate=0,
                seed=SEED,
            ),
        ),
    )
    answers, told = run_alone(batch, preset.deadline_s + CEILINGS_S, lambda _: None)
    record = answers.get(EXPLAIN)
    if record is None:
        raise MeasurementError(f"{case.case_id}: no answer: {told}")
    if record.status not in SHOWN:
        raise MeasurementError(f"{case.case_id}: {record.status.value}: {record.message}")
    ceilings = _best_known(case, environment, record)
    held = tuple(bounds(work, ceilings))
    if not held:
        why: Any = record.details["no_ceilings"]
        raise MeasurementError(f"{case.case_id}: no ceiling: {'; '.join(why.values())}")
    operators: Any = record.details["operators"]
    return Explanation(record, work, held, ceilings, tuple(operators))


def _best_known(case: Case, environment: Environment, record: Record) -> dict[str, float]:
    """The ceilings that were measured now, each raised to the best that is known."""
    measured: Any = record.details["ceilings"]
    size = record.details["moved_bytes"]
    keys = {name: f"{name}@{size}" if name in BOUNDS["bytes"] else name for name in measured}
    keys = {name: f"{key}/{precision(case)}/{case.threads}" for name, key in keys.items()}
    known = load_known(environment).raise_ceilings({keys[one]: measured[one] for one in measured})
    save_known(environment, known)
    return {name: known.ceiling(key) or measured[name] for name, key in keys.items()}
