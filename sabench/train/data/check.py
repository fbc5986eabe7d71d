"""Data read once before anything is done with it: a mistake in it is told once, not by each job."""

from collections.abc import Iterable

from sabench.cases.case import Case
from sabench.catalog.data import TaskOptions, find_data, parse_data
from sabench.train.data.load import load_data


def check_data(cases: Iterable[Case]) -> None:
    """Load what these cases train on or are scored with, each data set once, at one size.

    Generated tasks are passed over: nothing in them can be damaged, and a size that is not theirs
    is a matter of the single case.
    Raises: ConfigError for files that cannot be used, or a missing extra.
    """
    sizes = {case.data: (case.resolution or 0) // case.r for case in cases}
    for text, size in sizes.items():
        spec = parse_data(text)
        if spec.path or not issubclass(find_data(spec.name).options, TaskOptions):
            load_data(spec, size=size)
