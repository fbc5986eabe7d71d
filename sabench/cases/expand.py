"""From a suite to its cases: every combination once, in a fixed order, or the reason why not."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import prod

from sabench.cases.axes import AXES
from sabench.cases.build import Built, Values, build_case, instead_of, missing_of
from sabench.cases.case import Case, Scalar, Unmeasured, show_scalar
from sabench.cases.cost import case_cost
from sabench.cases.keys import axes_of, entry_row
from sabench.cases.model import Entry, Suite, Sweep, Value
from sabench.cases.overrides import apply_overrides, without_slots
from sabench.cases.recipe import Recipe
from sabench.cases.trained import trained_case
from sabench.catalog.choices import ON_CPU, Chooser
from sabench.catalog.rows import Problem
from sabench.errors import SuiteError
from sabench.units import show_bytes

MAX_CASES = 10_000

Point = dict[str, Value]
"""One combination: the chosen value of every swept key."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A combination that is not measured, named as its case would be, and why."""

    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a suite comes to."""

    cases: tuple[Case, ...]
    dropped: tuple[Dropped, ...]
    auto: Mapping[str, str] = field(default_factory=dict)  # by id: why `auto` is what it has


def expand(
    suite: Suite,
    *,
    axes: Mapping[str, Sequence[Scalar]] | None = None,
    filter: str = "",
    own_layers: Sequence[Entry] = (),
    recipe: Recipe | None = None,
    mode: Unmeasured = "train",
    chooser: Chooser = ON_CPU,
) -> Expansion:
    """Every case of a suite in the file's order, each id once: a second one is the first again.

    `axes` replaces the values of a key wherever it reaches (--axis). `filter` keeps what `passing`
    says. With a `recipe` the cases are trainings, or what else `mode` does with it. `chooser` says
    what implementation=auto stands for.
    Raises: SuiteError for a value that no case can have, an override that reaches nothing, two own
    layers of one name, more combinations than anyone can measure.
    """
    matched = bool(suite.match)
    _check_own_names(own_layers)
    entries = apply_overrides((*suite.entries, *own_layers), axes or {}, matched=matched)
    cases: dict[str, Case] = {}
    dropped: dict[str, str] = {}
    auto: dict[str, str] = {}
    tallies = _Tallies()
    left = MAX_CASES
    for entry in entries:
        sweep = _sweep(suite, entry, trains=recipe is not None)
        left -= prod(len(values) for values in sweep.values())
        if left < 0:
            raise SuiteError(f"{entry.place}: more than {MAX_CASES} combinations up to here")
        for combination in itertools.product(*sweep.values()):
            point = without_slots(entry, dict(zip(sweep, combination, strict=True)))
            chosen = {key: value.value for key, value in point.items()}
            case, problem, why = _fitting(
                *(suite, entry, chosen, chooser), matched=matched, trains=recipe is not None
            )
            tallies.add(point, problem)
            if recipe is not None and problem is None:
                case, problem = trained_case(case, chosen, recipe, mode)
            problem = problem or _too_large(case, suite.max_bytes) or _elsewhere(case, chooser)
            if problem:
                dropped.setdefault(case.case_id, problem.text)
            elif cases.setdefault(case.case_id, case).data != case.data:
                raise SuiteError(
                    f"data: {cases[case.case_id].data} and {case.data} have one name: rename one"
                )
            elif why:
                auto[case.case_id] = why
    tallies.check()
    tallies.check_reached(entries)
    kept = passing((*cases, *dropped), filter)
    return Expansion(
        tuple(case for key, case in cases.items() if key in kept),
        tuple(Dropped(key, text) for key, text in dropped.items() if key in kept),
        {key: why for key, why in auto.items() if key in kept},
    )


def _check_own_names(own_layers: Sequence[Entry]) -> None:
    """Ids carry the class name alone, so two classes of one name would be one case."""
    taken: set[str] = set()
    for entry in own_layers:
        if entry.subject in taken:
            raise SuiteError(f"{entry.place}: a second layer named {entry.subject}")
        taken.add(entry.subject)


def _sweep(suite: Suite, entry: Entry, *, trains: bool) -> Sweep:
    """Every key that this entry varies: shared axes first, then options as declared."""
    row = entry_row(entry)
    shared = axes_of(row, matched=bool(suite.match))
    shared = [key for key in shared if trains or not AXES[key].trains]
    axes = suite.axes | entry.axes
    sweep = {key: axes[key] for key in shared if key in axes}
    if row is None:
        return sweep
    options = entry.options
    if "window" not in shared and "window" in row.options.model_fields and not suite.match:
        options = {key: axes[key] for key in ("window",) if key in axes} | options
    fields = [*row.options.model_fields, *options]
    return sweep | {key: options[key] for key in dict.fromkeys(fields) if key in options}


def _fitting(
    suite: Suite,
    entry: Entry,
    chosen: Values,
    chooser: Chooser,
    *,
    matched: bool,
    trains: bool,
) -> Built:
    """The case of a combination, with another implementation where `auto`'s needs too much."""
    built = build_case(entry, chosen, matched=matched, chooser=chooser, trains=trains)
    if built.problem or not built.auto:
        return built
    if problem := _too_large(built.case, suite.max_bytes):
        chooser = instead_of(built, problem)
        other = build_case(entry, chosen, matched=matched, chooser=chooser, trains=trains)
        if not (other.problem or _too_large(other.case, suite.max_bytes)):
            return other
    return built


