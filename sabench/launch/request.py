"""From what the user asked for to a run folder that a sweep can do."""

import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sabench.cases.axes import AXES
from sabench.cases.case import REDUCTIONS, Scalar, Unmeasured
from sabench.cases.choosing import chooser_of
from sabench.cases.expand import Expansion, expand
from sabench.cases.model import Suite
from sabench.cases.own_layer import own_layer
from sabench.cases.plan import Isolation, Order, default_isolation, not_granted
from sabench.cases.predict import Prediction, predict
from sabench.cases.recipe import Recipe
from sabench.cases.suite import load_suite
from sabench.catalog.metrics import metrics_of
from sabench.catalog.presets import PRESETS, TRAINING_PRESETS, Preset, find_preset
from sabench.catalog.scores import SCORES, find_asked
from sabench.errors import ConfigError, DeviceError, ResultError, SuiteError
from sabench.jsonl import spelt_out
from sabench.known import Known, load_known
from sabench.launch.resume import resume
from sabench.launch.sweep import retries, unfinished
from sabench.measure.environment import environment
from sabench.measure.fake_script import refuse_outside_tests
from sabench.measure.gpus import resolve_devices
from sabench.records import Environment
from sabench.store import journal
from sabench.store.run_folder import Purpose, RunFolder, RunInfo, require_free

SCORES_RANK_BY = "naswot"


@dataclass(frozen=True, slots=True)
class Request:
    """A sweep as the command line asks for it."""

    suite: str = "quick"
    layers: Sequence[str] = ()  # "path/to/file.py:Class"
    device: str | None = None  # None: the suite's, or auto
    preset: str = "quick"
    constants: Mapping[str, str] = field(default_factory=dict)  # of the preset, altered
    recipe: Mapping[str, Scalar] = field(default_factory=dict)  # of the suite's, altered
    axes: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    filter: str = ""
    isolation: Isolation | None = None  # None: the preset's
    order: Order = "random"
    seed: int | None = None
    purpose: Purpose = "profile"  # the others: by the suite's recipe
    data: str = ""  # to train on, or to score with; "": the suite's
    scores: Sequence[str] = tuple(SCORES)
    command_line: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """What a request comes to: nothing has been started or written."""

    suite: Suite
    expansion: Expansion
    preset: Preset
    devices: tuple[str, ...]
    environments: dict[str, Environment]
    known: dict[str, Known]  # by device
    isolation: Isolation
    recipe: Recipe | None = None
    purpose: Purpose = "profile"
    scores: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured of each case."""
        if self.purpose == "score":
            return self.scores
        return self.suite.metrics if self.purpose == "profile" else metrics_of(self.purpose)

    @property
    def rank_by(self) -> str:
        """What the cases are ranked by."""
        if self.purpose == "score":
            return SCORES_RANK_BY if SCORES_RANK_BY in self.scores else self.scores[0]
        return "accuracy" if self.purpose == "train" else self.suite.rank_by

    @property
    def group_by(self) -> tuple[str, ...]:
        """What is alike for those that are ranked together; of trainings the data, and what they
        are reduced by too, unless the suite names one of these itself."""
        trained, named = ("data", *REDUCTIONS), self.suite.group_by
        return (*named, *trained) if self.recipe and not {*named} & {*trained} else named

    @property
    def altered(self) -> dict[str, Scalar]:
        """The keys of the recipe that have another value than the suite's."""
        if self.recipe is None or self.suite.recipe is None:
            return {}
        own = self.suite.recipe.model_dump()
        return {key: one for key, one in self.recipe.model_dump().items() if one != own[key]}

    def predict(self) -> Prediction:
        """How long it will take."""
        return predict(
            self.expansion.cases,
            self.preset,
            self.known,
            metrics=self.metrics,
            isolation=self.isolation,
            recipe=self.recipe,
        )


def plan_run(request: Request) -> Planned:
    """Read the suite, expand it, find the devices.

    Raises: SuiteError or ConfigError for what cannot be asked for, DeviceError for an absent
    device.
    """
    suite = load_suite(request.suite)
    _check_axes(request)
    recipe = None if request.purpose == "profile" else _recipe(suite, request)
    mode: Unmeasured = "score" if request.purpose == "score" else "train"
    presets = TRAINING_PRESETS if recipe else PRESETS
    preset = find_preset(request.preset, presets).alter(request.constants)
    axes = dict(request.axes) | ({"data": [request.data]} if request.data else {})
    own = [own_layer(spec) for spec in request.layers]
    expanded = partial(
        expand,
        suite,
        axes=axes,
        filter=request.filter,
        own_layers=own,
        recipe=recipe,
        mode=mode,
    )
    try:
        devices = tuple(resolve_devices(request.device or ",".join(suite.devices) or "auto"))
        environments = {device: environment(device) for device in devices}
    except DeviceError:
        expanded()  # what is wrong with the suite is told before what is missing here
        raise
    known = {device: load_known(environments[device]) for device in devices}
    expansion = expanded(chooser=chooser_of(environments.values()))
    refuse_outside_tests(expansion.cases)
    if not expansion.cases and not expansion.dropped:
        raise ConfigError(f"suite {suite.name}: --filter {request.filter} keeps none of its cases")
    if not recipe and (reason := not_granted(suite.metrics, preset).get(suite.rank_by)):
        raise ConfigError(
            f"suite {suite.name} ranks by {suite.rank_by}: {reason}; --preset standard"
        )
    return Planned(
        suite,
        expansion,
        preset,
        devices,
        environments,
        known,
        isolation=request.isolation or default_isolation(preset),
        recipe=recipe,
        purpose=request.purpose,
        scores=tuple(dict.fromkeys(find_asked(name).name for name in request.scores)),
    )


