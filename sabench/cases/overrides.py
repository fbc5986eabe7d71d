"""Values from the command line (--axis key=v1,v2) in the place of a suite's own."""

from collections.abc import Mapping, Sequence

from sabench.cases.axes import AXES, DEVICE
from sabench.cases.case import Scalar, show_scalar
from sabench.cases.keys import axes_of, entry_row, key_problem, value_problem
from sabench.cases.model import Entry, Sweep, Value
from sabench.cases.wording import unknown
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
    for key, scalars in axes.items():
        if key == DEVICE:
            raise SuiteError("--axis device: a device is no axis of the cases, give --device")
        if not scalars:
            raise SuiteError(f"--axis {key}: needs at least one value")
        values = tuple(
            Value(value=scalar, place=f"--axis {key}={show_scalar(scalar)}") for scalar in scalars
        )
        reached = [_override(entry, key, values, matched=matched) for entry in changed]
        if not any(reached):
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


def _override(entry: Entry, key: str, values: tuple[Value, ...], *, matched: bool) -> Entry | None:
    """The entry with the key's values, None where the key does not reach it."""
    row = entry_row(entry)
    if key in axes_of(row, matched=matched):
        _check(values, [AXES[key].problem(value.value) for value in values])
        return entry.model_copy(update={"axes": entry.axes | {key: values}})
    if row is None or (matched and key == "window"):  # matched: the axis, never an option
        return None
    option = key
    if not isinstance(row, Network):
        option = key.removeprefix(f"{row.name}.")
    if key_problem(row, option, ()):
        return None
    _check(values, [value_problem(row, option, value.value) for value in values])
    options: Sweep = entry.options | {option: values}
    return entry.model_copy(update={"options": options})


def _check(values: Sequence[Value], problems: Sequence[str | None]) -> None:
    for value, problem in zip(values, problems, strict=True):
        if problem:
            raise SuiteError(f"{value.place}: {problem}")