def _elsewhere(case: Case, chooser: Chooser) -> Problem | None:
    """A case that no device of the run can do."""
    missing = missing_of(case, chooser)
    return Problem("device", missing[0]) if missing and all(missing) else None


def _too_large(case: Case, max_bytes: int) -> Problem | None:
    """A case whose tensors need more than the suite allows."""
    cost = case_cost(case)
    if cost is None or cost.workspace_bytes <= max_bytes:
        return None
    needs, allowed = show_bytes(cost.workspace_bytes), show_bytes(max_bytes)
    return Problem("max_bytes", f"it needs {needs} of memory, more than max_bytes={allowed}")


def passing(case_ids: Iterable[str], wanted: str) -> set[str]:
    """The ids that a filter keeps: the one that it is, else those that it is a part of.

    Where it has one of * ? [ and is no id itself, those that match it. An id may be a part of
    another: one of resnet50 of one of se_resnet50.
    """
    found = set(case_ids)
    if wanted in found:
        return {wanted}
    is_glob = any(mark in wanted for mark in "*?[")
    return {one for one in found if (fnmatchcase(one, wanted) if is_glob else wanted in one)}


@dataclass(slots=True)
class _Tally:
    """How often one written value could be had, and the problems not laid on another value."""

    key: str
    value: Value
    possible: bool = False
    problems: list[Problem] = field(default_factory=list)

    @property
    def named(self) -> str:
        """As an id and a problem's text write it."""
        return f"{self.key}={show_scalar(self.value.value)}"

    def explains(self) -> bool:
        """Whether every problem lies at this key or names this value."""
        return all(one.key == self.key or self.named in one.text for one in self.problems)


class _Tallies:
    """Every written value of a suite, to find those that no case can have."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], _Tally] = {}

    def add(self, point: Point, problem: Problem | None) -> None:
        """Count one combination. A problem at a swept key is that value's alone."""
        for key, value in point.items():
            tally = self.of.setdefault((key, value.place), _Tally(key, value))
            if problem is None:
                tally.possible = True
            elif problem.key == key or problem.key not in point:
                tally.problems.append(problem)

    def check(self) -> None:
        """Raise at an impossible value: one that its problems point at, else the first."""
        dead = [one for one in self.of.values() if one.problems and not one.possible]
        if dead:
            worst = next((one for one in dead if one.explains()), dead[0])
            text = f"no case is possible with {worst.named}: {worst.problems[0].text}"
            raise SuiteError(f"{worst.value.place}: {text}")

    def check_reached(self, entries: Sequence[Entry]) -> None:
        """Raise at an override for slots that no combination has."""
        met = {place for _, place in self.of}
        for entry in entries:
            for key in entry.yielding:
                place = entry.options[key][0].place
                if place not in met:
                    layer = key.partition(".")[0]
                    raise SuiteError(f"{place}: no slot of the suite's networks holds {layer}")
