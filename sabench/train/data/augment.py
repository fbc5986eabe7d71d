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

    def padding(self, h: int, w: int) -> int:
        """Pixels by which a crop moves an image of h x w at most."""
        return -(-min(h, w) // PADDING) if self.crop else 0

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The images, changed at random; the same generator gives the same bits.

        Shapes: (B, C, H, W) -> (B, C, H, W), any dtype.
        """
        windows = windows_of(pad(images, self.padding(*images.shape[2:])), *images.shape[2:])
        return self.drawn(windows, torch.arange(len(images), device=images.device), generator)

    def drawn(self, windows: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Those of many images, changed at random; the same generator gives the same bits.

        The numbers are drawn where the generator lives, so that one on the CPU gives the same
        crops on any device.
        Shapes: (N, C, 2 * padding + 1, 2 * padding + 1, H, W), (B,) -> (B, C, H, W), any dtype.
        """
        batch, device = len(chosen), windows.device
        rows = columns = torch.zeros_like(chosen)
        if self.crop:
            rows, columns = _draw((2, batch), windows.shape[2], device, generator)
        images = windows[chosen, :, rows, columns]
        if self.flip:
            mirrored = _draw((batch,), 2, device, generator).bool()
            images = flip(images, mirrored)
        return images


AS_IT_IS = Augmentation()


def pad(images: Tensor, padding: int) -> Tensor:
    """So many zeros on every side: (B, C, H, W) -> (B, C, H + 2 * padding, W + 2 * padding)."""
    return functional.pad(images, (padding,) * 4)


def windows_of(padded: Tensor, h: int, w: int) -> Tensor:
    """Every crop of h x w, by the place of its upper left corner: a view.

    Shapes: (B, C, H, W) -> (B, C, H - h + 1, W - w + 1, h, w).
    """
    return padded.unfold(2, h, 1).unfold(3, w, 1)


def flip(images: Tensor, mirrored: Tensor) -> Tensor:
    """Those images left to right for which `mirrored` is true."""
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def _draw(
    shape: tuple[int, ...], end: int, device: torch.device, generator: torch.Generator
) -> Tensor:
    return torch.randint(end, shape, generator=generator, device=generator.device).to(device)
