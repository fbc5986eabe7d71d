"""Random crops and flips of a whole batch at once, on the device of its images."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PADDING = 8
"""A crop moves an image by up to an eighth of its side: 4 of 32 pixels as in He et al. 2015
(arXiv:1512.03385, section 4.2)."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which changes keep the labels of some data; none where both are off."""

    crop: bool = False
    flip: bool = False

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The images, changed at random; the same generator gives the same bits.

        The numbers are drawn where the generator lives, so that one on the CPU gives the same
        crops on any device.
        Shapes: (B, C, H, W) -> (B, C, H, W), any dtype.
        """
        batch, _, h, w = images.shape
        if self.crop:
            padding = -(-min(h, w) // PADDING)
            rows, columns = _draw((2, batch), 2 * padding + 1, images.device, generator)
            images = crop(images, padding, rows, columns)
        if self.flip:
            mirrored = _draw((batch,), 2, images.device, generator).bool()
            images = flip(images, mirrored)
        return images


AS_IT_IS = Augmentation()


def crop(images: Tensor, padding: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Image i's window of the same size at (rows[i], columns[i]) of the image padded with zeros.

    An offset of `padding` is the image itself.
    Shapes: (B, C, H, W), (B,), (B,) -> (B, C, H, W).
    """
    batch, _, h, w = images.shape
    padded = functional.pad(images, (padding, padding, padding, padding))
    windows = padded.unfold(2, h, 1).unfold(3, w, 1)  # (B, C, rows, columns, H, W), a view
    return windows[torch.arange(batch, device=images.device), :, rows, columns]


def flip(images: Tensor, mirrored: Tensor) -> Tensor:
    """Those images left to right for which `mirrored` is true."""
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def _draw(
    shape: tuple[int, ...], end: int, device: torch.device, generator: torch.Generator
) -> Tensor:
    return torch.randint(end, shape, generator=generator, device=generator.device).to(device)
