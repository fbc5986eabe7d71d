"""As PyTorch runs it, batch norms folded into the convolutions before them."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sabench.errors import ConfigError
from sabench.measure.calls import execution_of
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject


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

    In eval mode both are linear in each channel: w' = w g / sqrt(var + eps) and
    b' = (b - mean) g / sqrt(var + eps) + shift. Computed in fp32 whatever the module's precision.
    """
    rows = [part for part in module.modules() if isinstance(part, nn.Sequential)]
    folded = 0
    for row in rows:
        parts = [*row._modules.items()]  # named_children leaves a part out that stands there twice
        for (name, layer), (after, norm) in pairwise(parts):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                dtype = layer.weight.dtype
                pair = deepcopy(layer).float(), deepcopy(norm).float()
                row.register_module(name, fuse_conv_bn_eval(*pair).to(dtype))
                row.register_module(after, nn.Identity())  # others know the part by its name
                folded += 1
    return folded
