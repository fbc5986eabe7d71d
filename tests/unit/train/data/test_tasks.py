"""The generated tasks are what they say: nothing but the bits tells the label.

Bounds on random figures are four standard deviations, at a fixed seed.
"""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional

from sabench.catalog.data import parse_data
from sabench.train.data.dataset import Dataset, Split
from sabench.train.data.load import load_data

XORS = ("xor", "xor:distance=6,size=16", "xor:distance=1,axis=vertical", "xor:distance=7,size=8")


def marks(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(N, marks, 2) places from the top left on, and (N, marks) bits."""
    n, row, column = split.images[:, 0].nonzero(as_tuple=True)
    values = split.images[n, 0, row, column]
    assert set(values.unique().tolist()) == {-1, 1}
    places = torch.stack([row, column], dim=1).view(len(split), -1, 2)
    return places.numpy(), (values.view(len(split), -1) > 0).numpy()


def is_fair(successes: int, draws: int) -> bool:
    return abs(successes - draws / 2) <= 4 * (draws / 4) ** 0.5


@pytest.fixture(scope="module")
def xor() -> Dataset:
    return load_data(parse_data("xor"))


@pytest.fixture(scope="module")
def counting() -> Dataset:
    return load_data(parse_data("counting"))


@pytest.mark.parametrize("text", XORS)
def test_two_marks_stand_exactly_at_the_distance_along_the_axis(text: str) -> None:
    spec = parse_data(text)
    distance = spec.options.get("distance", 4)
    offset = [distance, 0] if "axis" in spec.options else [0, distance]
    data = load_data(spec)
    for split in (data.train, data.test):
        places, bits = marks(split)
        assert places.shape == (4000, 2, 2)
        assert np.unique(places[:, 1] - places[:, 0], axis=0).tolist() == [offset]
        assert (split.labels.numpy() == (bits[:, 0] ^ bits[:, 1])).all()


@pytest.mark.parametrize("text", XORS)
def test_the_bits_are_fair_and_independent(text: str) -> None:
    _, bits = marks(load_data(parse_data(text)).train)
    for first, second in product((False, True), repeat=2):
        count = ((bits == (first, second)).all(axis=1)).sum()
        assert abs(count - 1000) <= 4 * (4000 * 1 / 4 * 3 / 4) ** 0.5


def test_places_are_uniform_over_the_map(xor: Dataset) -> None:
    places, _ = marks(xor.train)
    for axis, choices in ((0, 16), (1, 12)):
        counts = np.bincount(places[:, 0, axis], minlength=choices)
        expected, share = 4000 / choices, 1 / choices
        assert len(counts) == choices
        assert (abs(counts - expected) <= 4 * (expected * (1 - share)) ** 0.5).all()


def test_no_place_tells_the_label_or_a_bit(xor: Dataset) -> None:
    places, bits = marks(xor.train)
    labels = xor.train.labels.numpy().astype(bool)
    for told in (labels, bits[:, 0], bits[:, 1]):
        for axis, choices in ((0, 16), (1, 12)):
            for place in range(choices):
                here = told[places[:, 0, axis] == place]
                assert is_fair(int(here.sum()), len(here))


def test_a_linear_head_on_features_of_one_bit_stays_at_75_percent(xor: Dataset) -> None:
    _, bits = marks(xor.test)
    labels = xor.test.labels.numpy()
    ceiling = 0.75 + 2 * (0.75 * 0.25 / 4000) ** 0.5
    weights = (-1, 0, 1)  # with half thresholds: every linear function of two bits
    accuracies = [
        ((u * bits[:, 0] + v * bits[:, 1] > c) == labels).mean()
        for u, v in product(weights, repeat=2)
        for c in (-2.5, -1.5, -0.5, 0.5, 1.5)
    ]
    assert 0.7 < max(accuracies) <= ceiling


def test_a_threshold_on_the_count_of_ones_stays_at_75_percent(xor: Dataset) -> None:
    ones = marks(xor.test)[1].sum(axis=1)
    right = [((ones > c) == xor.test.labels.numpy()).mean() for c in (-0.5, 0.5, 1.5, 2.5)]
    best = max(*right, *(1 - each for each in right))
    assert 0.7 < best <= 0.75 + 2 * (0.75 * 0.25 / 4000) ** 0.5


def test_whoever_sees_both_bits_is_always_right(xor: Dataset) -> None:
    _, bits = marks(xor.test)
    table = np.array([[0, 1], [1, 0]])
    assert (table[bits[:, 0].astype(int), bits[:, 1].astype(int)] == xor.test.labels.numpy()).all()


def test_the_hash_of_a_task_is_that_of_every_machine(xor: Dataset, counting: Dataset) -> None:
    vertical = load_data(parse_data("xor:distance=6,axis=vertical,train=200,test=100"), seed=3)
    assert xor.sha256 == "ec3b874e0a2f533e7eb92843fd90a319d7a0d4a348854777b6f0321a12624956"
    assert vertical.sha256 == "df83caf45a853474a4690a3659feecda19ea0dd5184d2a0087eb5b2e7176710a"
    assert counting.sha256 == "df683d215cbbb67d4180fa2e8236c8952e677a79fb2e9630715f0141fc6dc4db"


@pytest.mark.parametrize("name", ["xor", "counting"])
def test_a_seed_gives_the_same_bits_and_another_seed_others(name: str) -> None:
    spec = parse_data(f"{name}:train=100,test=100")
    first, again, other = (load_data(spec, seed=seed) for seed in (1, 1, 2))
    assert first.sha256 == again.sha256
    assert first.train.sha256 != other.train.sha256
    assert first.train.sha256 != first.test.sha256


@pytest.mark.parametrize("name", ["xor", "counting"])
def test_more_to_train_on_leaves_the_test_split_as_it_is(name: str) -> None:
    few, many = (load_data(parse_data(f"{name}:train={n},test=50")) for n in (100, 200))
    assert few.test.sha256 == many.test.sha256


@pytest.mark.parametrize(("size", "number"), [(16, 7), (9, 15), (4, 3)])
def test_marks_to_count_are_so_many_and_never_adjacent(size: int, number: int) -> None:
    data = load_data(parse_data(f"counting:size={size},marks={number}"))
    for split in (data.train, data.test):
        occupied = split.images.abs()
        near = functional.conv2d(occupied, torch.ones(1, 1, 3, 3), padding=1)
        assert occupied.sum((1, 2, 3)).unique().tolist() == [number]
        assert near[occupied.bool()].unique().tolist() == [1]
        assert occupied.amax(0).all(), "a place where no mark ever stands"


def test_the_sign_of_the_sum_over_the_map_solves_counting(counting: Dataset) -> None:
    for split in (counting.train, counting.test):
        assert torch.equal(split.images.sum((1, 2, 3)) > 0, split.labels.bool())


def test_counting_is_balanced_and_its_marks_are_fair(counting: Dataset) -> None:
    _, bits = marks(counting.train)
    assert is_fair(int(counting.train.labels.sum()), 4000)
    assert is_fair(int(bits.sum()), 4000 * 7)


def test_no_row_or_column_of_marks_tells_what_to_count(counting: Dataset) -> None:
    places, bits = marks(counting.train)
    for axis, place in product((0, 1), range(16)):
        here = bits[places[..., axis] == place]
        assert is_fair(int(here.sum()), len(here))


@pytest.mark.parametrize("name", ["xor", "counting"])
def test_a_task_is_not_augmented_and_not_resized(name: str, refusal) -> None:
    data = load_data(parse_data(name), size=16)
    assert (data.augmentation.crop, data.augmentation.flip) == (False, False)
    assert f"write {name}:size=32" in refusal(name, size=32)
