"""Which of torch's operators a network runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

SOFTMAX = ("softmax", "scaled_dot_product")
NORM = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
CURVED = (
    *("sigmoid", "tanh", "silu", "gelu", "mish", "elu", "selu", "celu", "softplus"),
    *("hardsigmoid", "hardswish", "hardtanh"),
)


class WatchedOperators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, `names` gathers the names of the operators that run below autograd."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note the name, do what was asked."""
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))

    def with_part(self, parts: Sequence[str]) -> list[str]:
        """The operators whose name holds one of these words: every backend has its own softmax."""
        return sorted(name for name in self.names if any(part in name for part in parts))

    def among(self, names: Sequence[str]) -> list[str]:
        """The operators of these names, in place or not."""
        return sorted(name for name in self.names if name.rstrip("_") in names)
