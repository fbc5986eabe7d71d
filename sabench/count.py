"""What a module holds, and what three foreign counters say that it multiplies.

The closed forms of the catalogue are the truth; the counters are cross-checks, each with the
operators that it did not count beside it. Each counts a copy without data, on the meta device;
a module that cannot run there (and fvcore, which cannot trace a convolution there) gets a copy
with its data. The module itself is never touched.
"""

import contextlib
import copy
import io
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_flop_count

aten = torch.ops.aten

Shape = Sequence[int]

_MAKES = {"arange", "empty", "full", "lift_fresh", "new_empty", "new_zeros", "ones", "zeros"}
_COPIES = {
    "_to_copy",
    "_unsafe_view",
    "cat",
    "clone",
    "constant_pad_nd",
    "copy_",
    "detach",
    "index",
}
MOVES = frozenset(_MAKES | _COPIES)
"""Operators that compute no floating-point product or sum, beside all views: never reported."""


@dataclass(frozen=True, slots=True)
class CounterResult:
    """MACs of one image by one counter, or the reason why there are none.

    `uncounted_ops`: operator -> calls that the counter passed over.
    """

    version: str
    macs: int | None = None
    uncounted_ops: dict[str, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters of a module, and what the counters say of one image's forward pass."""

    params: int
    params_trainable: int
    flop_counter: CounterResult
    fvcore: CounterResult
    ptflops: CounterResult


def count(module: nn.Module, input_shape: Sequence[int]) -> Counts:
    """Parameters, and three counters on one image of `input_shape`: (C, H, W) or (B, C, H, W).

    Counters add what the closed forms leave out (fvcore norms, ptflops every elementwise product)
    and leave out what they do not know; nothing is printed and no warning escapes.
    """
    shape = (1, *input_shape[-3:])
    params, params_trainable = parameters_of(module)
    return Counts(
        params=params,
        params_trainable=params_trainable,
        flop_counter=flop_count(module, shape),
        fvcore=_result("fvcore", _fvcore, module, shape),
        ptflops=_result("ptflops", _ptflops, module, shape),
    )


def parameters_of(module: nn.Module) -> tuple[int, int]:
    """All parameters, and those of them that are trained."""
    params = list(module.parameters())
    trainable = (one.numel() for one in params if one.requires_grad)
    return sum(one.numel() for one in params), sum(trainable)


def flop_count(module: nn.Module, input_shape: Sequence[int]) -> CounterResult:
    """What torch's FlopCounterMode alone says of one image."""
    return _result("torch", _flop_counter, module, (1, *input_shape[-3:]))


Counted = tuple[int, dict[str, int]]


def _result(
    package: str,
    counter: Callable[[nn.Module, tuple[int, ...]], Counted],
    module: nn.Module,
    shape: tuple[int, ...],
) -> CounterResult:
    reason, has_data = "", not any(one.is_meta for one in module.parameters())
    for make_copy in (_without_data, copy.deepcopy) if has_data else (_without_data,):
        try:
            with warnings.catch_warnings(), _silent():
                warnings.simplefilter("ignore")
                macs, uncounted = counter(make_copy(module).eval(), shape)
            return CounterResult(version(package), macs, uncounted)
        except Exception as error:  # a stranger's module or counter may raise anything
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
    if not has_data:
        reason = f"needs a module with data ({reason})"
    return CounterResult(version(package), reason=reason)


def _flop_counter(module: nn.Module, shape: tuple[int, ...]) -> Counted:
    """torch's FlopCounterMode, with formulas for what it lacks."""
    seen = _Operators(lambda packet: packet not in flop_registry and packet not in OUR_FORMULAS)
    counter = FlopCounterMode(display=False, custom_mapping=OUR_FORMULAS)
    with torch.no_grad(), seen, counter:
        module(_image(module, shape))
    return counter.get_total_flops() // 2, seen.calls()


class _PlainSizes(TorchFunctionMode):
    """A tracer hands out sizes as tensors; modules expect, and here get, whole numbers."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Size):
            return torch.Size(int(one) for one in result)
        if func in (Tensor.size, Tensor.numel, Tensor.__len__):
            return int(result)
        return result


def _fvcore(module: nn.Module, shape: tuple[int, ...]) -> Counted:
    """fvcore's FlopCountAnalysis, whose flops are MACs; it also counts norms and poolings."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, _image(module, shape))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    with torch.no_grad(), _PlainSizes():
        macs = int(analysis.total())
    return macs, dict(sorted(analysis.unsupported_ops().items()))


def _ptflops(module: nn.Module, shape: tuple[int, ...]) -> Counted:
    """ptflops' default backend: hooks on known modules, wrappers around known functions."""
    from ptflops import get_model_complexity_info
    from ptflops.pytorch_ops import MODULES_MAPPING

    hooks = MODULES_MAPPING | _hooks_of_heirs(module, MODULES_MAPPING)
    seen = _Operators(lambda packet: not _inside_ptflops(sys._getframe(), hooks))
    told = io.StringIO()
    with torch.no_grad(), _names_restored(), seen, contextlib.redirect_stdout(told):
        macs, _ = get_model_complexity_info(
            module,
            shape[1:],
            print_per_layer_stat=False,
            as_strings=False,
            input_constructor=lambda _: _image(module, shape),
            custom_modules_hooks=hooks,
        )
    if macs is None:  # it prints its exception and goes on
        raise RuntimeError(" ".join(told.getvalue().split("exception:")[-1].split()))
    return int(macs), seen.calls()


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators that a counter passes over: views and moves of data aside."""

    def __init__(self, is_uncounted: Callable[[Any], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_uncounted = is_uncounted
        self._calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        packet = getattr(func, "_overloadpacket", func)
        moves = getattr(func, "is_view", False) or func.__name__.split(".")[0] in MOVES
        if not moves and self._is_uncounted(packet):
            self._calls[str(packet)] += 1
        return func(*args, **(kwargs or {}))

    def calls(self) -> dict[str, int]:
        """Operator -> calls, by name."""
        return dict(sorted(self._calls.items()))


Hooks = Mapping[type[nn.Module], Callable[..., None]]


def _hooks_of_heirs(module: nn.Module, hooks: Hooks) -> dict[type[nn.Module], Callable[..., None]]:
    """ptflops knows exact types only: a type that inherits its forward gets its parent's hook."""
    return {
        type(part): hook
        for part in module.modules()
        for known, hook in hooks.items()
        if isinstance(part, known) and type(part).forward is known.forward
    }


def _inside_ptflops(frame: FrameType | None, hooks: Hooks) -> bool:
    """Whether a call comes from a module or function that ptflops has hooked."""
    from ptflops.pytorch_engine import torch_function_wrapper

    wrapped, called = torch_function_wrapper.__call__.__code__, nn.Module._call_impl.__code__
    while frame:
        if frame.f_code is wrapped:
            return True
        if frame.f_code is called and type(frame.f_locals["self"]) in hooks:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _names_restored() -> Iterator[None]:
    """Undo ptflops' patches: it forgets three functions and adds methods to torch.Tensor."""
    before = [(owner, dict(vars(owner))) for owner in (F, torch, Tensor)]
    try:
        yield
    finally:
        for owner, names in before:
            for name, value in list(vars(owner).items()):
                if name in names and value is not names[name]:
                    setattr(owner, name, names[name])
                elif name not in names and owner is Tensor:
                    delattr(owner, name)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _attention_flops(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _product_flops(added: Shape, left: Shape, right: Shape, *_: object, **__: object) -> int:
    return 2 * math.prod(left) * right[-1]


OUR_FORMULAS: dict[Any, Callable[..., int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    aten.baddbmm_: _product_flops,
    aten.addmm_: _product_flops,
}
"""Flops from the arguments' shapes, where torch 2.13 has no formula of its own."""


def _without_data(module: nn.Module) -> nn.Module:
    """A copy on the meta device; the data is never duplicated."""
    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        empty = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = nn.Parameter(empty, requires_grad=parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(module, memo)


def _image(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Zeros where the module is, in its type."""
    for one in module.parameters():
        if one.is_floating_point():
            return torch.zeros(shape, device=one.device, dtype=one.dtype)
    return torch.zeros(shape, device="meta")
