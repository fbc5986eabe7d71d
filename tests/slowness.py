"""Which cases of a test run with every commit, and which with `make test-all` alone."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], usual: Callable[[Any], bool]) -> list[Any]:
    """Parameters of one test: those that are not `usual` are marked slow."""
    return [pytest.param(value, marks=() if usual(value) else pytest.mark.slow) for value in values]
