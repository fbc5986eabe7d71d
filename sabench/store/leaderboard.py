"""The ranked summary of a run."""

from collections.abc import Iterable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sabench.cases.case import Case, Scalar
from sabench.cases.floor import BOUNDS
from sabench.cases.plan import not_granted
from sabench.cases.recipe import Recipe
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import Preset
from sabench.errors import ConfigError, ExitCode
from sabench.records import (
    FAILED,
    MEASURED,
    SCHEMA_VERSION,
    SHOWN,
    Environment,
    Frozen,
    Record,
    Status,
)
from sabench.store.figure import Figure
from sabench.store.journal import last_attempts, load_samples
from sabench.store.journal import read as read_journal
from sabench.store.run_folder import LEADERBOARD, RunFolder, RunInfo
from sabench.store.schema import read_sealed, write_sealed
from sabench.store.summary import SamplesOf, Summary, summarise
from sabench.store.surroundings import Surroundings, surroundings_of

Group = dict[str, Scalar | None]


class Row(Summary):
    """A case in its place. Only cases that were measured undisturbed have a rank."""

    group: Group  # what the row shares with those it is ranked against
    rank: int | None = None  # from 1, within the group
    tied: bool = False  # another row of the group has the same rank
    relative: float | None = None  # time over the time of the group's 3x3 convolution
    level_with: tuple[
        str, ...
    ] = ()  # in a view of the best: implementations not told apart from it

    @property
    def floors_s(self) -> dict[str, float]:
        """The floor of each kind of work, the lowest of its processes: no ceiling fell since."""
        found = {kind: self.figures.get(f"floor_{kind}") for kind in BOUNDS}
        return {kind: one.minimum for kind, one in found.items() if one and one.minimum}

    @property
    def floor_s(self) -> float | None:
        """The longest of them; None where there is none."""
        return max(self.floors_s.values(), default=None)

    @property
    def bound_by(self) -> str:
        """The kind of work whose floor that is; '' where there is none."""
        floors = self.floors_s
        return max(floors, key=lambda kind: floors[kind], default="")

    @property
    def times_floor(self) -> float | None:
        """Its latency over its floor; None where one of them is missing, or it has no figures."""
        latency, floor = self.median("latency_warm"), self.floor_s
        return latency / floor if latency and floor and self.status in SHOWN else None


class Leaderboard(Frozen):
    """Rows in groups, ranked rows first. The statistics lie beside the hashes of their samples."""

    schema_name: Literal["sabench.leaderboard"] = Field("sabench.leaderboard", alias="schema")
    schema_version: str = SCHEMA_VERSION
    title: str
    suite: str
    preset: Preset
    evidence: str
    rank_by: str
    published: str = ""  # the paper whose printed FLOPs are shown; looked up, not kept
    metrics: tuple[str, ...]
    environments: dict[str, Environment]  # by device
    started_utc: str
    command_line: tuple[str, ...] = ()
    recipe: Recipe | None = None  # what its networks were trained by
    altered: dict[str, Scalar] = Field(default_factory=dict)  # keys of it that are not the suite's
    is_complete: bool  # every job of the plan has ended
    surroundings: Surroundings | None = None  # how quiet it was; None where no job tells
    notes: tuple[str, ...] = ()  # told beside a view of it; a run's own has none
    is_of_best: bool = False  # a view that has each layer once, in its best implementation
    rows: tuple[Row, ...]

    def groups(self) -> list[tuple[Group, list[Row]]]:
        """The rows of each group, in the order of the file."""
        found: list[tuple[Group, list[Row]]] = []
        for row in self.rows:
            if not found or found[-1][0] != row.group:
                found.append((row.group, []))
            found[-1][1].append(row)
        return found

    def dump(self) -> dict[str, Any]:
        """JSON-ready, schema first, defaults left out, but for the preset's: they may change."""
        head = {"schema": self.schema_name, "schema_version": self.schema_version}
        body = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return head | body | {"preset": self.preset.model_dump(mode="json")}


def leaderboard_of(folder: RunFolder, records: Iterable[Record]) -> Leaderboard:
    """The leaderboard of a run folder so far; samples are loaded where they are resampled.

    Raises: ConfigError as `make_leaderboard`, ResultError if samples are gone or were changed.
    """
    return make_leaderboard(folder.info, records, partial(load_samples, folder))


