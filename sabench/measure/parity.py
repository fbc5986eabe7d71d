"""The parity job: does an implementation compute what the reference computes?

Both get the same weights and the same input. The reference works them in float64, so that what is
found is the implementation's own error.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from pydantic import JsonValue
from torch import Tensor, nn

from sabench.cases.case import Case
from sabench.cases.cost import case_options
from sabench.cases.parity import fits
from sabench.cases.plan import Batch, Job
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.catalog.rows import Layer, Options, Size
from sabench.errors import ConfigError
from sabench.layers.build import build_layer
from sabench.measure.building import DTYPES, set_tf32
from sabench.measure.calls import AUTOCAST
from sabench.measure.faults import NonFiniteError
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.protocol import ShowFigure, show_nothing
from sabench.measure.termination import Termination
from sabench.records import Flag, Record, Status

TOLERANCE = {"fp32": 1e-5, "tf32": 5e-3, "bf16": 2e-2, "fp16": 5e-3}
"""Norm of the difference over norm of the exact tensor.

fp32 and bf16 are the bounds that the layers are held to against their oracles; tf32 has the
10 bits of fp16, whose bound is bf16's by the two to three bits between them.
"""

SMALL_CHANNELS, SMALL_BATCH = 16, 2
SMALL_MAPS: tuple[Size, ...] = ((8, 8), (7, 5))  # one that blocks divide, one that they do not
OF_PEERS = {"output", "gradient of the input"}  # their parameters have other names and scales
LEAST_SCALE = 1e-3  # of the largest gradient's norm: below it a tensor counts as that large
ZERO_TABLE_STD = 0.1  # a table that starts at zero would hide what reads it


@dataclass(frozen=True, slots=True)
class Check:
    """One layer to compute both ways."""

    where: str
    options: Options
    channels: int
    batch: int
    size: Size


@dataclass(frozen=True, slots=True)
class Given:
    """What both get: numbers rounded to `dtype`, drawn from `seed`."""

    dtype: torch.dtype
    seed: int
    backward: bool


def run_job(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    show_figure: ShowFigure = show_nothing,
    termination: Termination | None = None,
) -> tuple[Record, bool]:
    """The job's record, and whether this process must not go on. Never raises."""
    return conclude(job, batch, termination, lambda _: compare(job))


def compare(job: Job) -> Outcome:
    """Every check of the job; ok, or parity_failed with the largest difference.

    Raises: whatever an implementation raises; ConfigError if there is nothing to check.
    """
    case = job.case
    row = layers()[case.subject]
    allowed = TOLERANCE[case.dtype if case.autocast == "none" else case.autocast]
    found = {check.where: differences(row, check, job) for check in checks(row, case)}
    if not found:
        raise ConfigError(f"{case.subject}: its small options cannot be built: nothing to compare")
    worst = {where: max(each.items(), key=lambda item: item[1]) for where, each in found.items()}
    where, (tensor, error) = max(worst.items(), key=lambda item: item[1][1])
    details: dict[str, JsonValue] = {
        "allowed": allowed,
        "differences": {
            place: {"tensor": name, "relative": value if value < torch.inf else None}
            for place, (name, value) in worst.items()
        },
    }
    if error <= allowed:
        return Outcome(details=details)
    by = f"by {error:.1e} of its size" if error < torch.inf else "by NaN or infinity"
    message = (
        f"{case.implementation} is not {case.subject}: its {tensor} differs from the reference's "
        f"{by} at {where}; {allowed:.0e} is allowed in {case.dtype}"
    )
    return Outcome(Status.PARITY_FAILED, message, details=details)


