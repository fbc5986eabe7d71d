"""From what the user asked of a gate to what it will measure."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sabench.cases.case import Case
from sabench.cases.expand import expand
from sabench.cases.model import Suite
from sabench.cases.own_layer import own_layer
from sabench.cases.suite import load_suite
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.result import SideTold
from sabench.compare.gate.sides import Checkout, find_checkout
from sabench.errors import ConfigError
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


def plan_gate(request: GateRequest) -> GatePlan:
    """Find both sides, ask each which cases it has, keep what both have.

    Raises: SuiteError or ConfigError for what cannot be asked for, DeviceError for an absent
    device.
    """
    base = find_checkout(request.base, request.base_python)
    candidate = find_checkout(request.candidate, request.candidate_python)
    suite = load_suite(request.suite)
    devices = resolve_devices(request.device)
    if len(devices) != 1:
        raise ConfigError(f"--device {request.device}: a gate measures on one device, name it")
    own = [own_layer(_in_folder(spec, candidate)) for spec in request.layers]
    expansion = expand(suite, filter=request.filter, own_layers=own)
    refuse_outside_tests(expansion.cases)
    cases = {case.case_id: case for case in expansion.cases}
    theirs = {
        name: side.case_ids(_asked(request, suite, devices[0], side))
        for name, side in (("base", base), ("candidate", candidate))
    }
    both = [one for one in theirs["base"] if one in theirs["candidate"] and one in cases]
    if not both:
        raise ConfigError(
            f"suite {suite.name}: no case that both sides have; base has {len(theirs['base'])}, "
            f"candidate {len(theirs['candidate'])}"
        )
    if request.plant is not None and not 1.0 < request.plant <= MOST_PLANTED:
        raise ConfigError(
            f"--plant {request.plant:g}: a factor above 1 and up to {MOST_PLANTED:g}, such as 1.08"
        )
    return GatePlan(
        request=request,
        suite=suite,
        checkouts={"base": base, "candidate": candidate},
        told={"base": base.told(devices[0]), "candidate": candidate.told(devices[0])},
        device=devices[0],
        environment=environment(devices[0]),
        cases={one: cases[one] for one in both},
        missing=tuple(one for one in theirs["base"] if one not in theirs["candidate"]),
        added=tuple(one for one in theirs["candidate"] if one not in theirs["base"]),
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
    )


def _in_folder(spec: str, checkout: Checkout) -> str:
    """A layer's file as the checkout has it; a path that leaves it stays what it is."""
    path, colon, name = spec.rpartition(":")
    return f"{checkout.root / path}{colon}{name}"


def _asked(request: GateRequest, suite: Suite, device: str, side: Checkout) -> list[str]:
    """How a side is asked for its cases: by its own copy of the suite, if it has one."""
    own = side.root / request.suite
    in_suites = side.root / "suites" / f"{suite.name}.yaml"
    name = next((str(file) for file in (own, in_suites) if file.is_file()), "")
    if not name:
        there = Path(suite.file)
        name = str(there.resolve()) if there.is_file() else suite.name
    arguments = ["--suite", name, "--device", device]
    for spec in request.layers:
        arguments += ["--layer", _in_folder(spec, side)]
    return arguments + (["--filter", request.filter] if request.filter else [])
