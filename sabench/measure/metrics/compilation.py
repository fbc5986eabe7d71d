"""What the compiler counted: breaks in the graph, and compilations after the first call."""

from pydantic import JsonValue

from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Flag, Reading

CALLS = 2  # after the first: a call that compiles again does so by then, timed before or not


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Up to after the timing, if there is one, and after two calls more."""
    found = execution.compilation
    if found is None:
        reason = "the runtime does not compile"
        return {name: Reading.absent("1", reason) for name in ("graph_breaks", "recompiles")}
    for _ in range(CALLS):
        execution.call()
    reasons: dict[str, JsonValue] = {**found.breaks}
    return {
        "graph_breaks": Reading.of("1", [sum(found.breaks.values())], details=reasons),
        "recompiles": Reading.of("1", [found.recompiles], flags=recompiled(execution)),
    }


def recompiled(execution: Execution) -> tuple[Flag, ...]:
    """What stands against a figure whose call was compiled more than once."""
    found = execution.compilation
    return (Flag.RECOMPILED,) if found is not None and found.recompiles else ()
