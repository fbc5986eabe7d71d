"""How many ATen operators one call makes: a count without noise, on every device."""

from collections import Counter
from typing import Any

import torch
from pydantic import JsonValue
from torch.utils._python_dispatch import TorchDispatchMode

from sabench.measure.calls import drop_gradients, leaves_of
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

NOT_CALLED = {
    "compiled": "compiled code calls few ATen operators; see graph_breaks",
    "cudagraph": "a replay calls no operator",
}
"""Runtimes whose calls are not made of operators, each with the reason."""


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Calls of operators in one steady call, its backward pass and step where the mode has them."""
    return {"operator_calls": _calls(subject, execution)}


def _calls(subject: Subject, execution: Execution) -> Reading:
    """Of two calls, which must agree: a module that does other work each time has no count."""
    if subject.case.runtime in NOT_CALLED:
        return Reading.absent("1", NOT_CALLED[subject.case.runtime])
    try:
        first, second = (_operators(subject, execution) for _ in range(2))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a stranger's module, or a compiler in it, may not bear the watch
        line = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Reading.absent("1", f"the call fails under watch: {line}")
    if first != second:
        return Reading.absent("1", f"two calls made {first.total()} and {second.total()} calls")
    details: dict[str, JsonValue] = {"operators": dict(sorted(first.items()))}
    return Reading.of("1", [first.total()], details=details)


def _operators(subject: Subject, execution: Execution) -> Counter[str]:
    drop_gradients(leaves_of(subject))
    with OperatorCalls() as seen:
        execution.own_call()
    calls: Counter[str] = seen.calls
    return calls


class OperatorCalls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators by name; one made of others counts as those: `linear` as `t` and `addmm`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        with self:
            result = func.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
        self.calls[str(func._overloadpacket)] += 1
        return func(*args, **kwargs)
