"""What `auto` stands for on the devices of a run."""

import re
from collections.abc import Iterable, Iterator

from sabench.catalog.choices import Chooser, Device, Table, shipped
from sabench.known import load_choices
from sabench.records import Environment


def chooser_of(environments: Iterable[Environment]) -> Chooser:
    """Of each device what was measured there, before what is shipped for its kind."""
    return Chooser(tuple(device_of(one) for one in environments))


def device_of(environment: Environment) -> Device:
    """With its tables."""
    kind = environment.device_kind
    return Device(kind, (*_measured(environment), *shipped(kind).tables))


def _measured(environment: Environment) -> Iterator[Table]:
    """A table for each version of torch that a choice was made with, this one's first."""
    chosen = load_choices(environment).choices
    here = environment.settings.get("torch", "")
    versions = {one.torch for one in chosen.values()}
    for torch in sorted(versions, key=lambda version: (version == here, _parts(version)))[::-1]:
        choices = {key: one.implementation for key, one in chosen.items() if one.torch == torch}
        source = f"measured by sabench tune with torch {torch}"
        yield Table(choices, environment.device_name, source)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version))
