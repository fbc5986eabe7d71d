"""A job's module and input, built on its device."""

import importlib.util
import inspect
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sabench.cases.case import IMAGE_CHANNELS, Case
from sabench.cases.cost import case_options, case_plan
from sabench.cases.plan import Job
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.errors import ConfigError, MeasurementError
from sabench.layers.build import build_layer
from sabench.measure.subject import Subject
from sabench.networks.build import build_network

DTYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def build_subject(job: Job) -> Subject:
    """Build and place the module of a job; the same seed gives the same weights and input.

    Raises: ConfigError if the case cannot be built, MeasurementError if a stranger's layer cannot.
    """
    case = job.case
    device = torch.device(job.device)
    backward = case.mode != "forward"
    if missing := IMPLEMENTATIONS[case.implementation].needs(device.type, backward=backward):
        raise ConfigError(missing)
    set_tf32(case, device)
    torch.manual_seed(job.seed)
    start = time.perf_counter()
    module = build_module(case)
    module = module.to(device=device, dtype=DTYPES[case.dtype])
    if case.layout == "channels_last":
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    build_s = time.perf_counter() - start
    module.train(case.mode != "forward")
    return Subject(case, job.device, job.seed, module, make_input(case, device, job.seed), build_s)


def input_shape(case: Case) -> tuple[int, int, int, int]:
    """(B, C, H, W) of a case's input."""
    if case.kind == "network":
        channels, size = IMAGE_CHANNELS, case.resolution
    else:
        channels, size = case.channels or 0, case.size
    if not channels or not size:
        raise ConfigError(f"{case.case_id}: channels and size are needed")
    return case.batch, channels, size, size


def make_input(case: Case, device: torch.device, seed: int) -> Tensor:
    """Uniform in [-1, 1], drawn on the host: the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.empty(input_shape(case)).uniform_(-1, 1, generator=generator)
    x = x.to(device=device, dtype=DTYPES[case.dtype])
    if case.layout == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    return x


def set_tf32(case: Case, device: torch.device) -> None:
    """TF32 only where it is asked for.

    Raises: ConfigError off CUDA, which is the only device that has it.
    """
    wanted = case.dtype == "tf32"
    if wanted and device.type != "cuda":
        raise ConfigError(f"dtype=tf32 needs a CUDA device, not {device.type}; use fp32")
    torch.backends.cuda.matmul.allow_tf32 = wanted
    torch.backends.cudnn.allow_tf32 = wanted


def build_module(case: Case) -> nn.Module:
    """The module of a case in fp32, on torch's default device.

    Raises: as build_subject.
    """
    if case.file:
        return _build_stranger(case)
    if case.kind == "network":
        return _build_network(case)
    return _build_layer(case)


def _build_layer(case: Case) -> nn.Module:
    options = case_options(case)
    _, channels, height, width = input_shape(case)
    return build_layer(
        layers()[case.subject],
        options,
        channels,
        channels,
        stride=case.stride,
        size=(height, width),
        implementation=case.implementation,
    )


def _build_network(case: Case) -> nn.Module:
    return build_network(case_plan(case), implementation=case.implementation)


def _build_stranger(case: Case) -> nn.Module:
    """A layer of the user's own, given what its constructor takes.

    Raises: MeasurementError if the file, the class or its construction fails.
    """
    built = load_class(case.file)
    _, channels, height, width = input_shape(case)
    offered: dict[str, Any] = {"stride": case.stride, "size": (height, width), **case.options}
    taken = inspect.signature(built).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    keywords = {key: value for key, value in offered.items() if takes_all or key in taken}
    refused = [key for key in case.options if key not in keywords]
    if refused:
        raise MeasurementError(f"{case.file} takes no {', '.join(refused)}")
    if case.stride != 1 and "stride" not in keywords:
        raise ConfigError(f"{case.file} takes no stride, so stride={case.stride} is not measured")
    module = built(channels, channels, **keywords)
    if not isinstance(module, nn.Module):
        raise MeasurementError(f"{case.file} builds a {type(module).__name__}, not a nn.Module")
    return module


def load_class(file: str) -> Any:
    """The class that "path/to/file.py:Class" names.

    Raises: MeasurementError if there is no such file or class.
    """
    path, _, name = file.rpartition(":")
    source = Path(path)
    if not source.is_file():
        raise MeasurementError(f"there is no file {path!r}; write path/to/file.py:Class")
    spec = importlib.util.spec_from_file_location(f"_sabench_own_{source.stem}", source)
    if spec is None or spec.loader is None:
        raise MeasurementError(f"{path!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    for folder in (str(source.resolve().parent), str(Path.cwd())):  # the file's neighbours
        if folder not in sys.path:
            sys.path.append(folder)  # last: nothing of ours or torch's is hidden by them
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        raise MeasurementError(f"{path} has no class {name!r}; write path/to/file.py:Class")
    return found
