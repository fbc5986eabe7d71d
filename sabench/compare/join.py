"""Which cases of two results are the same, and which results may be compared at all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sabench.cases.case import Case, Scalar, show_scalar
from sabench.cases.recipe import Recipe
from sabench.errors import ConfigError, ResultError
from sabench.launch.resume import difference
from sabench.measure.processor import without_model
from sabench.records import SHOWN, Environment
from sabench.store.leaderboard import Leaderboard, Row

Device = tuple[str, str]  # kind and name

SWEPT = (
    *("threads", "batch", "stride", "layout", "autocast", "dtype", "mode"),
    *("implementation", "runtime"),
)
"""Keys that `across` may leave out of an id: what every case has."""


@dataclass(frozen=True, slots=True)
class Side:
    """The rows of one result on one device, with one value of each key that is compared across."""

    name: str  # how it is told: the path, and what tells the sides of one result apart
    leaderboard: Leaderboard
    device: str
    environment: Environment
    rows: tuple[Row, ...]
    same_run_as: str = ""  # the name of a side before it that has the same records


@dataclass(frozen=True, slots=True)
class Joined:
    """Rows of two sides under their common key, in the order of the base; what only one has."""

    pairs: tuple[tuple[str, Row, Row], ...]
    missing: tuple[str, ...]  # in the base alone
    added: tuple[str, ...]


def sides_of(name: str, leaderboard: Leaderboard, across: Sequence[str] = ()) -> list[Side]:
    """A side for each device of a result, and for each value of the keys in `across`.

    Raises: ConfigError for a key that no case has; ResultError for a row of a device of which the
    result does not tell the environment.
    """
    for key in across:
        if key not in SWEPT:
            raise ConfigError(f"--across {key}: no key of a case; there are {', '.join(SWEPT)}")
    found: dict[tuple[Scalar, ...], list[Row]] = {}
    for row in leaderboard.rows:
        if row.device not in leaderboard.environments:
            raise ResultError(
                f"{name}: {row.case_id} is of {row.device}, whose environment it does not tell; "
                "measure again"
            )
        values = (getattr(row.case, key) for key in across)
        found.setdefault((row.device, *values), []).append(row)
    names = dict(zip(found, _told_apart(list(found), across), strict=True))
    return [
        Side(
            name=f"{name} {names[values]}".rstrip(),
            leaderboard=leaderboard,
            device=str(values[0]),
            environment=leaderboard.environments[str(values[0])],
            rows=tuple(rows),
        )
        for values, rows in found.items()
    ]


def devices_among(environments: Iterable[Environment]) -> Callable[[Environment], Device]:
    """What tells the device of each: kind and name.

    The model that was added to a CPU's name does not count where one of them lacks it: a result
    from before that may be of any model, and is to be refused rather than taken for another device.
    """
    names = {(one.device_kind, one.device_name) for one in environments}

    def device(environment: Environment) -> Device:
        kind, name = environment.device_kind, environment.device_name
        bare = kind, without_model(name)
        return bare if bare in names else (kind, name)

    return device


def is_one_device(one: Environment, other: Environment) -> bool:
    """Whether what differs between two environments is not their device."""
    device = devices_among((one, other))
    return device(one) == device(other)


def is_one_run(one: Side, other: Side) -> bool:
    """Whether all that both sides have figures of is the same measurement.

    A file and its copy, a run folder and what was accepted of it. Two runs of counts alone are two
    because they began at two times.
    """

    def head(side: Side) -> tuple[str, str, str]:
        return side.leaderboard.started_utc, side.device, side.environment.id

    if head(one) != head(other):
        return False
    shown = {row.case_id: row.figures for row in one.rows if row.status in SHOWN}
    shared = [row for row in other.rows if row.status in SHOWN and row.case_id in shown]
    return bool(shared) and all(row.figures == shown[row.case_id] for row in shared)


def refuse_unlike(base: Side, new: Side, *, across_env: bool) -> None:
    """Nothing, where the figures of two sides of one device mean the same.

    Raises: ResultError with what differs, and how to compare all the same.
    """
    one, other = base.leaderboard.preset, new.leaderboard.preset
    if not one.measures_as(other):
        told = (one.name, other.name)
        if one.name == other.name:  # of two versions
            told = one.unlike(other), other.unlike(one)
        raise ResultError(
            f"{base.name} was measured with preset {told[0]} and {new.name} with {told[1]}: "
            "not comparable; measure one of them again"
        )
    recipes = base.leaderboard.recipe, new.leaderboard.recipe
    if None not in recipes and recipes[0] != recipes[1]:
        raise ResultError(
            f"{base.name} and {new.name} were trained by unlike recipes "
            f"({_unlike(*recipes)}): not comparable; train one of them again"
        )
    if base.environment.id != new.environment.id and not across_env:
        differences = difference(base.environment, new.environment)
        raise ResultError(
            f"{base.name} and {new.name} come from unlike environments ({differences}): not "
            "comparable; measure the base again, or see the ratios without verdicts with "
            "--across-env"
        )


def _unlike(one: Recipe | None, other: Recipe | None) -> str:
    """What two recipes do not share."""
    sides = [recipe.model_dump() if recipe else {} for recipe in (one, other)]
    return ", ".join(
        f"{key} {value} -> {sides[1].get(key)}"
        for key, value in sides[0].items()
        if value != sides[1].get(key)
    )


def join(base: Side, new: Side, across: Sequence[str] = ()) -> Joined:
    """The rows of both sides whose ids agree, but for the keys in `across`.

    Raises: ResultError for a side that has a case twice.
    """
    old, late = _keyed(base, across), _keyed(new, across)
    return Joined(
        pairs=tuple((key, row, late[key]) for key, row in old.items() if key in late),
        missing=tuple(key for key in old if key not in late),
        added=tuple(key for key in late if key not in old),
    )


def _keyed(side: Side, across: Sequence[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in side.rows:
        key = without(row.case, across).case_id if across else row.case_id
        if key in found:
            raise ResultError(f"{side.name}: {key} stands there twice; measure again")
        found[key] = row
    return found


def without(case: Case, across: Sequence[str]) -> Case:
    """A case with the defaults of some keys: what it shares with those that differ in them."""
    return case.model_copy(update={key: Case.model_fields[key].default for key in across})


def _told_apart(sides: Sequence[tuple[Scalar, ...]], across: Sequence[str]) -> Iterator[str]:
    """Of each side the device and the values that not all of them share."""
    shared = [len(set(column)) == 1 for column in zip(*sides, strict=True)]
    for device, *values in sides:
        words = [] if shared[0] else [str(device)]
        words += [
            f"{key}={show_scalar(value)}"
            for key, value, is_shared in zip(across, values, shared[1:], strict=True)
            if not is_shared
        ]
        yield " ".join(words)
