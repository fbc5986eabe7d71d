"""Implementations of `attend`: what each executes and needs."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sabench.catalog.attention import (
    AttentionCall,
    blocked_macs,
    blocked_workspace,
    bmm_aug_macs,
    bmm_aug_workspace,
    flex_workspace,
    reference_workspace,
    sdpa_workspace,
    triton_workspace,
)
from sabench.catalog.peers import (
    Refusal,
    lucidrains_macs,
    lucidrains_workspace,
    refused_by_lucidrains,
    refused_by_timm,
    timm_macs,
    timm_workspace,
)
from sabench.catalog.rows import Kind, Layer, Problem, Row, Size, load_target, unmet
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Implementation(Row):
    """One way to compute `attend`. `target` is "module:function".

    `macs` and `workspace` (elements) are per image. `device`: the only kind it runs on, if any does
    not do; `backward`: the only kind that it has gradients on. `package`: a peer's module; the
    target is then `adapt(layer) -> nn.Module`, the other library's layer with the weights of ours,
    where it does not refuse to compute it.
    """

    macs: Callable[[AttentionCall], int]
    workspace: Callable[[AttentionCall], int]
    device: Kind = ""
    backward: Kind = ""
    package: str = ""
    refuses: Refusal | None = None

    def needs(self, kind: str, *, backward: bool) -> str:
        """What it needs that this kind of device is not; empty where it can do it."""
        what = f"implementation={self.name}"
        if self.device or not backward:
            return unmet(what, self.device, kind)
        return unmet(what, self.backward, kind, " for gradients")

    def load(self) -> Any:
        """The function that `target` names.

        Raises: ConfigError if it is not there, or the peer is not installed or does not load.
        """
        if self.package and find_spec(self.package) is None:
            raise ConfigError(
                f"implementation={self.name} needs {self.package}, which is not here: "
                "python -m pip install 'sabench[peers]'"
            )
        try:
            return load_target(self.target)
        except Exception as error:  # a stranger's package may raise anything
            if not self.package:
                raise
            raise ConfigError(f"implementation={self.name} does not load: {error}") from error

    def problem(
        self,
        layer: Layer,
        options: Any,
        in_channels: int,
        out_channels: int,
        size: Size,
        stride: int,
    ) -> Problem | None:
        """Why it cannot compute the layer as it is asked for."""
        if self.refuses is None:
            return None
        found = self.refuses(layer, options, in_channels, out_channels, size, stride)
        return found and Problem(found.key, f"implementation={self.name}: {found.text}")


IMPLEMENTATIONS: dict[str, Implementation] = {
    row.name: row
    for row in (
        Implementation(
            "reference",
            target="sabench.layers.kernels.reference:attend",
            macs=lambda call: call.macs,
            workspace=reference_workspace,
        ),
        Implementation(
            "blocked",
            target="sabench.layers.kernels.blocked:attend",
            macs=blocked_macs,
            workspace=blocked_workspace,
        ),
        Implementation(
            "bmm_aug",
            target="sabench.layers.kernels.bmm_aug:attend",
            macs=bmm_aug_macs,
            workspace=bmm_aug_workspace,
        ),
        Implementation(
            "sdpa",
            target="sabench.layers.kernels.sdpa:attend",
            macs=blocked_macs,
            workspace=sdpa_workspace,
        ),
        Implementation(
            "chunked",
            target="sabench.layers.kernels.chunked:attend",
            macs=blocked_macs,
            workspace=blocked_workspace,  # what it moves, and a backward pass keeps
        ),
        Implementation(
            "flex",
            target="sabench.layers.kernels.flex:attend",
            macs=blocked_macs,
            workspace=flex_workspace,
            backward="cuda",
        ),
        Implementation(
            "triton",
            target="sabench.layers.kernels.triton:attend",
            macs=blocked_macs,
            workspace=triton_workspace,
            device="cuda",
        ),
        Implementation(
            "timm",
            target="sabench.layers.peers.timm:adapt",
            macs=timm_macs,
            workspace=timm_workspace,
            package="timm",
            refuses=refused_by_timm,
        ),
        Implementation(
            "lucidrains",
            target="sabench.layers.peers.lucidrains:adapt",
            macs=lucidrains_macs,
            workspace=lucidrains_workspace,
            package="halonet_pytorch",
            refuses=refused_by_lucidrains,
        ),
    )
}


def resolve(layer: Layer, implementation: str) -> str:
    """What a layer is built with: one that never calls `attend` has its own alone, `reference`."""
    return "reference" if layer.attention is None else implementation


def executed_macs(
    layer: Layer,
    options: Any,
    in_channels: int,
    out_channels: int,
    size: Size,
    stride: int,
    implementation: str,
) -> int:
    """What the implementation multiplies: the layer's closed form with its core replaced.

    Raises: ConfigError if the layer has no closed form.
    """
    if layer.cost is None:
        raise ConfigError(f"{layer.name}: no closed form")
    macs = layer.cost(options, in_channels, out_channels, size, stride).macs
    if layer.attention is None:
        return macs
    call = layer.attention(options, in_channels, out_channels, size, stride)
    return macs - call.macs + IMPLEMENTATIONS[implementation].macs(call)
