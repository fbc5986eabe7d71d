"""A data set's hash, moments, shares, minibatches and other sizes."""

import hashlib
import struct
from itertools import pairwise

import numpy as np
import pytest
import torch

from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Dataset, Split
from sabench.train.data.stream import stream


def data_set(images: torch.Tensor, classes: tuple[str, ...] = ("one",)) -> Dataset:
    """The same images to train and to test on, the classes in turn."""
    split = Split(images, torch.arange(len(images)) % len(classes))
    return Dataset.of("made", Content(split, split, classes), source="the test")


def test_the_hash_is_of_shapes_types_bytes_and_names() -> None:
    images = torch.tensor([[[[1, 2]]], [[[3, 4]]]], dtype=torch.uint8)
    pixels = b"torch.uint8 (2, 1, 1, 2)\n\1\2\3\4"
    labels = b"torch.int64 (2,)\n" + struct.pack("<2q", 0, 1)
    split = hashlib.sha256(pixels + labels).hexdigest()
    whole = hashlib.sha256(f"{split} {split} 2\ncat\0dog\0".encode()).hexdigest()
    assert data_set(images, ("cat", "dog")).train.sha256 == split
    assert data_set(images, ("cat", "dog")).sha256 == whole


def test_whatever_differs_changes_the_hash(three_classes: Dataset) -> None:
    train, test, classes = three_classes.train, three_classes.test, three_classes.classes
    pixel, test_pixel, label = train.images.clone(), test.images.clone(), train.labels.clone()
    pixel[59, 0, 3, 3] += 1
    test_pixel[0, 0, 0, 0] += 1
    label[0] = 1
    others = [
        Content(Split(pixel, train.labels), test, classes),
        Content(train, Split(test_pixel, test.labels), classes),
        Content(Split(train.images, label), test, classes),
        Content(train, test, ("a", "b", "d")),
        Content(train, test, ("a", "bc", "")),
        Content(
            Split(train.images.view(-1, 1, 2, 8), train.labels),
            Split(test.images.view(-1, 1, 2, 8), test.labels),
            classes,
        ),
        Content(
            Split(train.images.float(), train.labels),
            Split(test.images.float(), test.labels),
            classes,
        ),
    ]
    hashes = {Dataset.of("small", content, source="the test").sha256 for content in others}
    assert len(hashes | {three_classes.sha256}) == len(others) + 1


def test_the_same_content_has_the_same_hash_whatever_it_is_called(three_classes: Dataset) -> None:
    train, test, classes = three_classes.train, three_classes.test, three_classes.classes
    copy = Content(Split(train.images.clone(), train.labels.clone()), test, classes)
    assert Dataset.of("other", copy, source="elsewhere").sha256 == three_classes.sha256


def test_mean_and_std_are_of_each_channel_of_the_train_images() -> None:
    train = torch.tensor([0, 51, 102, 255], dtype=torch.uint8).view(2, 2, 1, 1)
    content = Content(Split(train, torch.zeros(2).long()), Split(train[:1], torch.tensor([0])), "a")
    made = Dataset.of("made", content, source="the test")
    assert made.mean.tolist() == pytest.approx([0.2, 0.6])  # (0 + 102) / 510, (51 + 255) / 510
    assert made.std.tolist() == pytest.approx([0.2, 0.4])


def test_moments_of_many_images_are_those_of_all() -> None:
    values = torch.arange(3000, dtype=torch.float32).view(-1, 1, 1, 1)
    made = data_set(values)
    assert made.mean.item() == pytest.approx(1499.5)  # (n - 1) / 2
    assert made.std.item() == pytest.approx(((3000**2 - 1) / 12) ** 0.5)


