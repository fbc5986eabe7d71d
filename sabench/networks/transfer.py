"""Weights for the same network with another block, halo or resolution, as in fine-tuning."""

import torch
from torch import Tensor, nn

from sabench.errors import ConfigError
from sabench.layers.halo import HaloAttention2d
from sabench.layers.relative import resized

TABLES = ("rows", "columns")


def take_weights(network: nn.Module, trained: nn.Module) -> None:
    """Give `network` all that `trained` has learned, position tables interpolated linearly.

    Source: Vaswani et al. 2021 (arXiv:2103.12731), table 6: trained at 256 pixels with block 8 and
    halo 2, fine-tuned at 384 with 12 and 2 or at 512 with 16 and 1.
    Open in the paper: what of the tables is interpolated. Here what the blocks' pairs of query and
    key read, so that displacement 0 stays displacement 0 and the farthest stay the farthest.
    Raises: ConfigError if the networks differ in more than their position tables' lengths.
    """
    state = trained.state_dict()
    parts = dict(trained.named_modules())
    for path, part in network.named_modules():
        source = parts.get(path)
        for name in TABLES:
            new, old = getattr(part, name, None), getattr(source, name, None)
            if isinstance(new, Tensor) and isinstance(old, Tensor):
                unread = _unread(part), _unread(source)
                state[f"{path}.{name}"] = _stretched(old.detach(), len(new), *unread)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"these weights are another network's: {reason[:200]}") from error


def _unread(part: nn.Module | None) -> int:
    """Rows at a table's start that no pair reads: a halo's are counted from a window's corner."""
    return 2 * part.options.halo if isinstance(part, HaloAttention2d) else 0


def _stretched(table: Tensor, length: int, unread: int, unread_before: int) -> Tensor:
    read = resized(table[unread_before:], length - unread)
    return torch.cat([read.new_zeros(unread, table.shape[1]), read])
