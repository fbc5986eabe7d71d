"""What comes before a network's head."""

from torch import Tensor, nn

from sabench.catalog.networks.plan import MaxPool, Plan
from sabench.networks.blocks import ResidualBlock, Steps, in_a_row


class Trunk(nn.Module):
    """Stem, pool, groups of blocks."""

    def __init__(self, plan: Plan, steps: Steps) -> None:
        super().__init__()
        self.stem = in_a_row("stem", plan.stem, steps)
        self.pool = _max_pool(plan.pool)
        self.groups = tuple(f"group{number}" for number in range(1, len(plan.groups) + 1))
        for name, group in zip(self.groups, plan.groups, strict=True):
            blocks = (
                ResidualBlock(block, f"{name}.{index}", steps) for index, block in enumerate(group)
            )
            self.add_module(name, nn.Sequential(*blocks))

    def maps(self, x: Tensor) -> list[Tensor]:
        """The maps that the groups leave, the last of them last."""
        x = self.pool(self.stem(x))
        left = []
        for name in self.groups:
            x = getattr(self, name)(x)
            left.append(x)
        return left


def _max_pool(pool: MaxPool | None) -> nn.Module:
    """Overlapping windows are centred, others start in the corner; no row of the map is lost."""
    if pool is None:
        return nn.Identity()
    if pool.window > pool.stride:
        return nn.MaxPool2d(pool.window, pool.stride, padding=pool.window // 2)
    return nn.MaxPool2d(pool.window, pool.stride, ceil_mode=True)
