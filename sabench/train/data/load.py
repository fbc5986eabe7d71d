"""From a spec to a data set: a name's loader, or the reader that fits what lies at a path."""

import os
from pathlib import Path

from sabench.catalog.data import DataSpec, TaskOptions, find_data
from sabench.errors import ConfigError
from sabench.train.data.augment import Augmentation
from sabench.train.data.cifar import is_cifar, read_cifar
from sabench.train.data.dataset import Dataset
from sabench.train.data.files import entries, refuse_pickle
from sabench.train.data.folder import read_folder
from sabench.train.data.npz import read_npz

PHOTOGRAPHS = Augmentation(crop=True, flip=True)


def load_data(spec: DataSpec, *, seed: int = 0, size: int | None = None) -> Dataset:
    """The data of a spec, every image at size x size if it is given.

    `seed` draws the generated tasks; all other data are the same for every seed.
    Raises: ConfigError for files that cannot be used, data of a single class, a missing extra,
    options that do not fit.
    """
    data = _from_path(spec, size) if spec.path else _by_name(spec, seed, size)
    if len(data.classes) < 2:
        told = f"one class, {data.classes[0]!r}: two are the least to tell apart"
        raise ConfigError(f"data {spec.text!r} have {told}")
    return data if size is None else data.resized(size)


def _by_name(spec: DataSpec, seed: int, size: int | None) -> Dataset:
    row = find_data(spec.name)
    options = row.options.model_validate(spec.options)
    if isinstance(options, TaskOptions) and size not in (None, options.size):
        raise ConfigError(
            f"data {spec.text!r} are generated, and no task any more at another size: write "
            f"{spec.name}:size={size}"
        )
    content = row.load()(options, seed)
    augmentation = Augmentation(crop=row.crops)
    return Dataset.of(spec.text, content, source=row.source, augmentation=augmentation)


def _from_path(spec: DataSpec, size: int | None) -> Dataset:
    """Mirror images keep their labels in photographs; what is in an .npz file, nobody knows."""
    path = Path(spec.path)
    if os.path.isdir(path):
        for entry in entries(path):
            if os.path.isfile(entry):
                refuse_pickle(entry)
        is_binary = is_cifar(path)
        content = read_cifar(path) if is_binary else read_folder(path, size)
        source = "CIFAR, binary version" if is_binary else "image folder"
        return Dataset.of(spec.text, content, source=source, augmentation=PHOTOGRAPHS)
    refuse_pickle(path)
    if path.suffix.lower() != ".npz":
        raise ConfigError(
            f"data {spec.path!r} is of no known kind: give an .npz file, the folder of CIFAR's "
            "binary version, or a folder {train,test}/<class>/*.jpg"
        )
    content = read_npz(path)
    return Dataset.of(spec.text, content, source=".npz file", augmentation=Augmentation(crop=True))
