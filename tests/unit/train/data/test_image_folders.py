"""Image folders: what is read, and every way in which one cannot be."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sabench.catalog.data import parse_data
from sabench.train.data.dataset import Dataset
from sabench.train.data.load import load_data

COLOURS = {"cat": (200, 10, 30), "dog": (0, 120, 255)}


def save(path: Path, colour: tuple[int, ...] | int, mode: str = "RGB", size=(6, 4)) -> None:
    """An image of one colour; `size` is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes; two images each to train on and one to test on, PNG: what is read is exact."""
    for part, names in (("train", ("0.png", "1.png")), ("test", ("0.png",))):
        for pet, colour in COLOURS.items():
            for name in names:
                save(tmp_path / "pets" / part / pet / name, colour)
    return tmp_path / "pets"


def load(path: Path, size: int | None = None) -> Dataset:
    return load_data(parse_data(str(path)), size=size)


def test_every_image_is_read_with_its_class(pets: Path) -> None:
    data = load(pets)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1]
    assert data.train.images.shape == (4, 3, 4, 6)
    assert data.train.images.dtype == torch.uint8
    for image, label in zip(data.train.images, data.train.labels, strict=True):
        assert image.flatten(1).unique(dim=1).flatten().tolist() == list(
            COLOURS[data.classes[label]]
        )


def test_rows_and_columns_stay_where_they_are(pets: Path) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    Image.fromarray(pixels).save(pets / "train" / "cat" / "0.png")
    assert np.array_equal(load(pets).train.images[0].permute(1, 2, 0).numpy(), pixels)


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "jfif", "bmp", "gif", "ppm", "tif", "webp"])
def test_other_formats_are_read_as_well(suffix: str, pets: Path) -> None:
    save(pets / "train" / "cat" / f"2.{suffix}", COLOURS["cat"])
    data = load(pets)
    assert len(data.train) == 5
    expected = torch.tensor(COLOURS["cat"]).view(3, 1, 1)
    assert ((data.train.images[2].int() - expected).abs() <= 4).all()  # JPEG and WebP lose a bit


@pytest.mark.parametrize(
    ("mode", "colour", "read"),
    [
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("RGBA", (1, 2, 3, 40), [1, 2, 3]),
        ("LA", (9, 0), [9, 9, 9]),
    ],
)
def test_grey_and_transparent_images_have_three_channels(
    mode: str, colour: int, read: list[int], pets: Path
) -> None:
    save(pets / "train" / "cat" / "0.png", colour, mode)
    assert load(pets).train.images[0].flatten(1).unique(dim=1).flatten().tolist() == read


def test_a_palette_with_transparency_is_read_without_a_warning(pets: Path) -> None:
    image = Image.new("P", (6, 4), 1)
    image.putpalette([0, 0, 0, 11, 22, 33])
    image.save(pets / "train" / "cat" / "0.png", transparency=b"\x00\x80")
    assert load(pets).train.images[0, :, 0, 0].tolist() == [11, 22, 33]


def test_other_files_and_hidden_ones_are_passed_over(pets: Path) -> None:
    before = load(pets).sha256
    (pets / "README").write_text("pets")
    (pets / "train" / "labels.txt").write_text("cat")
    (pets / "train" / "cat" / "Thumbs.db").write_text("x")
    (pets / "train" / ".cache").mkdir()
    (pets / "train" / "cat" / ".0.png").write_text("x")
    assert load(pets).sha256 == before


def test_a_size_makes_one_of_many(pets: Path) -> None:
    save(pets / "train" / "cat" / "2.png", COLOURS["cat"], size=(9, 9))
    data = load(pets, size=8)
    assert data.train.images.shape == (5, 3, 8, 8)
    assert data.train.images[2, :, 3, 3].tolist() == list(COLOURS["cat"])


def test_photographs_are_cropped_and_flipped(pets: Path) -> None:
    assert (load(pets).augmentation.crop, load(pets).augmentation.flip) == (True, True)


def cut_off(pets: Path, name: str) -> None:
    path = pets / "train" / "cat" / name
    pixels = np.random.RandomState(0).randint(256, size=(40, 60, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:1500])


def without(pets: Path, *parts: str) -> None:
    for path in sorted((pets.joinpath(*parts)).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    pets.joinpath(*parts).rmdir()


def deep_image(pets: Path) -> None:
    Image.fromarray(np.full((4, 6), 40000, dtype=np.uint16)).save(pets / "train" / "cat" / "0.png")


MISTAKES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "a truncated JPEG": (
        lambda pets: cut_off(pets, "0.jpg"),
        ("train/cat/0.jpg' is no image that can be read: image file is truncated",),
    ),
    "a truncated PNG": (
        lambda pets: cut_off(pets, "0.png"),
        ("train/cat/0.png' is no image that can be read: ",),
    ),
    "an empty image": (
        lambda pets: (pets / "test" / "dog" / "0.png").write_bytes(b""),
        ("test/dog/0.png' is no image that can be read: its format is not known",),
    ),
    "text for an image": (
        lambda pets: (pets / "test" / "dog" / "0.png").write_text("no image"),
        ("test/dog/0.png' is no image that can be read: its format is not known",),
    ),
    "a pickle for an image": (
        lambda pets: (pets / "test" / "dog" / "0.png").write_bytes(b"\x80\x04\x95"),
        ("test/dog/0.png' is a Python pickle",),
    ),
    "more than 8 bits": (deep_image, ("train/cat/0.png' has pixels of mode I;16: give 8 bits",)),
    "another size": (
        lambda pets: save(pets / "test" / "dog" / "0.png", COLOURS["dog"], size=(5, 4)),
        ("train/cat/0.png' is 6 x 4 and", "test/dog/0.png' is 5 x 4: give one size for all"),
    ),
    "an empty class": (
        lambda pets: (pets / "train" / "cow").mkdir() or (pets / "test" / "cow").mkdir(),
        ("class", "train/cow' has no images (.jpg, .jpe, .jpeg, .jfif, .png"),
    ),
    "an empty class to test on": (
        lambda pets: (pets / "test" / "dog" / "0.png").unlink(),
        ("test/dog' has no images",),
    ),
    "a class that is only tested": (
        lambda pets: save(pets / "test" / "cow" / "0.png", 0),
        ("test/cow' is a class that train lacks: an image folder is {train,test}/<class>/*.jpg",),
    ),
    "a class that is never tested": (
        lambda pets: without(pets, "test", "dog"),
        ("train/dog' is a class that test lacks",),
    ),
    "no test folder": (
        lambda pets: without(pets, "test"),
        ("test': No such file or directory: an image folder is {train,test}/<class>/*.jpg",),
    ),
    "nothing at all": (
        lambda pets: without(pets, "test") or without(pets, "train"),
        ("train': No such file or directory: an image folder is",),
    ),
    "no classes": (
        lambda pets: without(pets, "train", "cat") or without(pets, "train", "dog"),
        ("train' has no class folder: an image folder is",),
    ),
    "an image beside the classes": (
        lambda pets: save(pets / "train" / "7.jpg", 0),
        ("train/7.jpg' has no class folder",),
    ),
    "a folder inside of a class": (
        lambda pets: save(pets / "train" / "cat" / "kittens" / "0.jpg", 0),
        ("train/cat/kittens' is a folder inside of a class",),
    ),
    "a link back to the start": (
        lambda pets: (pets / "train" / "cat" / "again").symlink_to(pets),
        ("train/cat/again' is a folder inside of a class",),
    ),
    "a link to itself": (
        lambda pets: (pets / "train" / "cat" / "2.png").symlink_to("2.png"),
        ("train/cat/2.png' is not there, or no plain file",),
    ),
    "a pipe": (
        lambda pets: os.mkfifo(pets / "train" / "cat" / "2.png"),
        ("train/cat/2.png' is not there, or no plain file",),
    ),
    "a file name of two lines": (
        lambda pets: (pets / "train" / "cat" / "2\n.png").write_text("no image"),
        ("train/cat/2\\n.png' is no image that can be read",),
    ),
    "a class name of two lines": (
        lambda pets: (pets / "train" / "c\now").mkdir(),
        ("train/c\\now' is a class that test lacks",),
    ),
    "pickles": (
        lambda pets: (pets / "photos.pkl").write_bytes(b"(lp0\n."),
        ("photos.pkl' is a Python pickle, which can run any code and is never opened",),
    ),
}


@pytest.mark.parametrize(("spoil", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(
    spoil: Callable[[Path], object], told: tuple[str, ...], pets: Path, refusal
) -> None:
    spoil(pets)
    line = refusal(pets)
    for part in told:
        assert part in line


@pytest.mark.parametrize(
    ("where", "name", "told"),
    [
        ((Path, "open"), "train/dog/1.png", "{!r} cannot be read: Permission denied"),
        ((os, "listdir"), "train/dog", "folder {!r}: Permission denied"),
    ],
)
def test_what_may_not_be_read_is_named(
    where: tuple[object, str],
    name: str,
    told: str,
    pets: Path,
    refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed = getattr(*where)

    def refusing(path: Path, *arguments: str):
        if path == pets / name:
            raise PermissionError(13, "Permission denied")
        return allowed(path, *arguments)

    monkeypatch.setattr(*where, refusing)
    assert refusal(pets) == told.format(str(pets / name))


def test_without_pillow_the_extra_is_named(
    pets: Path, refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install 'sabench[train]'" in refusal(pets)


@pytest.mark.skipif("SABENCH_CIFAR" not in os.environ, reason="SABENCH_CIFAR names no folder")
def test_real_photographs_are_read() -> None:
    data = load(Path(os.environ["SABENCH_CIFAR"]))
    assert data.size == (32, 32)
    assert len(data.classes) == 10
    assert (data.mean > 0.4).all()
    assert (data.mean < 0.55).all()  # published: 0.4914, 0.4822, 0.4465
