"""What `auto` stands for on the devices of a run."""

from collections.abc import Mapping

from sabench.catalog.choices import Chooser, Table, shipped
from sabench.known import Known
from sabench.records import Environment


def chooser_of(environments: Mapping[str, Environment], known: Mapping[str, Known]) -> Chooser:
    """Of each device what was measured there, before what is shipped for its kind."""
    return Chooser(
        tuple(
            (
                Table(one.device_name, known[device].choices.get, "measured by sabench tune"),
                shipped(one.device_kind),
            )
            for device, one in environments.items()
        )
    )
