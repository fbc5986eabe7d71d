"""How many bytes a call touches: what decides whether a cache can keep its inputs."""

import copy
from dataclasses import dataclass, replace

from torch import Tensor

from sabench.cases.cost import case_cost
from sabench.measure.calls import tensors_of
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject


@dataclass(frozen=True, slots=True)
class Touched:
    """Bytes of one call.

    `inputs`: weights and input, each once. `distinct`: the output too; what is touched for certain.
    `traffic`: the closed form's estimate of all that is moved, the same bytes more than once;
    `distinct` where there is none.
    """

    inputs: int
    distinct: int
    traffic: int


def touched_bytes(subject: Subject, execution: Execution) -> Touched:
    """From the tensors themselves; calls once, to see the output."""
    out = execution.call()
    weights = [*subject.module.parameters(), *subject.module.buffers()]
    inputs = sum(_bytes(one) for one in (*weights, subject.x))
    cost = case_cost(subject.case)
    distinct = inputs + sum(_bytes(one) for one in tensors_of(out))
    return Touched(inputs, distinct, max(distinct, cost.bytes if cost else 0))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def copy_of(subject: Subject) -> Subject:
    """The same module and input in memory of their own."""
    x = subject.x.detach().clone()
    return replace(subject, module=copy.deepcopy(subject.module), x=x)
