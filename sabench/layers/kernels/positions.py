"""The gradient of a table of positions, of which each program of a Triton kernel has a part."""

import torch
from torch import Tensor


def add_up(parts: Tensor, dim: int, start: int, step: int, table: Tensor) -> Tensor:
    """The gradient of a table, from each program's part in that of `reach` of its entries.

    The dimension `dim` of parts is the place of the program's tile in its block: the first place
    reaches entries from `start` on, each further one `step` fewer. Entries beyond an end are the
    end's. The order of the sums is fixed.

    Shapes: parts (..., reach, d), table (L, d) -> (L, d).
    """
    found = parts.sum([one for one in range(parts.dim() - 2) if one != dim])  # (places, reach, d)
    place, entry = (torch.arange(count, device=parts.device) for count in found.shape[:2])
    entries = (start - step * place[:, None] + entry).clamp(0, len(table) - 1)
    gradient = torch.zeros_like(table, dtype=torch.float32)
    gradient.index_put_((entries.flatten(),), found.flatten(0, 1), accumulate=True)
    return gradient.to(table.dtype)
