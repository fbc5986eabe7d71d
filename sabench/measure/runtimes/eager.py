"""As PyTorch runs it."""

from sabench.measure.execution import Execution, execution_of
from sabench.measure.subject import Subject


def prepare(subject: Subject) -> Execution:
    """The module as it is."""
    return execution_of(subject, subject.module)
