"""From what the user asked of a gate to what it will measure."""

import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sabench.cases.case import Case
from sabench.cases.expand import expand, passing
from sabench.cases.model import Suite
from sabench.cases.own_layer import defines, file_and_class, own_layer
from sabench.cases.suite import load_suite
from sabench.catalog.choices import Choice, Chooser
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.result import SideTold
from sabench.compare.gate.sides import Checkout, find_checkout
from sabench.errors import ConfigError, ResultError
from sabench.measure.environment import environment
from sabench.measure.fake_script import refuse_outside_tests
from sabench.measure.gpus import resolve_devices
from sabench.records import Environment

MOST_PLANTED = 4.0


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A gate of two checkouts as the command line asks for it."""

    base: Path
    candidate: Path = Path()
    suite: str = "gate"
    device: str = "auto"
    base_python: Path | None = None
    candidate_python: Path | None = None
    layers: Sequence[str] = ()  # "path/in/the/checkout.py:Class"
    filter: str = ""
    seed: int | None = None
    plant: float | None = None
    out: Path | None = None
    allow_missing: bool = False
    command_line: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What a gate will measure: nothing has been started but to ask both sides."""

    request: GateRequest
    suite: Suite
    checkouts: dict[SideName, Checkout]
    told: dict[SideName, SideTold]
    device: str
    environment: Environment
    cases: dict[str, Case]  # on both sides, by id
    missing: tuple[str, ...]
    added: tuple[str, ...]
    seed: int

    @property
    def plants(self) -> dict[str, float]:
        """The case that does more in the candidate, and how many times its work."""
        if self.request.plant is None:
            return {}
        return {random.Random(f"{self.seed} plant").choice(sorted(self.cases)): self.request.plant}


def plan_gate(request: GateRequest, *, by_base: bool = True) -> GatePlan:
    """Find both sides, ask each which cases it has, keep what both have.

    `by_base`: thresholds are those of the base's own copy of the suite, where it has one, so that
    no change loosens the gate that it is held to; else the judge's.

    Raises: SuiteError or ConfigError for what cannot be asked for, ResultError for cases that the
    judge does not know, DeviceError for an absent device.
    """
    base = find_checkout(request.base, request.base_python)
    candidate = find_checkout(request.candidate, request.candidate_python)
    sides: dict[SideName, Checkout] = {"base": base, "candidate": candidate}
    ruling = _own_suite(request.suite, base, candidate) if by_base else None
    suite = load_suite(ruling or request.suite)
    devices = resolve_devices(request.device)
    if len(devices) != 1:
        raise ConfigError(f"--device {request.device}: a gate measures on one device, name it")
    layers = {name: _layers_of(request, side) for name, side in sides.items()}
    _check_layers(request, sides.values())
    theirs: dict[SideName, list[str]] = {}
    for name, side in sides.items():
        own_suite = _own_suite(request.suite, side, candidate)
        theirs[name] = side.case_ids(_asked(suite, own_suite, devices[0], layers[name]))
    kept = passing((one for told in theirs.values() for one in told), request.filter)
    theirs = {name: [one for one in told if one in kept] for name, told in theirs.items()}
    if not any(theirs.values()):
        raise ConfigError(f"suite {suite.name}: no case on either side")
    both = [one for one in theirs["base"] if one in theirs["candidate"]]
    cases = _known_cases(suite, request.filter, layers["candidate"]) if both else {}
    if unknown := [one for one in both if one not in cases]:
        raise ResultError(
            f"suite {suite.file}: {len(unknown)} cases that both sides have are not known to the "
            f"sabench that judges, the first {unknown[0]}: let the base's sabench judge"
        )
    _check_plant(request.plant, both)
    return GatePlan(
        request=request,
        suite=suite,
        checkouts=sides,
        told={name: side.told(devices[0]) for name, side in sides.items()},
        device=devices[0],
        environment=environment(devices[0]),
        cases={one: cases[one] for one in both},
        missing=tuple(one for one in theirs["base"] if one not in theirs["candidate"]),
        added=tuple(one for one in theirs["candidate"] if one not in theirs["base"]),
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
    )


def _known_cases(suite: Suite, wanted: str, layers: Sequence[str]) -> dict[str, Case]:
    """The cases as the judge has them, by id: with each implementation that `auto` may be to a
    side, whatever it is here."""
    own = [own_layer(spec) for spec in layers]
    found: dict[str, Case] = {}
    for name in (name for name, row in IMPLEMENTATIONS.items() if not row.package):
        chooser = Chooser(always=Choice(name))
        cases = expand(suite, filter=wanted, own_layers=own, chooser=chooser).cases
        found |= {case.case_id: case for case in cases}
    refuse_outside_tests(found.values())
    return found


def _check_plant(plant: float | None, case_ids: Sequence[str]) -> None:
    """Refuse what is no slowdown, or has no case to be put into.

    Raises: ConfigError.
    """
    if plant is None:
        return
    if not 1.0 < plant <= MOST_PLANTED:
        raise ConfigError(
            f"--plant {plant:g}: a factor above 1 and up to {MOST_PLANTED:g}, such as 1.08"
        )
    if not case_ids:
        raise ConfigError(f"--plant {plant:g}: there is no case that both sides have")


def _layers_of(request: GateRequest, side: Checkout) -> list[str]:
    """The layers that a side has, as it has them. One that it lacks is missing, or added.

    Raises: ConfigError if a file lies outside the side, or is no Python.
    """
    parts = [file_and_class(spec) for spec in request.layers]
    found = [(side.file(str(path)), name) for path, name in parts]
    return [f"{file}:{name}" for file, name in found if defines(file, name)]


def _check_layers(request: GateRequest, sides: Iterable[Checkout]) -> None:
    """Refuse a layer that neither side has.

    Raises: ConfigError.
    """
    for path, name in map(file_and_class, request.layers):
        files = [side.file(str(path)) for side in sides]
        if not any(defines(file, name) for file in files):
            own_layer(f"{files[-1]}:{name}")


def _own_suite(asked: str, side: Checkout, candidate: Checkout) -> Path | None:
    """A side's own copy of the suite: by name in its suites/, by path as the candidate has it."""
    path = Path(asked)
    if path.suffix not in (".yaml", ".yml") and asked == path.name:
        file = side.root / "suites" / f"{asked}.yaml"
    elif path.exists():
        if not path.resolve().is_relative_to(candidate.root):
            return None  # a file that is named, and no side's
        file = side.root / path.resolve().relative_to(candidate.root)
    else:
        file = side.root / path
    return file if file.is_file() else None


def _asked(suite: Suite, copy: Path | None, device: str, layers: Sequence[str]) -> list[str]:
    """How a side is asked for its cases: by its own copy of the suite, if it has one.

    Of all of them: a side that has none of those that are kept would refuse to plan.
    """
    there = Path(suite.file)
    name = str(copy or (there.resolve() if there.is_file() else suite.name))
    own = [word for spec in layers for word in ("--layer", spec)]
    return ["--suite", name, "--device", device, *own]
