"""Values from the command line (--axis key=v1,v2) in the place of a suite's own.

LAYER.option reaches what has the layer: a network whose slots hold another, or that sets the option
through one of its own, is left as it is.
"""

from collections.abc import Mapping, Sequence

from sabench.cases.axes import AXES, DEVICE
from sabench.cases.case import Scalar, show_scalar
from sabench.cases.keys import axes_of, entry_row, key_problem, value_problem
from sabench.cases.model import Entry, Value
from sabench.cases.scalars import Commas
from sabench.cases.wording import unknown
from sabench.catalog.networks.options import is_per_group
from sabench.catalog.networks.rows import Network
from sabench.errors import SuiteError


def apply_overrides(
    entries: Sequence[Entry], axes: Mapping[str, Sequence[Scalar]], *, matched: bool
) -> list[Entry]:
    """The entries with each key's values replaced wherever it reaches.

    A key is a shared axis, an option, or LAYER.option for one layer (in a network: for its slots).
    Raises: SuiteError for a key that reaches no entry, a value that is not allowed, or none.
    """
    changed = list(entries)
    for key in sorted(axes, key=lambda key: "." in key):  # a mix first: it decides on slots
        scalars = axes[key]
        if key == DEVICE:
            raise SuiteError("--axis device: a device is no axis of the cases, give --device")
        if not scalars:
            raise SuiteError(f"--axis {key}: needs at least one value")
        reached = [_override(entry, key, scalars, matched=matched) for entry in changed]
        if not any(reached):
            _refuse_governed(entries, key)
            known = sorted(
                {name for entry in entries for name in _reaching(entry, matched=matched)}
            )
            raise SuiteError(f"--axis: {unknown('key of this suite', key, known)}")
        changed = [new or old for new, old in zip(reached, changed, strict=True)]
    return changed


def _reaching(entry: Entry, *, matched: bool) -> list[str]:
    row = entry_row(entry)
    options = list(row.options.model_fields) if row else []
    return [*axes_of(row, matched=matched), *options]


def _refuse_governed(entries: Sequence[Entry], key: str) -> None:
    """Name the option that governs a key which reaches nothing else."""
    for row in map(entry_row, entries):
        if isinstance(row, Network) and key in row.governs:
            own = row.governs[key]
            raise SuiteError(f"--axis {key}: {row.name} sets it through its option {own}")


def _values(key: str, scalars: Sequence[Scalar]) -> tuple[Value, ...]:
    return tuple(
        Value(value=scalar, place=f"--axis {key}={show_scalar(scalar)}") for scalar in scalars
    )


def _override(entry: Entry, key: str, scalars: Sequence[Scalar], *, matched: bool) -> Entry | None:
    """The entry with the key's values, None where the key does not reach it."""
    row, values = entry_row(entry), _values(key, scalars)
    if key in axes_of(row, matched=matched):
        _check(values, [AXES[key].problem(value.value) for value in values])
        return entry.model_copy(update={"axes": entry.axes | {key: values}})
    if row is None or (matched and key == "window"):  # matched: the axis, never an option
        return None
    option = key
    if not isinstance(row, Network):
        option = key.removeprefix(f"{row.name}.")
    if key_problem(row, option, ()) or (isinstance(row, Network) and option in row.governs):
        return None
    note = ""
    if is_per_group(row.options, option) and isinstance(scalars, Commas) and len(scalars) > 1:
        values = _values(key, [",".join(map(show_scalar, scalars))])
        note = "; here commas separate groups, and ; separates values"
    _check(values, [value_problem(row, option, value.value) for value in values], note)
    update: dict[str, object] = {"options": entry.options | {option: values}}
    if "." in option and option not in entry.options:
        update["yielding"] = (*entry.yielding, option)
    return entry.model_copy(update=update)


def without_slots(entry: Entry, point: Mapping[str, Value]) -> dict[str, Value]:
    """One combination without the overrides that find no slot of their layer in it."""
    row = entry_row(entry)
    if not entry.yielding or not isinstance(row, Network):
        return dict(point)
    own = {key: point[key].value for key in row.options.model_fields if key in point}
    held = row.held(row.parse(own)[0])
    idle = {key for key in entry.yielding if key.partition(".")[0] not in held}
    return {key: value for key, value in point.items() if key not in idle}


def _check(values: Sequence[Value], problems: Sequence[str | None], note: str = "") -> None:
    for value, problem in zip(values, problems, strict=True):
        if problem:
            raise SuiteError(f"{value.place}: {problem}{note}")
