"""A CUDA graph of one call, replayed: no launches, the same memory every time."""

import torch

from sabench.errors import ConfigError, MeasurementError
from sabench.measure.calls import execution_of
from sabench.measure.cuda_graph import capture, warm_up
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject


def prepare(subject: Subject) -> Execution:
    """Capture the subject's call, with its backward pass and step where the mode has them.

    Raises: ConfigError off CUDA, and for a call that cannot be captured.
    """
    if torch.device(subject.device).type != "cuda":
        raise ConfigError(f"runtime=cudagraph needs a CUDA device, not {subject.device}; use eager")
    execution = execution_of(subject, subject.module)
    with execution.context():
        warm_up(torch.cuda, subject.device, execution.call)
        try:
            captured = capture(torch.cuda, execution.call)
        except MeasurementError as error:
            raise ConfigError(f"runtime=cudagraph: {error}; use eager") from error
    execution.call = captured.replay
    return execution
