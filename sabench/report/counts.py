"""What `sabench count` says: the closed form, and what counters said of the built module."""

from collections.abc import Mapping
from typing import Any

from sabench.cases.case import Case
from sabench.cases.cost import case_cost, case_plan
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.networks.cost import network_parts
from sabench.errors import ConfigError
from sabench.records import Reading
from sabench.units import show_count

COUNTED = ("params", "params_trainable", "macs_flop_counter", "macs_fvcore", "macs_ptflops")
"""The readings that are counted on the module; the others repeat the closed form."""


def count_json(case: Case, counted: Mapping[str, Reading] | None) -> dict[str, Any]:
    """Counts of one image; `counted` are the readings of the module that was built.

    Raises: ConfigError for a layer without a closed form.
    """
    cost = case_cost(case)
    if cost is None:
        raise ConfigError(f"{case.subject} has no closed form; `sabench profile` counts its MACs")
    result: dict[str, Any] = {
        "case_id": case.case_id,
        "name": case.subject,
        "options": case.options,
        "params": cost.params,
        "macs": cost.macs,
        "flops": 2 * cost.macs,
        "macs_executed": {
            name: _executed(case, name)
            for name, row in IMPLEMENTATIONS.items()
            if not row.package or name == case.implementation
        },
    }
    if case.kind == "network":
        result["resolution"] = case.resolution
        result["parts"] = [
            {
                "path": part.path,
                "layer": part.layer,
                "params": part.cost.params,
                "macs": part.cost.macs,
            }
            for part in network_parts(case_plan(case))
        ]
    else:
        result |= {"channels": case.channels, "size": case.size, "stride": case.stride}
    if counted is not None:
        result["counted"] = {name: _told(counted[name]) for name in COUNTED}
        result["agrees"] = (
            counted["params"].median == cost.params
            and counted["macs_flop_counter"].median == cost.macs_executed
        )
    return result


def count_lines(result: Mapping[str, Any]) -> list[str]:
    """The same for a person: exact and rounded."""
    lines = [result["case_id"]]
    for key in ("params", "macs", "flops"):
        lines.append(f"  {key:<24}{result[key]:>18,}  {show_count(result[key])}")
    for name, value in result["macs_executed"].items():
        lines.append(f"  {'macs_executed ' + name:<24}{value:>18,}  {show_count(value)}")
    if "counted" in result:
        lines.append("counted on the built module:")
        for name, told in result["counted"].items():
            value = told.get("value")
            shown = f"{value:>18,}" if value is not None else told["reason"]
            missed = told.get("uncounted_ops")
            note = f"  not counted: {_calls(missed)}" if missed else ""
            lines.append(f"  {name:<24}{shown}{note}")
        lines.append("closed form and count agree" if result["agrees"] else "THEY DISAGREE")
    return lines


def _executed(case: Case, implementation: str) -> int:
    cost = case_cost(case.model_copy(update={"implementation": implementation}))
    assert cost is not None
    return cost.macs_executed


def _told(reading: Reading) -> dict[str, Any]:
    if reading.median is None:
        return {"reason": reading.reason}
    return {"value": int(reading.median), **reading.details}


def _calls(uncounted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} x{calls}" for name, calls in uncounted.items())
