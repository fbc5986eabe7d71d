"""Spread between and within processes, against arithmetic by hand and resampling by brute force."""

import random
import statistics
from pathlib import Path

import numpy as np
import pytest

from making_runs import case, new_run, preset, record_of
from sabench.records import Reading, Statistics
from sabench.store import journal
from sabench.store.figure import figure_of
from sabench.store.leaderboard import leaderboard_of, write_leaderboard
from sabench.store.spread import Spread, hierarchical_bootstrap, spread_of
from sabench.store.verify import verify


def of(*groups: tuple[float, ...]) -> Spread:
    return spread_of([Statistics.of(group) for group in groups])


def test_the_share_between_processes_is_that_of_the_analysis_of_variance() -> None:
    # means 2, 5, 8, each with variance 1: MS between 27, within 1, 3 samples a process
    found = of((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0))
    assert found.in_process_sd == pytest.approx(1.0)
    assert found.icc == pytest.approx((27 - 1) / (27 + 2 * 1))


def test_processes_of_unequal_size_are_weighed() -> None:
    # means 1.5 and 4, grand 3; MS between 2 * 2.25 + 3 * 1 = 7.5; within (0.5 + 2) / 3
    found = of((1.0, 2.0), (3.0, 4.0, 5.0))
    within, size = 2.5 / 3, (5 - (4 + 9) / 5) / 1
    component = (7.5 - within) / size
    assert found.in_process_sd == pytest.approx(within**0.5)
    assert found.icc == pytest.approx(component / (component + within))


def test_processes_that_agree_better_than_by_chance_share_nothing() -> None:
    assert of((1.0, 3.0), (1.0, 3.0)).icc == 0.0


def test_processes_that_differ_without_inner_spread_hold_all_of_it() -> None:
    assert of((1.0, 1.0), (2.0, 2.0)) == Spread(in_process_sd=0.0, icc=1.0)


def test_what_cannot_be_told_is_none() -> None:
    assert of((1.0, 1.0), (1.0, 1.0)) == Spread(in_process_sd=0.0, icc=None)
    assert of((1.0,), (2.0,)) == Spread()
    assert of((1.0, 2.0, 3.0)) == Spread(in_process_sd=1.0)
    old = Statistics(n=9, median=1, q1=1, q3=1, minimum=1, maximum=1, low=None, high=None)
    assert spread_of([old, old]) == Spread()


@pytest.mark.parametrize("size", [2, 7, 8])
def test_the_bootstrap_is_that_of_drawing_processes_and_then_samples(size: int) -> None:
    draw = random.Random(3)
    processes = [
        [10 + level + draw.gauss(0, 1) for _ in range(size)]
        for level in (draw.gauss(0, 0.7) for _ in range(10))
    ]
    medians = sorted(
        statistics.median(
            statistics.median(draw.choices(samples, k=size))
            for samples in draw.choices(processes, k=10)
        )
        for _ in range(5000)
    )
    found = hierarchical_bootstrap(processes)
    scale = medians[4874] - medians[124]
    assert found.low == pytest.approx(medians[124], abs=0.08 * scale)
    assert found.high == pytest.approx(medians[4874], abs=0.08 * scale)


def test_the_bootstrap_is_the_same_each_time_and_has_no_width_without_spread() -> None:
    processes = [np.random.default_rng(seed).normal(1, 0.1, 40).tolist() for seed in range(10)]
    assert hierarchical_bootstrap(processes) == hierarchical_bootstrap(processes)
    still = hierarchical_bootstrap([[2.0] * 30] * 10)
    assert (still.low, still.high) == (2.0, 2.0)


def test_samples_are_loaded_from_ten_processes_on_and_only_then() -> None:
    readings = [Reading.of("s", [1.0, 1.1, 1.2]) for _ in range(10)]
    loaded: list[Reading] = []

    def load(reading: Reading) -> tuple[float, ...]:
        loaded.append(reading)
        return reading.samples

    assert figure_of(readings[:9], load).bootstrap_low is None
    assert loaded == []
    found = figure_of(readings, load)
    assert found.bootstrap_low is not None
    assert found.bootstrap_high is not None
    assert 1.0 <= found.bootstrap_low <= 1.1 <= found.bootstrap_high <= 1.2
    assert len(loaded) == 10


def test_a_run_of_ten_processes_has_both_intervals_and_verifies(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),), preset=preset(processes=10))
    for job in folder.info.jobs():
        level = 1.0 + 0.01 * job.replicate
        samples = tuple(level + 0.0001 * step for step in range(210))
        journal.append(folder, record_of(job, samples))
    board = leaderboard_of(folder, journal.read(folder))
    figure = board.rows[0].figures["latency_warm"]
    assert figure.interval_kind == "t"
    assert figure.bootstrap_low is not None
    assert figure.bootstrap_high is not None
    assert 1.0 <= figure.bootstrap_low < figure.bootstrap_high <= 1.1
    assert figure.icc == pytest.approx(1.0, abs=0.1)

    write_leaderboard(folder.leaderboard_file, board)
    assert verify(folder.path) == []
    next(iter(folder.samples.iterdir())).unlink()
    assert any("cannot read" in told for told in verify(folder.path))


def test_an_altered_bootstrap_is_found_out(tmp_path: Path) -> None:

    folder = new_run(tmp_path / "run", (case(),), preset=preset(processes=10))
    for job in folder.info.jobs():
        journal.append(folder, record_of(job, (1.0, 1.1, 1.2, 1.3)))
    board = leaderboard_of(folder, journal.read(folder))
    (row,) = board.rows
    figure = row.figures["latency_warm"].model_copy(update={"bootstrap_low": 0.5})
    altered = row.model_copy(update={"figures": row.figures | {"latency_warm": figure}})
    write_leaderboard(folder.leaderboard_file, board.model_copy(update={"rows": (altered,)}))
    assert verify(folder.path) == ["leaderboard.json is not what the journal gives"]
