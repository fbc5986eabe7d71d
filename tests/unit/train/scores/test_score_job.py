"""The job that scores: one minibatch for all, memory that runs out, scores that are undefined."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from making_runs import batch_of
from making_trainings import XOR, training_case
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.data import parse_data
from sabench.catalog.metrics import METRICS, metrics_of
from sabench.catalog.presets import TRAINING_PRESETS
from sabench.catalog.scores import ASKED
from sabench.records import Record, Status
from sabench.train.data.load import load_data
from sabench.train.scores import copies, gradients, zen
from sabench.train.scores import job as job_module
from sabench.train.scores.job import run_scores, split_on_demand
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored


def score(case: Case, replicate: int = 0, names: tuple[str, ...] = ("snip", "naswot")) -> Record:
    preset = TRAINING_PRESETS["quick"]
    jobs = make_jobs([case], ["cpu"], names, preset, seed=0)
    job = next(one for one in jobs if one.replicate == replicate)
    assert job.kind == "score"
    record, _ = run_scores(job, batch_of(jobs, preset=preset))
    return record


def scored(mix: str = "conv", **fields: Any) -> Case:
    return training_case(mix, mode="score", batch=8, **fields)


def test_every_score_of_the_table_is_a_metric_with_its_direction() -> None:
    assert metrics_of("score") == tuple(ASKED)
    assert all(METRICS[name].better == one.score.better for name, one in ASKED.items())


def test_a_variant_is_asked_for_by_its_name() -> None:
    """Attention has a flow all the same; what is behind a batch norm changes with statistics."""
    names = ("synflow", "synflow_absolute", "snip", "snip_batch_statistics")
    readings = score(scored("self_attention"), names=names).readings
    assert readings["synflow"].median is None
    assert "ask for synflow_absolute" in readings["synflow"].reason
    assert readings["synflow_absolute"].median is not None
    assert readings["snip"].median != readings["snip_batch_statistics"].median


def test_statistics_of_a_batch_that_does_not_fit_are_no_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def starving(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(gradients, "outputs_of", starving)
    monkeypatch.setattr(zen, "zen_of", starving)
    names = ("snip_batch_statistics", "zen", "snip", "naswot")
    record = score(scored(), names=names)
    assert record.status is Status.OK
    reasons = {name: record.readings[name].reason for name in names}
    assert "there is no memory for all" in reasons["snip_batch_statistics"]
    assert "there is no memory for all" in reasons["zen"]
    assert reasons["snip"] == "out of memory, image by image too"
    assert record.readings["naswot"].median is not None  # the others keep theirs


def test_a_network_that_does_not_fit_twice_is_no_mistake_of_its_author(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def starving(_module: object) -> object:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(copies.copy, "deepcopy", starving)
    reading = score(scored(), names=("snip",)).readings["snip"]
    assert reading.reason == "out of memory, image by image too"


def test_all_networks_are_scored_on_the_same_images() -> None:
    one, other = score(scored()), score(scored("halo"))
    assert one.status is other.status is Status.OK
    assert one.details["minibatch"] == other.details["minibatch"]
    assert one.readings["snip"].samples != other.readings["snip"].samples


def test_the_images_are_drawn_from_all_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of data in the order of their classes the first eight images are all of one."""
    scored_on: list[Minibatch] = []

    def made(*arguments: Any, **settings: Any) -> Minibatch:
        scored_on.append(Minibatch(*arguments, **settings))
        return scored_on[-1]

    data = load_data(parse_data(XOR))
    in_order = replace(data, train=data.train.take(data.train.labels.argsort()))
    assert set(in_order.train.labels[:8].tolist()) == {0}
    monkeypatch.setattr(job_module, "data_of", lambda _case: in_order)
    monkeypatch.setattr(job_module, "Minibatch", made)
    assert score(scored()).status is Status.OK
    (minibatch,) = scored_on
    assert minibatch.labels is not None
    assert len(minibatch) == 8
    assert set(minibatch.labels.tolist()) == {0, 1}


def test_the_same_seed_gives_the_same_bits_and_another_other_weights() -> None:
    first, again, other = score(scored()), score(scored()), score(scored(), replicate=1)
    assert first.readings == again.readings
    assert first.readings["snip"].samples != other.readings["snip"].samples
    assert first.details["minibatch"] == other.details["minibatch"]


def test_a_score_that_is_undefined_here_is_a_reading_with_the_reason() -> None:
    record = score(scored("self_attention"), names=("synflow", "snip"))
    assert record.status is Status.OK
    assert record.readings["synflow"].statistics is None
    assert "softmax" in record.readings["synflow"].reason
    assert len(record.readings["synflow"].reason.splitlines()) == 1
    assert record.readings["snip"].median is not None


def test_the_record_counts_the_parameters_that_a_score_saw_and_names_others() -> None:
    details = score(scored()).readings["snip"].details
    unseen = details["unseen_vectors"]
    assert isinstance(unseen, list)
    convolutions = 1 + 4 * 4  # the stem; reduce, slot, expand and shortcut of four blocks
    assert details["seen"] == convolutions + 1  # and the classifier's weight
    assert details["unseen"] == 2 * convolutions + 1  # of their norms, and the classifier's bias
    assert all("one axis" in reason for _, reason in unseen)


def starved(most: int, *, chunks: int) -> Scored:
    """A score that has memory for so many chunks or more."""
    if chunks < most:
        raise torch.OutOfMemoryError("out of memory")
    return Scored(float(chunks), (), ())


@pytest.mark.parametrize(("fits_at", "found"), [(1, 1), (2, 2), (3, 4), (5, 6)])
def test_where_memory_runs_out_the_minibatch_is_split_and_never_shrunk(
    fits_at: int, found: int
) -> None:
    result, chunks = split_on_demand(partial(starved, fits_at), 6)
    assert (result.value, chunks) == (found, found)


def test_an_error_that_is_not_for_want_of_memory_is_not_tried_again() -> None:
    calls: list[int] = []

    def broken(*, chunks: int) -> Scored:
        calls.append(chunks)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        split_on_demand(partial(broken), 6)
    assert calls == [1]


def test_single_images_that_take_too_much_are_out_of_memory() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        split_on_demand(partial(starved, 7), 6)
