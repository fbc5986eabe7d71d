"""The script of the fake runtime: made-up figures and planted faults, for tests alone. Torch-free.

The variable SABENCH_FAKE_SCRIPT names a JSON file of rules; the first one that matches a job rules.
"""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from sabench.cases.case import Case
from sabench.cases.plan import Job
from sabench.errors import ConfigError
from sabench.measure.device_watch import Isolation
from sabench.records import Frozen

VARIABLE = "SABENCH_FAKE_SCRIPT"
IN_A_TEST = "PYTEST_CURRENT_TEST"  # pytest sets it around each test; children inherit it

Stream = Literal["constant", "white", "heavy_tailed", "drifting", "bimodal", "ar1"]
Fault = Literal[
    "hang", "spin", "ignore_sigterm", "grandchild", "escaped_grandchild",
    "segv", "abort", "exit", "sigkill", "raise", "oom", "nonfinite",
]  # fmt: skip


class ScriptedSpan(Frozen):
    """What the device is said to have done between two moments of the scripted clock."""

    start_s: float = 0.0
    end_s: float = 1e9
    sm_clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    events: frozenset[str] = frozenset()
    foreign: tuple[int, ...] = ()
    isolation: Isolation = "alone"


class ScriptedEnergy(Frozen):
    """What the energy counter is said to count."""

    power_w: float = 100.0  # working or not
    sensor_w: float | None = None  # what the power reading says; None: the same
    counter: Literal["steady", "frozen", "zero", "backwards"] = "steady"
    others: str = ""  # whose work it covers too


class Rule(Frozen):
    """How the jobs behave whose case, id, replicate and attempt match."""

    match: str = "*"  # a glob over case ids
    job: str = "*"  # a glob over job ids: "*-candidate-*" is a side of a gate
    replicate: int | None = None  # None: all
    attempt: int | None = None
    seconds: float = Field(default=1e-3, gt=0)  # of one call
    seconds_per_mac: float = Field(default=0.0, ge=0)  # added: larger cases are slower
    stream: Stream = "constant"
    sigma: float = Field(default=0.0, ge=0)  # relative noise of the stream
    disturbed: float = Field(default=0.0, ge=0, le=1)  # share of the blocks other work ran in
    foreign_work: str = ""  # what clearly ran beside all blocks
    pace_s: float = Field(default=0.0, ge=0)  # real seconds that each chunk of blocks takes
    device: tuple[ScriptedSpan, ...] = ()
    energy: ScriptedEnergy | None = None  # None: there is no counter
    fault: Fault | None = None  # at the first call


class Script(Frozen):
    """Rules, and the seed of their noise."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    def rule(self, job: Job) -> Rule:
        """The first rule that matches; one millisecond a call, undisturbed, if none does."""
        for rule in self.rules:
            if (
                fnmatchcase(job.case.case_id, rule.match)
                and fnmatchcase(job.job_id, rule.job)
                and rule.replicate in (None, job.replicate)
                and rule.attempt in (None, job.attempt)
            ):
                return rule
        return Rule()


def find_script() -> Script:
    """The script of the test that runs.

    Raises: ConfigError outside a test, and for a script that cannot be read.
    """
    if IN_A_TEST not in os.environ or not os.environ.get(VARIABLE):
        raise ConfigError(
            "runtime fake makes its figures up: it runs in tests alone, under pytest with "
            f"{VARIABLE}; use runtime eager"
        )
    path = Path(os.environ[VARIABLE])
    try:
        return _parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{VARIABLE}: {path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise ConfigError(f"{VARIABLE}: {path}: {place}: {first['msg']}") from error


@lru_cache(maxsize=1)
def _parse(data: bytes) -> Script:
    return Script.model_validate_json(data)


def is_made_up(cases: Iterable[Case]) -> bool:
    """Whether any case's figures come from a script."""
    return any(case.runtime == "fake" for case in cases)


def refuse_outside_tests(cases: Iterable[Case]) -> None:
    """Let made-up figures be planned only where a test says so.

    Raises: ConfigError as find_script.
    """
    if is_made_up(cases):
        find_script()