def test_normalised_train_images_have_mean_zero_and_deviation_one(three_classes: Dataset) -> None:
    images = three_classes.normalised(three_classes.train.images)
    assert images.dtype == torch.float32
    assert images.mean().item() == pytest.approx(0, abs=1e-6)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_a_constant_channel_is_normalised_to_zero() -> None:
    images = torch.full((3, 1, 2, 2), 0.5)
    made = data_set(images)
    assert made.std.tolist() == [1]
    assert made.normalised(images).unique().tolist() == [0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_resized_images_are_square_of_that_size_and_the_same_type(
    dtype: torch.dtype, size: int
) -> None:
    made = data_set(torch.full((1500, 2, 3, 4), 200, dtype=dtype)).resized(size)
    for split in (made.train, made.test):
        assert split.images.shape == (1500, 2, size, size)
        assert split.images.dtype == dtype
        assert split.images.unique().tolist() == pytest.approx([200])


def test_half_the_size_is_the_antialiased_mean() -> None:
    image = torch.tensor([[0.0, 4.0], [8.0, 12.0]]).view(1, 1, 2, 2)
    assert data_set(image).resized(1).train.images.tolist() == [[[[6.0]]]]


def test_another_size_has_another_hash_and_the_same_size_is_the_same(
    three_classes: Dataset,
) -> None:
    assert three_classes.resized(8).sha256 != three_classes.sha256
    assert three_classes.resized(4) is three_classes


@pytest.mark.parametrize(("s", "of_each"), [(1, 20), (2, 10), (3, 7), (8, 3), (20, 1), (100, 1)])
def test_a_share_has_as_many_of_each_class(s: int, of_each: int, three_classes: Dataset) -> None:
    share = three_classes.share(s)
    assert torch.bincount(share.train.labels).tolist() == [of_each] * 3
    assert share.test is three_classes.test
    assert torch.equal(share.train.labels, share.train.images[:, 0, 0, 0].long() % 3)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_smaller_share_lies_within_the_larger_and_in_its_order(
    seed: int, three_classes: Dataset
) -> None:
    chosen = [
        three_classes.share(s, seed=seed).train.images[:, 0, 0, 0].tolist() for s in (1, 2, 4, 8)
    ]
    for larger, smaller in pairwise(chosen):
        assert set(smaller) < set(larger)
    assert all(places == sorted(places) for places in chosen)


def test_a_share_is_the_same_for_one_seed_and_another_for_another(three_classes: Dataset) -> None:
    assert three_classes.share(4, seed=1).sha256 == three_classes.share(4, seed=1).sha256
    assert three_classes.share(4, seed=1).sha256 != three_classes.share(4, seed=2).sha256


def test_a_minibatch_is_fixed_by_its_seed_and_has_no_image_twice(three_classes: Dataset) -> None:
    first, again, other = (three_classes.minibatch(16, seed=seed) for seed in (3, 3, 4))
    places = first.images[:, 0, 0, 0]
    assert len(places.unique()) == len(first) == 16
    assert torch.equal(first.labels, places.long() % 3)
    assert first.sha256 == again.sha256
    assert first.sha256 != other.sha256


WRONG = {
    "a share below one": (lambda data: data.share(0), "share=0 is not allowed"),
    "a minibatch of none": (lambda data: data.minibatch(0), "minibatch of 0: 'small' has 60"),
    "a minibatch of more": (lambda data: data.minibatch(61), "minibatch of 61: 'small' has 60"),
    "a size of none": (lambda data: data.resized(0), "size=0 is not allowed"),
    "a negative seed": (lambda data: data.share(2, seed=-1), "seed=-1 is not allowed"),
    "a seed past 32 bits": (lambda data: data.minibatch(2, seed=2**32), "seed=4294967296 is not"),
}


@pytest.mark.parametrize(("ask", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_had_is_refused(ask, told: str, three_classes: Dataset) -> None:
    with pytest.raises(ConfigError, match=told):
        ask(three_classes)


def test_a_class_that_is_never_trained_on_is_refused() -> None:
    split = Split(torch.zeros(2, 1, 2, 2), torch.tensor([0, 2]))
    with pytest.raises(ConfigError, match="data 'made': class 'b' has no train image"):
        Dataset.of("made", Content(split, split, ("a", "b", "c")), source="the test")


def test_splits_of_other_shapes_or_types_are_refused() -> None:
    labels = torch.zeros(2).long()
    train = Split(torch.zeros(2, 1, 2, 2), labels)
    for images, kind in (
        (torch.zeros(2, 3, 2, 4), "3 x 2 x 4 float32"),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), "1 x 2 x 2 uint8"),
    ):
        with pytest.raises(ConfigError, match=f"1 x 2 x 2 float32 and test images {kind}"):
            Dataset.of("made", Content(train, Split(images, labels), ("a",)), source="the test")


def test_each_seed_and_purpose_has_draws_of_its_own() -> None:
    draws = [
        stream(seed, purpose).random_sample(8).tolist()
        for seed in (0, 1)
        for purpose in ("train", "test")
    ]
    assert len(np.unique(draws)) == 4 * 8
