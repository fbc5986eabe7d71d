"""Crops and flips of a batch: equal to slicing by hand, the same bits from the same generator."""

import pytest
import torch

from sabench.train.data.augment import Augmentation, flip, pad, windows_of

IMAGES = torch.arange(1, 1 + 3 * 2 * 4 * 5, dtype=torch.float32).view(3, 2, 4, 5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def crop(
    images: torch.Tensor, padding: int, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """Image i's window of its own size at (rows[i], columns[i]) of the image padded."""
    windows = windows_of(pad(images, padding), *images.shape[2:])
    return windows[torch.arange(len(images)), :, rows, columns]


def cut(image: torch.Tensor, padding: int, row: int, column: int) -> torch.Tensor:
    """One image's window, pixel by pixel."""
    channels, h, w = image.shape
    window = torch.zeros_like(image)
    for c in range(channels):
        for i in range(h):
            for j in range(w):
                y, x = i + row - padding, j + column - padding
                if 0 <= y < h and 0 <= x < w:
                    window[c, i, j] = image[c, y, x]
    return window


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_a_crop_is_the_window_cut_by_hand(dtype: torch.dtype) -> None:
    images, rows, columns = IMAGES.to(dtype), [0, 2, 4], [3, 2, 1]
    cropped = crop(images, 2, torch.tensor(rows), torch.tensor(columns))
    by_hand = [cut(*given) for given in zip(images, [2] * 3, rows, columns, strict=True)]
    assert cropped.dtype == dtype
    assert torch.equal(cropped, torch.stack(by_hand))


def test_the_middle_window_is_the_image_itself() -> None:
    middle = torch.full((3,), 2)
    assert torch.equal(crop(IMAGES, 2, middle, middle), IMAGES)


def test_beyond_the_image_there_are_zeros_and_no_other_image() -> None:
    corner = crop(torch.ones(2, 1, 4, 4), 1, torch.tensor([0, 2]), torch.tensor([0, 2]))
    assert corner[0, 0].tolist() == [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]
    assert corner[1, 0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]


def test_a_flip_mirrors_left_and_right_where_it_is_told_to() -> None:
    flipped = flip(IMAGES, torch.tensor([True, False, True]))
    assert flipped[0, 0, 0].tolist() == [5, 4, 3, 2, 1]
    assert torch.equal(flipped[1], IMAGES[1])
    assert torch.equal(flipped[2], torch.stack([IMAGES[2, ..., 4 - j] for j in range(5)], dim=-1))


def test_random_flips_only_flip_and_do_half_of_the_images() -> None:
    images = IMAGES[:1].repeat(1000, 1, 1, 1)
    changed = Augmentation(flip=True).apply(images, generator())
    flipped = (changed == images.flip(3)).flatten(1).all(1)
    same = (changed == images).flatten(1).all(1)
    assert torch.equal(flipped, ~same)
    assert abs(int(flipped.sum()) - 500) < 4 * (1000 / 4) ** 0.5


def test_random_crops_are_every_offset_up_to_an_eighth_and_no_other() -> None:
    image = torch.zeros(2000, 1, 16, 16)
    image[:, :, 8, 8] = 1
    moved = Augmentation(crop=True).apply(image, generator())
    places = {(row, column) for _, _, row, column in moved.nonzero().tolist()}
    assert len(moved.nonzero()) == 2000
    assert places == {(8 + down, 8 + right) for down in range(-2, 3) for right in range(-2, 3)}


def test_random_crops_of_the_images_of_a_batch_differ() -> None:
    image = torch.zeros(64, 1, 32, 32)
    image[:, :, 16, 16] = 1
    places = Augmentation(crop=True).apply(image, generator()).nonzero()[:, 2:]
    assert len(places.unique(dim=0)) > 20


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_the_same_generator_gives_the_same_bits(dtype: torch.dtype) -> None:
    images = torch.randint(256, (32, 3, 32, 32), generator=generator(9)).to(dtype)
    both = Augmentation(crop=True, flip=True)
    first, again, other = (both.apply(images, generator(seed)) for seed in (1, 1, 2))
    assert first.dtype == dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_generator_goes_on_from_batch_to_batch() -> None:
    images, drawn = torch.rand(32, 1, 32, 32, generator=generator(9)), generator(1)
    both = Augmentation(crop=True, flip=True)
    assert not torch.equal(both.apply(images, drawn), both.apply(images, drawn))


def test_no_augmentation_leaves_the_images_and_the_generator_alone() -> None:
    drawn = generator()
    state = drawn.get_state()
    assert torch.equal(Augmentation().apply(IMAGES, drawn), IMAGES)
    assert torch.equal(drawn.get_state(), state)


def test_the_images_that_were_given_stay_as_they_were() -> None:
    before = IMAGES.clone()
    Augmentation(crop=True, flip=True).apply(IMAGES, generator())
    assert torch.equal(IMAGES, before)
