"""What is read before a run is made, and what is told of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from making_trainings import training_case
from sabench.errors import ConfigError, ResultError
from sabench.train.data import check
from sabench.train.data.check import check_data
from sabench.train.job import data_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Eight grey images of 12 px, two classes."""
    images, labels = np.zeros((8, 12, 12), dtype=np.uint8), np.arange(8) % 2
    file = tmp_path / "images.npz"
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return file


def test_each_data_set_is_read_once_and_a_generated_task_never(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, Any]] = []
    load = check.load_data

    def loading(spec: Any, *, size: int) -> Any:
        read.append((spec.text, size))
        return load(spec, size=size)

    monkeypatch.setattr(check, "load_data", loading)
    cases = [
        *(training_case(mix, data=str(path), r=2) for mix in ("conv", "halo")),
        *(training_case(mix) for mix in ("conv", "halo")),
        training_case(data="digits", resolution=8),
    ]
    check_data(cases)
    assert read == [(str(path), 8), ("digits", 8)]


def test_what_cannot_be_used_is_said_as_the_reader_says_it(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"images\.npz"):
        check_data([training_case(data=str(path))])


def test_other_data_than_a_run_began_with_are_refused(path: Path) -> None:
    cases = [training_case(mix, data=str(path)) for mix in ("conv", "halo")]
    begun = data_of(cases[1]).sha256
    check_data(cases, {cases[1].case_id: begun})
    with pytest.raises(ResultError, match="are not those that the run began with"):
        check_data(cases, {cases[1].case_id: begun[::-1]})


def test_a_task_at_another_size_is_a_matter_of_its_own_case() -> None:
    check_data([training_case(resolution=32)])
