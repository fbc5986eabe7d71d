"""Every shipped suite parses, expands to its golden file, and fits its promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faking import plant
from sabench.cases.expand import Expansion, expand
from sabench.cases.suite import load_suite, suite_names
from sabench.catalog.metrics import METRICS
from sabench.launch.inline import InlineLauncher
from sabench.launch.request import Request, plan_run, start_run
from sabench.launch.sweep import sweep
from sabench.papers.rows import load_paper, resolution_of, stated_options
from sabench.records import Status
from sabench.report.markdown import leaderboard_csv
from sabench.store.leaderboard import make_leaderboard
from slowness import mostly_slow

ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted(path.stem for path in (ROOT / "suites").glob("*.yaml"))
RUN_WHOLE = ("quick", "conv", "halo", "batch", "ci", "proxies_networks", "halonet_paper")
"""With every commit, the others with `make test-all`."""
SWEEPS = ("conv", "self_attention", "augmented", "halo", "networks")

each_suite = pytest.mark.parametrize("name", SHIPPED)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def listing(expansion: Expansion) -> str:
    """One line a case and a dropped combination, as a golden file holds them."""
    lines = []
    for case in expansion.cases:
        window = "" if case.window is None else f"  window={case.window}"
        lines.append(f"{case.case_id}{window}\n")
    lines += [f"dropped {one.description}: {one.reason}\n" for one in expansion.dropped]
    return "".join(lines)


def test_the_promised_suites_are_there():
    assert set(SHIPPED) == {
        *(
            "quick",
            "conv",
            "self_attention",
            "augmented",
            "halo",
            "networks",
            "gate",
            "one_thread",
            "two_threads",
        ),
        *("windows", "resolution", "batch", "ci", "peers", "tune", "kernels", "steps", "plain"),
        *("sasa_paper", "aacn_paper", "halonet_paper"),
        *("proxies", "proxies_networks", "tasks", "permuted", "local_family"),
    }
    assert set(SHIPPED) <= set(suite_names())


@each_suite
def test_a_suite_expands_to_its_golden_file(name, golden):
    suite = load_suite(name)
    trainings = listing(expand(suite, recipe=suite.recipe)) if suite.recipe else ""
    golden(f"suites/{name}.txt", listing(expand(suite)) + trainings)


@pytest.mark.slow
def test_every_suite_expands_to_the_same_bytes_in_another_process():
    script = (
        "import json, sys; from sabench.cases.suite import load_suite; "
        "from sabench.cases.expand import expand; "
        "ids = {n: [c.case_id for c in expand(load_suite(n)).cases] for n in sys.argv[1:]}; "
        "print(json.dumps(ids))"
    )
    here = {name: [c.case_id for c in expand(load_suite(name)).cases] for name in SHIPPED}
    done = subprocess.run(
        [sys.executable, "-c", script, *SHIPPED],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert json.loads(done.stdout) == here


@each_suite
def test_a_suite_carries_the_name_of_its_file_and_a_title(name):
    suite = load_suite(name)
    assert suite.name == name
    assert 0 < len(suite.title) <= 80


@each_suite
def test_every_id_of_a_suite_is_there_once(name):
    ids = [case.case_id for case in expand(load_suite(name)).cases]
    assert len(ids) == len(set(ids))


@each_suite
def test_no_suite_leaves_auto_unresolved(name):
    assert all(case.implementation != "auto" for case in expand(load_suite(name)).cases)


@each_suite
def test_a_suite_measures_known_metrics_and_ranks_by_one_of_them(name):
    suite = load_suite(name)
    assert set(suite.metrics) <= set(METRICS)
    assert suite.rank_by in suite.metrics


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_of_one_kind_has_at_most_24_cases(name):
    assert 1 <= len(expand(load_suite(name)).cases) <= 24


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "networks"])
def test_every_group_of_layers_has_its_3x3_convolution(name):
    cases = [case for case in expand(load_suite(name)).cases if case.kind == "layer"]
    with_convolution = {case.group for case in cases if case.is_reference_convolution}
    assert {case.group for case in cases} == with_convolution


def test_quick_is_four_layers_at_64_channels_on_two_maps():
    cases = expand(load_suite("quick")).cases
    assert [(case.subject, case.size) for case in cases] == [
        (layer, size)
        for layer in ("conv", "self_attention", "augmented", "halo")
        for size in (56, 14)
    ]
    assert {(case.channels, case.batch, case.dtype, case.mode) for case in cases} == {
        (64, 1, "fp32", "forward")
    }


def test_windows_lists_every_case_under_its_receptive_field():
    cases = expand(load_suite("windows")).cases
    assert {case.size for case in cases} == {14, 28, 56, 112}
    by_layer = {
        layer: {case.window for case in cases if case.subject == layer}
        for layer in ("conv", "self_attention", "augmented", "halo")
    }
    assert by_layer["conv"] == {3, 5, 7, 9, 11, 13, 15}
    assert by_layer["self_attention"] == {3, 5, 7, 9, 11, 13, 15}
    assert by_layer["augmented"] == {"all"}
    assert by_layer["halo"] == {7, 9, 11, 13, 15}  # block 7 + 2 halo


def test_batch_sweeps_batch_sizes_and_ranks_by_throughput():
    suite = load_suite("batch")
    assert suite.rank_by == "throughput"
    assert len({case.batch for case in expand(suite).cases}) >= 4


def test_those_that_run_whole_with_every_commit_are_there():
    assert set(RUN_WHOLE) <= set(SHIPPED)


def test_ci_is_three_cases():
    assert len(expand(load_suite("ci")).cases) == 3


@pytest.mark.parametrize("name", mostly_slow(SHIPPED, RUN_WHOLE.__contains__))
def test_a_suite_runs_whole_under_the_fake_runtime(name, tmp_path, monkeypatch):
    """One record a job, and a table with a rank for every case that the device can do."""
    plant(monkeypatch, tmp_path, {"seconds_per_mac": 1e-12})
    request = Request(suite=name, device="cpu", seed=1, axes={"runtime": ("fake",)})
    run = start_run(request, plan_run(request), tmp_path / "run")
    records = sweep(run, InlineLauncher())
    assert [record.job_id for record in records] == [job.job_id for job in run.info.jobs()]
    assert {record.status for record in records} <= {Status.OK, Status.OK_FLAGGED}
    board = make_leaderboard(run.info, records)
    assert board.is_complete
    assert all(row.rank and row.figures[board.rank_by].median for row in board.rows)
    table = leaderboard_csv(board).splitlines()
    assert len(table) == 1 + len(run.info.cases)


PAPERS = {"sasa": "sasa_paper", "aacn": "aacn_paper", "halonet": "halonet_paper"}


@pytest.mark.parametrize(("paper", "name"), PAPERS.items())
def test_a_papers_suite_measures_every_classifier_that_the_paper_prints_flops_of(paper, name):
    suite = load_suite(name)
    assert suite.published == paper
    measured = {
        (case.subject, case.resolution, *sorted(case.options.items()))
        for case in expand(suite).cases
    }
    printed = {
        (row.network, resolution_of(row), *sorted(stated_options(row).items()))
        for row in load_paper(paper).rows
        if row.flops_b and row.network and "retinanet" not in row.network
    }
    assert printed
    assert printed <= measured
