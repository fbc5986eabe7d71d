"""The packaged digits: all there, split by class, in an order that tells nothing."""

import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sabench.catalog.data import parse_data
from sabench.train.data.dataset import Dataset
from sabench.train.data.load import load_data

PACKAGED = load_digits()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_data(parse_data("digits"))


@pytest.fixture(scope="module")
def permuted() -> Dataset:
    return load_data(parse_data("permuted_digits"))


def both(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """All images as (N, 64) counts from 0 to 16, and all labels."""
    images = torch.cat([data.train.images, data.test.images]).flatten(1).numpy() * 16
    return images, torch.cat([data.train.labels, data.test.labels]).numpy()


def in_one_order(images: np.ndarray, labels: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(map(tuple, np.column_stack([labels, images]).tolist()))


def test_every_packaged_digit_is_there_once_with_its_label(digits: Dataset) -> None:
    assert in_one_order(*both(digits)) == in_one_order(PACKAGED.data, PACKAGED.target)


def test_one_in_five_of_every_class_is_tested_on(digits: Dataset) -> None:
    of_each = np.bincount(PACKAGED.target)
    assert torch.bincount(digits.test.labels).tolist() == [round(n / 5) for n in of_each]
    assert len(digits.train) + len(digits.test) == 1797


def test_images_are_sixteenths_as_float32(digits: Dataset) -> None:
    assert digits.train.images.shape[1:] == digits.test.images.shape[1:] == (1, 8, 8)
    assert digits.train.images.dtype == torch.float32
    assert (digits.train.images * 16).unique().tolist() == list(range(17))


def test_the_order_of_the_package_is_gone(digits: Dataset) -> None:
    place = {tuple(image): place for place, image in enumerate(PACKAGED.data.tolist())}
    for split in (digits.train, digits.test):
        places = [place[tuple(image)] for image in (split.images.flatten(1) * 16).tolist()]
        correlation = np.corrcoef(places, np.arange(len(places)))[0, 1]
        assert abs(correlation) < 3 / len(places) ** 0.5


def test_the_hash_of_the_digits_is_that_of_every_machine(digits: Dataset) -> None:
    assert digits.sha256 == "e88889c699b386e63a876cca714250a9494e2f55801318756ed360013fc86a73"


def test_the_split_is_the_same_for_every_seed(digits: Dataset) -> None:
    assert load_data(parse_data("digits"), seed=5).sha256 == digits.sha256


def test_digits_are_cropped_and_never_flipped(digits: Dataset, permuted: Dataset) -> None:
    assert (digits.augmentation.crop, digits.augmentation.flip) == (True, False)
    assert (permuted.augmentation.crop, permuted.augmentation.flip) == (False, False)


def test_one_permutation_moves_the_pixels_of_all_images(digits: Dataset, permuted: Dataset) -> None:
    before, labels = both(digits)
    after, labels_after = both(permuted)
    assert np.array_equal(labels, labels_after)
    columns = {column.tobytes() for column in before.T.copy()}
    assert columns == {column.tobytes() for column in after.T.copy()}
    moved = (before.T[:, None] != after.T[None]).any(axis=2)  # (64, 64): pixel i is not pixel j
    assert moved.diagonal().sum() > 50


def test_the_hash_of_the_permuted_digits_is_that_of_every_machine(permuted: Dataset) -> None:
    assert permuted.sha256 == "b14c96dc8a80fa99a10d5765c822c720ffaf40359e794b3ab647debdaed678ef"


def test_digits_are_resized_on_demand() -> None:
    data = load_data(parse_data("digits"), size=16)
    assert data.train.images.shape == (1438, 1, 16, 16)


def test_without_scikit_learn_the_extra_is_named(refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert "pip install 'sabench[train]'" in refusal("digits")