def make_leaderboard(
    info: RunInfo, records: Iterable[Record], samples_of: SamplesOf | None = None
) -> Leaderboard:
    """The leaderboard of a run so far, from the last attempt of each job.

    Raises: ConfigError if the suite ranks or groups by something there is not.
    """
    if info.rank_by not in METRICS:
        raise ConfigError(f"rank_by={info.rank_by}: not a metric; there are {', '.join(METRICS)}")
    last = last_attempts(records)
    planned: dict[tuple[str, str], list[str]] = {}
    for job in info.jobs():
        planned.setdefault((job.case.case_id, job.device), []).append(job.job_id)
    absent = {
        name: Figure(unit=METRICS[name].unit, reason=reason)
        for name, reason in not_granted(info.metrics, info.preset).items()
    }
    groups: dict[tuple[object, ...], list[Row]] = {}
    for device in info.devices:
        for case in info.cases:
            jobs = planned[case.case_id, device]
            here = [last[job] for job in jobs if job in last]
            summary = summarise(case, device, here, len(jobs), samples_of)
            group = _group(case, device, info.group_by)
            row = Row(**dict(summary) | {"figures": summary.figures | absent}, group=group)
            groups.setdefault(tuple(group.items()), []).append(row)
    finished = all(
        job in last and last[job].status is not Status.INTERRUPTED
        for jobs in planned.values()
        for job in jobs
    )
    return Leaderboard(
        title=info.title,
        suite=info.suite,
        preset=info.preset,
        evidence=info.preset.evidence,
        rank_by=info.rank_by,
        published=info.published,
        metrics=info.metrics,
        environments=info.environments,
        started_utc=info.started_utc,
        command_line=info.command_line,
        recipe=info.recipe,
        altered=info.altered,
        is_complete=finished,
        surroundings=surroundings_of(last.values()),
        rows=tuple(row for rows in groups.values() for row in rank(rows, info.rank_by)),
    )


def rank(rows: Sequence[Row], rank_by: str) -> list[Row]:
    """One group's rows in order: ranked, then disturbed ones, then those without a figure.

    A row whose interval overlaps that of the best row of the current rank shares its rank; the
    next rank counts the rows before it (1, 1, 3). So a tie means "not told apart from the best
    of these", and a chain of overlaps does not grow past it.
    """
    sign = -1.0 if METRICS[rank_by].better == "more" else 1.0
    reference = _reference_time(rows, rank_by)

    def order(row: Row) -> tuple[int, float]:
        place = 0 if row.status in MEASURED else 1 if row.status in SHOWN else 2
        median = row.median(rank_by)
        return (place, sign * median) if median is not None else (max(place, 2), 0.0)

    placed: list[Row] = []
    best: Row | None = None
    for position, row in enumerate(sorted(rows, key=order), start=1):
        here: int | None = None
        if order(row)[0] == 0:
            if best is None or not overlap(row, best, rank_by):
                best = row.model_copy(update={"rank": position})
            here = best.rank
        relative = _relative(row, reference, rank_by)
        placed.append(row.model_copy(update={"rank": here, "relative": relative}))
    ranks = [row.rank for row in placed if row.rank is not None]
    return [
        row.model_copy(update={"tied": row.rank is not None and ranks.count(row.rank) > 1})
        for row in placed
    ]


def overlap(one: Row, other: Row, metric: str) -> bool:
    """Whether two rows are not told apart by a figure: their intervals overlap."""
    first, second = one.figures[metric].interval, other.figures[metric].interval
    return first is not None and second is not None and first.overlaps(second)


def exit_code(leaderboard: Leaderboard, *, strict: bool = False) -> ExitCode:
    """What `profile` exits with. Interrupted before unreliable before a failed case.

    A case that ended oom, skipped, unsupported, contended or throttled is a result, unless strict.
    """
    statuses = {row.status for row in leaderboard.rows}
    if Status.INTERRUPTED in statuses:
        return ExitCode.INTERRUPTED
    if not statuses & SHOWN:
        return ExitCode.UNRELIABLE
    if statuses & FAILED or (strict and statuses - MEASURED):
        return ExitCode.CASE_FAILED
    return ExitCode.OK


def write_leaderboard(path: Path, leaderboard: Leaderboard) -> None:
    """Write it in one step, with its checksum.

    Raises: ResultError if the disk refuses.
    """
    write_sealed(path, leaderboard.dump())


def read_leaderboard(path: Path) -> Leaderboard:
    """The leaderboard in a file, in a run folder, or in the copy of results/ that ships.

    A run that was killed has none yet: it is made from what the journal holds so far.

    Raises: ResultError if it is missing, damaged or of another schema.
    """
    if not path.is_dir():
        return read_sealed(located(path), Leaderboard)
    if (path / LEADERBOARD).exists():
        return read_sealed(path / LEADERBOARD, Leaderboard)
    folder = RunFolder.open(path)
    return leaderboard_of(folder, read_journal(folder))


def located(path: Path) -> Path:
    """The path, or where the copy of results/ that ships has it if it is not there."""
    shipped = Path(str(files("sabench"))) / "data" / path
    return shipped if not path.exists() and shipped.is_file() else path


def _group(case: Case, device: str, group_by: Sequence[str]) -> Group:
    if not group_by:
        return {**dict(case.group), "device": device}
    fields = set(Case.model_fields)
    group: Group = {}
    for key in group_by:
        if key != "device":
            group[key] = getattr(case, key) if key in fields else case.options.get(key)
    return {**group, "device": device}


def _time_metric(rank_by: str) -> str:
    return rank_by if METRICS[rank_by].show == "time" else "latency_warm"


def _reference_time(rows: Iterable[Row], rank_by: str) -> float | None:
    """The time of the group's 3x3 convolution; None if it was disturbed or is not the only one."""
    found = [row for row in rows if row.case.is_reference_convolution]
    if len(found) != 1 or found[0].status not in MEASURED:
        return None
    return found[0].median(_time_metric(rank_by))


def _relative(row: Row, reference: float | None, rank_by: str) -> float | None:
    time = row.median(_time_metric(rank_by))
    return time / reference if time is not None and reference and row.status in SHOWN else None