def checks(row: Layer, case: Case) -> list[Check]:
    """The row's small options on two maps, and the case's own size where that is cheap."""
    options = case_options(case)
    words: dict[str, object] = {
        key: value for key, value in options if isinstance(value, str | bool)
    }  # border and switches change the mathematics; numbers only its size, but for no halo
    words |= {key: 0 for key, value in options if key == "halo" and value == 0}
    small = row.small.model_copy(update=words)
    channels = case.channels or SMALL_CHANNELS
    offered = [
        Check(f"small options, {size[0]}x{size[1]}", small, SMALL_CHANNELS, SMALL_BATCH, size)
        for size in SMALL_MAPS
    ]
    if fits(case):
        side = case.size or 0
        offered.append(
            Check(f"channels={channels}, size={side}", options, channels, case.batch, (side, side))
        )
    return [one for one in offered if _can_be_built(row, one, case)]


def _can_be_built(row: Layer, check: Check, case: Case) -> bool:
    at = (check.options, check.channels, check.channels, check.size, case.stride)
    own = IMPLEMENTATIONS[case.implementation]
    return row.problems(*at) is None and own.problem(row, *at) is None


def differences(row: Layer, check: Check, job: Job) -> dict[str, float]:
    """How far each tensor of the implementation is from the reference's, over its size.

    Raises: NonFiniteError if the reference itself is not finite.
    """
    case = job.case
    device = torch.device(job.device)
    set_tf32(case, device)
    torch.manual_seed(job.seed)
    build = partial(
        build_layer,
        row,
        check.options,
        check.channels,
        check.channels,
        stride=case.stride,
        size=check.size,
    )
    reference = build()
    _fill_zero_tables(reference)
    dtype, implementation = DTYPES[case.dtype], IMPLEMENTATIONS[case.implementation]
    if implementation.package:
        own = implementation.load()(reference)
    else:
        own = build(implementation=case.implementation)
        own.load_state_dict(reference.state_dict())
    reference, own = (one.to(device=device, dtype=dtype) for one in (reference, own))
    x = torch.empty(check.batch, check.channels, *check.size).uniform_(-1, 1)
    x = x.to(device=device, dtype=dtype)
    given = Given(dtype, job.seed, backward=case.mode != "forward")
    exact = results(reference.double(), x.double(), nullcontext, given)
    if not all(bool(one.isfinite().all()) for one in exact.values()):
        raise NonFiniteError(f"{case.subject}: the reference gives values that are not finite")
    found = results(own, x, _autocast(case, device), given)
    largest = max(float(one.norm()) for one in exact.values())
    names = [name for name in exact if name in OF_PEERS or not implementation.package]
    return {name: _apart(found[name], exact[name], largest) for name in names}


def results(
    module: nn.Module,
    x: Tensor,
    context: Callable[[], AbstractContextManager[object]],
    given: Given,
) -> dict[str, Tensor]:
    """The output, and going backward every gradient of a sum that weighs it with fixed numbers."""
    module.train(given.backward)
    if not given.backward:
        with torch.inference_mode(), context():
            return {"output": module(x).clone()}
    leaf = x.clone().requires_grad_(True)
    with context():
        out = module(leaf)
    generator = torch.Generator().manual_seed(given.seed)
    upstream = torch.empty(out.shape).uniform_(-1, 1, generator=generator).to(given.dtype)
    torch.autograd.backward(out, upstream.to(device=out.device, dtype=out.dtype))
    found = {"output": out.detach(), "gradient of the input": _gradient(leaf)}
    return found | {
        f"gradient of {name}": _gradient(parameter) for name, parameter in module.named_parameters()
    }


def _gradient(leaf: Tensor) -> Tensor:
    return leaf.new_zeros(leaf.shape) if leaf.grad is None else leaf.grad


def _apart(found: Tensor, exact: Tensor, largest: float) -> float:
    """Infinity for what is not finite."""
    scale = max(float(exact.norm()), LEAST_SCALE * largest)
    apart = float((found.double() - exact).norm())
    if apart == 0.0:
        return 0.0
    relative = apart / scale if scale else torch.inf
    return relative if relative < torch.inf else torch.inf


def _fill_zero_tables(module: nn.Module) -> None:
    for parameter in module.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=ZERO_TABLE_STD)


def _autocast(case: Case, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    if case.autocast == "none":
        return nullcontext
    return partial(torch.autocast, device.type, dtype=AUTOCAST[case.autocast])
