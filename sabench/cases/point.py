"""One case from a name and key=value pairs, as the command line gives them."""

from collections.abc import Mapping

from sabench.cases.axes import AXES
from sabench.cases.build import build_case
from sabench.cases.case import Case, Kind, Scalar
from sabench.cases.keys import axes_of, find_row, key_problem, value_problem
from sabench.cases.model import Entry
from sabench.cases.wording import unknown
from sabench.catalog.choices import ON_CPU, Chooser
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.errors import ConfigError


def single_case(name: str, values: Mapping[str, Scalar], chooser: Chooser = ON_CPU) -> Case:
    """The case of a layer or network: shared axes and options by their names.

    Raises: ConfigError for an unknown name, key or value, or what cannot be built.
    """
    if name not in layers() and name not in networks():
        raise ConfigError(unknown("layer or network", name, [*layers(), *networks()]))
    kind: Kind = "layer" if name in layers() else "network"
    row = find_row(kind, name)
    axes = axes_of(row, matched=False)
    for key, value in values.items():
        if key in axes and key not in row.options.model_fields:
            problem = AXES[key].problem(value)
        else:
            problem = key_problem(row, key, axes) or value_problem(row, key, value)
        if problem:
            raise ConfigError(problem)
    entry = Entry(kind=kind, subject=name, place="command line")
    built = build_case(entry, dict(values), matched=False, chooser=chooser)
    if built.problem:
        raise ConfigError(f"{name}: {built.problem.text}")
    return built.case
