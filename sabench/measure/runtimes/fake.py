"""A script in place of the device, for tests: see measure/fake_script.py."""

from sabench.measure.execution import Execution, execution_of
from sabench.measure.fake_script import find_script
from sabench.measure.subject import Subject


def prepare(subject: Subject) -> Execution:
    """The fake subject's module, through the same calls as a real one.

    Raises: ConfigError outside a test.
    """
    find_script()
    return execution_of(subject, subject.module)
