"""As PyTorch runs it."""

from sabench.measure.calls import execution_of
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject


def prepare(subject: Subject) -> Execution:
    """The module as it is."""
    return execution_of(subject, subject.module)
