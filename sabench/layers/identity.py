"""Identity."""

from torch import nn

from sabench.catalog.layers.identity import IdentityOptions
from sabench.catalog.rows import Size


class Identity2d(nn.Identity):
    """What comes in goes out.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: IdentityOptions,
    ) -> None:
        super().__init__()
