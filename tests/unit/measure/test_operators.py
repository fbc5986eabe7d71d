"""Calls of operators: counted by hand, the same each time, or told why not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from sabench.cases.case import Case
from sabench.measure.calls import execution_of
from sabench.measure.metrics.operators import measure
from sabench.measure.subject import Subject
from sabench.records import Reading

CASE = Case(kind="layer", subject="conv", channels=4, size=6)


class Calls(nn.Module):
    """Whatever function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def counted(module: nn.Module, **changes: str) -> Reading:
    case = CASE.model_copy(update=changes)
    subject = Subject(case, "cpu", 1, module, torch.rand(2, 4), 0.0)
    execution = execution_of(subject, module)
    with execution.context():
        execution.call()
        return measure(subject, execution, None)["operator_calls"]  # type: ignore[arg-type]


def test_each_operator_of_a_call_counts_once() -> None:
    found = counted(Calls(lambda x: (x + x) * x - x))
    assert found.samples == (3.0,)
    assert found.details["operators"] == {"aten.add": 1, "aten.mul": 1, "aten.sub": 1}


def test_an_operator_made_of_others_counts_as_those() -> None:
    """Of a map that is not contiguous, reshape makes a copy: clone, then a view of it."""
    found = counted(Calls(lambda x: x.t().reshape(-1)))
    assert found.details["operators"] == {
        "aten.t": 1,
        "aten.clone": 1,
        "aten._unsafe_view": 1,
    }
    assert found.median == 3


def test_a_backward_pass_counts_too() -> None:
    """Of x * x: forward, the loss (times fixed numbers, summed), and what autograd adds."""
    forward = counted(Calls(lambda x: x * x))
    both = counted(Calls(lambda x: x * x), mode="forward_backward")
    assert forward.median == 1
    operators = both.details["operators"]
    assert isinstance(operators, dict)
    # x * x, out * weights; backward: grad of the loss's product, then twice of x * x
    assert operators["aten.mul"] == 2 + 1 + 2
    assert operators["aten.sum"] == 1


def test_what_is_planted_does_not_count() -> None:
    module = Calls(lambda x: x + x)
    subject = Subject(CASE, "cpu", 1, module, torch.rand(2, 4), 0.0)
    execution = execution_of(subject, module)
    own = execution.call
    execution = replace(execution, call=lambda: own() * 2, own=own)
    found = measure(subject, execution, None)["operator_calls"]  # type: ignore[arg-type]
    assert found.median == 1


def test_a_module_that_works_differently_each_time_has_no_count() -> None:
    turn = iter(range(100))
    found = counted(Calls(lambda x: x + x if next(turn) % 2 else x + x + x))
    assert found.reason in ("two calls made 1 and 2 calls", "two calls made 2 and 1 calls")


@pytest.mark.parametrize("runtime", ["compiled", "cudagraph"])
def test_what_calls_no_operators_is_a_reason(runtime: str) -> None:
    assert counted(nn.ReLU(), runtime=runtime).reason


def test_a_module_that_does_not_bear_the_watch_is_a_reason() -> None:
    calls = iter([False, True])

    def fails(x: Tensor) -> Tensor:
        if next(calls):
            raise NotImplementedError("not under a mode\nsecond line")
        return x + x

    reason = "the call fails under watch: NotImplementedError: not under a mode"
    assert counted(Calls(fails)).reason == reason