def _check_axes(request: Request) -> None:
    """Axes that would change nothing.

    Raises: SuiteError for one that the command does not know.
    """
    for key in request.axes:
        if request.purpose == "profile" and key in AXES and AXES[key].trains:
            raise SuiteError(f"--axis {key}: of trainings alone; a profile has none: sabench train")
        if request.purpose != "profile" and key in ("batch", "mode"):
            raise SuiteError(f"--axis {key}: the suite's key train says it for all networks")
    if request.data and "data" in request.axes:
        raise SuiteError("--axis data: --data says it already: leave one out")


def _recipe(suite: Suite, request: Request) -> Recipe:
    if suite.recipe is None:
        told = f"suite {suite.name} has no key train: there is nothing to {request.purpose} by"
        raise SuiteError(told)
    return suite.recipe.alter(request.recipe)


def check_run(planned: Planned, out: Path | None) -> None:
    """See that a plan can become a run, before its device is waited for.

    Raises: ConfigError if nothing is left to measure, `out` is taken, or a training's checkpoints
    would lie in a folder that no record can name.
    """
    if not planned.expansion.cases:
        first = planned.expansion.dropped[0]
        raise ConfigError(
            f"suite {planned.suite.name}: every case was dropped, the first because "
            f"{first.reason}; --dry-run shows all"
        )
    if out is not None:
        require_free(out)
    place = str((out or Path()).absolute())
    if planned.purpose == "train" and spelt_out(place) != place:
        raise ConfigError(
            f"{place}: a training's folder is told to its processes, and this name has bytes that "
            "are no UTF-8: choose another, by --out"
        )


def start_run(
    request: Request, planned: Planned, out: Path | None, *, identify: bool = False
) -> RunFolder:
    """A new run folder for a plan. `identify`: with the host's name among its facts.

    Raises: as check_run and check_data; ResultError if the disk refuses.
    """
    check_run(planned, out)
    if planned.purpose != "profile":
        from sabench.train.data.check import check_data  # brings torch

        check_data(planned.expansion.cases)
    named = {"host_name": platform.node() or "unknown"} if identify else {}
    info = RunInfo(
        suite=planned.suite.name,
        suite_text=planned.suite.text,
        title=planned.suite.title or planned.suite.name,
        group_by=planned.group_by,
        rank_by=planned.rank_by,
        published=planned.suite.published,
        metrics=planned.metrics,
        cases=planned.expansion.cases,
        devices=planned.devices,
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
        preset=planned.preset,
        isolation=planned.isolation,
        order=request.order,
        environments={
            device: one.model_copy(update={"facts": one.facts | named})
            for device, one in planned.environments.items()
        },
        command_line=tuple(request.command_line),
        started_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        recipe=planned.recipe,
        altered=planned.altered,
        known=" ".join(known.sha256 for known in planned.known.values()),
        auto=dict(planned.expansion.auto),
    )
    return RunFolder.create(info, out=out)


def resume_run(
    path: Path, *, purpose: Purpose = "profile", across_env: bool = False, suite: str = ""
) -> RunFolder:
    """An earlier run, fit to go on here. `suite`: the only one whose runs the command takes.

    Raises: ResultError if it is no run, was made elsewhere, or is of another command.
    """
    info = RunFolder.open(path).info
    if suite and info.suite != suite:
        raise ResultError(
            f"{path}: is a run of suite {info.suite}, not of {suite}: "
            f"sabench {info.purpose} --resume {path}"
        )
    if info.purpose != purpose:
        raise ResultError(
            f"{path}: is a run of sabench {info.purpose}: sabench {info.purpose} --resume {path}"
        )
    refuse_outside_tests(info.cases)
    environments = {
        device: environment(device) for device in resolve_devices(",".join(info.devices))
    }
    return resume(path, environments, allow_environment=across_env)


def check_data_left(folder: RunFolder) -> None:
    """Read the data of the trainings or scorings that an earlier run has left to do.

    Raises: as check_data; ResultError if the journal is damaged.
    """
    if folder.info.purpose == "profile":
        return
    plan, records = folder.info.plan(), journal.read(folder)
    jobs = [*unfinished(plan, records), *retries(plan, records)]
    if left := {job.case.data for job in jobs if job.case.data}:
        from sabench.train.data.check import check_data  # brings torch

        told = [(record.case_id, record.details.get("data")) for record in records]
        kept = {case: str(data["sha256"]) for case, data in told if isinstance(data, dict)}
        check_data([case for case in folder.info.cases if case.data in left], kept)
