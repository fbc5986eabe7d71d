"""As PyTorch runs it, batch norms folded into the convolutions before them."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TypeGuard, TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrize import is_parametrized

from sabench.errors import ConfigError
from sabench.layers.conv import SoundConv2d
from sabench.measure.calls import execution_of
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject

Part = TypeVar("Part", bound=nn.Module)

STEPS = ("forward", "__call__", "_call_impl", "__iter__", "_conv_forward")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def prepare(subject: Subject) -> Execution:
    """A copy of the module without the norms that could be folded: counts stay the subject's.

    Raises: ConfigError in a mode that trains, and for a module in which nothing can be folded.
    """
    if subject.module.training:
        raise ConfigError(f"runtime=folded: a norm of mode={subject.case.mode} is the batch's")
    module = deepcopy(subject.module)
    if not fold_norms(module):
        raise ConfigError(
            f"runtime=folded: no batch norm of {subject.case.subject} follows a convolution; "
            "use eager"
        )
    return execution_of(replace(subject, module=module), module)


def fold_norms(module: nn.Module) -> int:
    """Fold each batch norm that follows a convolution in a Sequential, in place; how many.

    Only where all three are torch's own to the last step, or our convolution, which differs from
    torch's in nothing that it gives: of others the sum is not known.

    In eval mode both are linear in each channel: w' = w g / sqrt(var + eps) and
    b' = (b - mean) g / sqrt(var + eps) + shift. Computed in fp32 whatever the module's precision.
    """
    rows = [part for part in module.modules() if _is_plain(part, nn.Sequential)]
    folded = 0
    for row in rows:
        parts = [*row._modules.items()]  # named_children leaves a part out that stands there twice
        for (name, layer), (after, norm) in pairwise(parts):
            if not (_is_plain(layer, nn.Conv2d) or _is_plain(layer, SoundConv2d)):
                continue
            if _is_plain(norm, nn.BatchNorm2d) and _is_fixed(norm):
                dtype = layer.weight.dtype
                pair = deepcopy(layer).float(), deepcopy(norm).float()
                row.register_module(name, fuse_conv_bn_eval(*pair).to(dtype))
                row.register_module(after, nn.Identity())  # others know the part by its name
                folded += 1
    return folded


def _is_plain(module: nn.Module | None, kind: type[Part]) -> TypeGuard[Part]:
    """Whether a module does what torch's class does: a subclass may do more, a hook or a
    parametrisation as well."""
    if not isinstance(module, kind) or is_parametrized(module):
        return False
    own_steps = any(
        name in vars(module) or getattr(type(module), name, None) is not getattr(kind, name, None)
        for name in STEPS
    )
    return not own_steps and not any(getattr(module, name) for name in HOOKS)


def _is_fixed(norm: nn.BatchNorm2d) -> bool:
    """Whether a norm has statistics of its own, which no batch changes."""
    return not norm.training and norm.running_mean is not None
