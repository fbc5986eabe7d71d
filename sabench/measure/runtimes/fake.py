"""A script in place of the device, for tests: see measure/fake_script.py."""

import math
from contextlib import nullcontext
from typing import Any

from sabench.measure.execution import Execution, no_peak
from sabench.measure.fake_script import find_script
from sabench.measure.subject import Subject


def prepare(subject: Subject) -> Execution:
    """The fake subject's call: whatever the mode, a number in and out.

    Raises: ConfigError outside a test.
    """
    find_script()
    is_finite: Any = math.isfinite
    return Execution(lambda: subject.module(subject.x), nullcontext, is_finite, no_peak)
