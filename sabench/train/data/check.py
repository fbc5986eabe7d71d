"""Data read once before anything is done with it: a mistake in it is told once, not by each job."""

from collections.abc import Iterable, Mapping

from sabench.cases.case import Case
from sabench.catalog.data import TaskOptions, find_data, parse_data
from sabench.errors import ResultError
from sabench.train.data.load import load_data


def check_data(cases: Iterable[Case], kept: Mapping[str, str] | None = None) -> None:
    """Load what these cases train on or are scored with, each data set once, at one size.

    `kept`: the hash of what a case had in an earlier part of its run, by its id. Generated tasks
    are passed over: nothing in them can be damaged, and a size that is not theirs is a matter of
    the single case.
    Raises: ConfigError for files that cannot be used, or a missing extra; ResultError for data that
    are not those of the earlier part.
    """
    known = kept or {}
    of_data: dict[str, Case] = {}
    for case in cases:
        if case.data not in of_data or case.case_id in known:
            of_data[case.data] = case
    for case in of_data.values():
        spec = parse_data(case.data)
        if spec.name and issubclass(find_data(spec.name).options, TaskOptions):
            continue
        data = load_data(spec, size=(case.resolution or 0) // case.r).share(case.s)
        if known.get(case.case_id, data.sha256) != data.sha256:
            raise ResultError(
                f"data {case.data!r} are not those that the run began with: bring them back, or "
                "start a new run"
            )
