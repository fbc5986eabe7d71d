"""The batches: every sample once, the same for one seed at any step, in three channels."""

import pytest
import torch

from sabench.errors import ConfigError
from sabench.train import feed as feed_module
from sabench.train.data.augment import Augmentation
from sabench.train.data.dataset import Content, Dataset, Split
from sabench.train.feed import Feed, generator

CPU = torch.device("cpu")


def numbered(count: int = 10, channels: int = 1, **fields: Augmentation) -> Dataset:
    """Image i is all i, so that a batch says which images it holds."""
    values = torch.arange(float(count)).view(-1, 1, 1, 1).expand(-1, channels, 8, 8).clone()
    split = Split(values, torch.arange(count) % 2)
    return Dataset.of("numbered", Content(split, split, ("even", "odd")), source="test", **fields)


def held(feed: Feed, epoch: int, start: int = 0) -> list[int]:
    """The numbers of the images, in order, from their normalised pixels."""
    data = feed.data
    pixels = torch.cat([images[:, 0, 0, 0] for images, _ in feed.draw(epoch, start)])
    return (pixels * data.std[0] + data.mean[0]).round().int().tolist()


def lopsided(count: int, **fields: Augmentation) -> Dataset:
    """Every image -1 on the left and 1 on the right: mean 0, deviation 1, and a mirror tells."""
    row = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    split = Split(row.expand(count, 1, 4, 4).clone(), torch.arange(count) % 2)
    return Dataset.of("lopsided", Content(split, split, ("even", "odd")), source="test", **fields)


def mirrored(feed: Feed, epoch: int) -> list[tuple[bool, ...]]:
    """Of each step, which of its images are left to right."""
    return [tuple((images[:, 0, 0, 0] > 0).tolist()) for images, _ in feed.draw(epoch)]


def test_an_epoch_takes_every_sample_once_but_for_a_rest() -> None:
    feed = Feed(numbered(10), 4, 0, CPU, augments=False)
    assert feed.steps == 2
    assert len(set(held(feed, 0))) == 8


def test_each_epoch_and_each_seed_has_its_own_order_and_always_the_same() -> None:
    feed = Feed(numbered(40), 40, 3, CPU, augments=False)
    again = Feed(numbered(40), 40, 3, CPU, augments=False)
    other = Feed(numbered(40), 40, 4, CPU, augments=False)
    assert held(feed, 0) == held(again, 0)
    assert sorted(held(feed, 0)) == list(range(40))
    assert held(feed, 0) != held(feed, 1)
    assert held(feed, 0) != held(other, 0)


def test_an_epoch_that_goes_on_at_a_step_has_the_batches_it_would_have_had() -> None:
    augmented = numbered(12, augmentation=Augmentation(crop=True, flip=True))
    feed = Feed(augmented, 4, 0, CPU, augments=True)
    whole = [images for images, _ in feed.draw(5)]
    rest = [images for images, _ in feed.draw(5, 1)]
    assert len(rest) == 2
    for one, other in zip(whole[1:], rest, strict=True):
        assert torch.equal(one, other)


def test_images_to_learn_from_are_augmented_where_that_is_asked_for() -> None:
    flipping = lopsided(32, augmentation=Augmentation(flip=True))
    assert set(*mirrored(Feed(flipping, 32, 0, CPU, augments=True), 0)) == {False, True}
    assert set(*mirrored(Feed(flipping, 32, 0, CPU, augments=False), 0)) == {False}


def test_what_is_not_to_be_augmented_is_learnt_from_as_it_is() -> None:
    """Planted: a frame for crops around images that are not cropped, so that all are moved."""
    data = numbered(10, augmentation=Augmentation(crop=True, flip=True))
    images, _ = next(Feed(data, 10, 0, CPU, augments=False).draw(0))
    assert torch.equal(images.amax((1, 2, 3)), images.amin((1, 2, 3)))


def test_each_step_of_each_epoch_and_seed_is_augmented_in_its_own_way() -> None:
    flipping = lopsided(96, augmentation=Augmentation(flip=True))
    feeds = [Feed(flipping, 32, seed, CPU, augments=True) for seed in (0, 1)]
    ways = [way for feed in feeds for epoch in (0, 1) for way in mirrored(feed, epoch)]
    assert len(set(ways)) == len(ways) == 2 * 2 * 3


def test_images_to_test_on_are_never_augmented() -> None:
    data = lopsided(32, augmentation=Augmentation(crop=True, flip=True))
    images, _ = next(Feed(data, 32, 0, CPU, augments=True).tests())
    assert torch.equal(images, data.test.images.expand(-1, 3, -1, -1))


def test_images_are_normalised_and_a_grey_one_fills_three_channels() -> None:
    feed = Feed(numbered(10), 10, 0, CPU, augments=False)
    images, labels = next(feed.draw(0))
    assert images.shape == (10, 3, 8, 8)
    assert float(images.mean()) == pytest.approx(0.0, abs=1e-6)
    assert float(images.std(correction=0)) == pytest.approx(1.0, abs=1e-6)
    assert torch.equal(images[:, 0], images[:, 2])
    assert [int(label) for label in labels] == [number % 2 for number in held(feed, 0)]


def test_fewer_samples_than_a_batch_are_one_batch() -> None:
    feed = Feed(numbered(6), 64, 0, CPU, augments=False)
    assert (feed.steps, feed.batch) == (1, 6)


def test_tests_come_in_their_order_and_whole() -> None:
    feed = Feed(numbered(10), 4, 0, CPU, augments=True)
    assert [len(labels) for _, labels in feed.tests()] == [4, 4, 2]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(crop=True, flip=True)])
def test_a_split_too_large_to_hold_gives_the_same_bits(
    channels: int, augmentation: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.randint(256, (20, channels, 9, 7), generator=generator(5)).to(torch.uint8)
    split = Split(images, torch.arange(20) % 2)
    content = Content(split, split, ("even", "odd"))
    data = Dataset.of("random", content, source="test", augmentation=augmentation)
    padding = 1 if augmentation.crop else 0
    taken = 4 * 20 * channels * (9 + 2 * padding) * (7 + 2 * padding)
    drawn = []
    for limit in (taken, taken - 1):
        monkeypatch.setattr(feed_module, "HELD", limit)
        feed = Feed(data, 6, 0, CPU, augments=True)
        assert (feed.windows is not None) == (limit == taken)
        drawn.append([*feed.draw(0), *feed.draw(1)])
    for (held_images, labels), (images, same_labels) in zip(*drawn, strict=True):
        assert held_images.shape == (6, 3, 9, 7)
        assert torch.equal(held_images, images)
        assert torch.equal(labels, same_labels)


def test_a_split_for_which_there_is_no_memory_is_prepared_by_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held_batch = next(Feed(numbered(10), 4, 0, CPU, augments=True).draw(0))

    def refuse(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    monkeypatch.setattr(feed_module.torch, "empty", refuse)
    feed = Feed(numbered(10), 4, 0, CPU, augments=True)
    assert feed.windows is None
    assert torch.equal(next(feed.draw(0))[0], held_batch[0])


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(ConfigError, match="'numbered' have 2 channels: give images of 1 or 3"):
        Feed(numbered(10, channels=2), 4, 0, CPU, augments=False)
