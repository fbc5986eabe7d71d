"""The folder of one run: what was asked for, and where everything lies."""

import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sabench.cases.case import Case, Scalar
from sabench.cases.plan import Job, Order, make_jobs, parity_jobs
from sabench.cases.recipe import Recipe
from sabench.catalog.presets import Preset
from sabench.errors import ConfigError, ResultError
from sabench.measure.environment import device_slug
from sabench.records import SCHEMA_VERSION, Environment, Frozen
from sabench.store.schema import read_sealed, write_sealed

LEADERBOARD = "leaderboard.json"

Purpose = Literal["profile", "train", "score"]

LOCK_PATIENCE_S = 1.0
"""A killed sweep's child holds its lock until it has become a program of its own: a moment."""


class RunInfo(Frozen):
    """What a run was asked for, and on what. Everything a resumption needs to plan the same jobs.

    `group_by` empty: cases are ranked within `Case.group`. The order of jobs follows from `seed`.
    """

    schema_name: Literal["sabench.run"] = Field("sabench.run", alias="schema")
    schema_version: str = SCHEMA_VERSION
    suite: str
    suite_text: str
    title: str
    group_by: tuple[str, ...] = ()
    rank_by: str
    published: str = ""
    metrics: tuple[str, ...]
    cases: tuple[Case, ...]
    devices: tuple[str, ...]
    seed: int
    preset: Preset
    isolation: Literal["suite", "case"] = "suite"
    order: Order = "random"
    environments: dict[str, Environment]  # by device, as of the last start
    earlier_environments: tuple[Environment, ...] = ()  # of starts that a resumption overrode
    command_line: tuple[str, ...] = ()
    started_utc: str
    recipe: Recipe | None = None  # of its trainings
    altered: dict[str, Scalar] = Field(default_factory=dict)  # keys of it that are not the suite's
    known: str = ""  # hash of what was known about the device before
    auto: dict[str, str] = Field(default_factory=dict)  # by id: why `auto` is what the case has

    @model_validator(mode="after")
    def _has_unique_jobs(self) -> Self:
        counted = Counter([*(case.case_id for case in self.cases), *self.devices])
        if repeated := sorted(name for name, times in counted.items() if times > 1):
            raise ValueError(f"named twice: {', '.join(repeated)}")
        if missing := sorted(set(self.devices) - set(self.environments)):
            raise ValueError(f"no environment for {', '.join(missing)}")
        return self

    @property
    def purpose(self) -> Purpose:
        """The command that made it."""
        mode = self.cases[0].mode if self.cases else "forward"
        return mode if mode in ("train", "score") else "profile"

    def jobs(self) -> list[Job]:
        """The jobs that measure the cases, the same every time."""
        return make_jobs(self.cases, self.devices, self.metrics, self.preset, self.seed, self.order)

    def plan(self) -> list[Job]:
        """All that a sweep does: parity first, then the jobs."""
        return parity_jobs(self.cases, self.devices, self.seed) + self.jobs()

    def dump(self) -> dict[str, Any]:
        """JSON-ready, schema first."""
        return self.model_dump(mode="json", by_alias=True)


class RunFolder:
    """Paths of a run and its frozen head. Made by `create` or `open`."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path, self.info = path, info
        self.journal_file = path / "journal.jsonl"
        self.outbox = path / "outbox"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.leaderboard_file = path / LEADERBOARD

    @classmethod
    def create(cls, info: RunInfo, *, out: Path | None = None, root: Path = Path("runs")) -> Self:
        """A new folder `root/<suite>-<device>-<UTC>`, or `out`.

        Raises: ConfigError if `out` already holds something; ResultError if the disk refuses, or
        for what no file can hold. What was made is gone then.
        """
        was_there = out is not None and out.is_dir()
        try:
            path = out or make_fresh(root, _name(info))
            require_free(path)
            (path / "outbox").mkdir(parents=True, exist_ok=True)
            (path / "samples").mkdir(exist_ok=True)
        except OSError as error:
            place = out or root
            raise ResultError(f"{place}: cannot be made: {error.strerror or error}") from error
        folder = cls(path, info)
        try:
            folder.write_info()
        except ResultError:
            for made in (folder.outbox, folder.samples, *(() if was_there else (path,))):
                with suppress(OSError):  # the disk may refuse that too
                    made.rmdir()
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run that lies in a folder.

        Raises: ResultError if there is none or its head is damaged.
        """
        if not (path / "run.json").is_file():
            raise ResultError(f"{path}: not a run folder (there is no run.json in it)")
        return cls(path, read_sealed(path / "run.json", RunInfo))

    def write_info(self) -> None:
        """Write run.json in one step."""
        write_sealed(self.path / "run.json", self.info.dump())

    def replace_info(self, info: RunInfo) -> None:
        """Put another head on this run, on disk too."""
        self.info = info
        self.write_info()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer of this folder. The lock ends with the process that holds it.

        Raises: ResultError if another process writes here.
        """
        import fcntl  # not on Windows, where nothing is measured

        try:
            file = (self.path / ".lock").open("w")
        except OSError as error:
            raise ResultError(f"{self.path}: cannot write: {error.strerror or error}") from error
        with file:
            until = time.monotonic() + LOCK_PATIENCE_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if time.monotonic() >= until:
                        message = f"{self.path}: another sabench writes here; wait"
                        raise ResultError(message) from error
                time.sleep(0.02)
            yield


def require_free(path: Path) -> None:
    """See that a new run may lie there.

    Raises: ConfigError if something lies there already.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path}: already there; name another --out, or --resume it")


def slug(name: str, longest: int = 60) -> str:
    """A name as one safe path component: lower case, digits, underscores and dashes."""
    words = re.findall(r"[a-z0-9_]+", name.lower())
    return "-".join(words)[:longest].strip("-") or "unnamed"


def devices_slug(environments: Sequence[Environment]) -> str:
    """How paths spell the devices of a run: the first one's name, and how many more kinds."""
    names = list(dict.fromkeys(device_slug(environment) for environment in environments))
    return names[0] if len(names) == 1 else f"{names[0]}-and-{len(names) - 1}-more"


def _name(info: RunInfo) -> str:
    device = devices_slug([info.environments[device] for device in info.devices])
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{slug(info.suite)}-{device}-{stamp}"


def make_fresh(root: Path, name: str) -> Path:
    """Make a folder that nobody had: of two runs started at once, each gets its own."""
    root.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = root / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError("numbers do not end")
