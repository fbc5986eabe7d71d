"""Run folders: made once, opened again, written by one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from pydantic import ValidationError

from making_runs import case, environment, new_run, preset, run_info
from sabench.errors import ConfigError, ResultError
from sabench.store.run_folder import RunFolder, slug


def test_a_folder_is_named_after_suite_device_and_time(tmp_path: Path) -> None:
    folder = RunFolder.create(run_info((case(),)), root=tmp_path / "runs")
    assert folder.path.parent == tmp_path / "runs"
    assert folder.path.name.startswith("tiny-plain-9000-20")


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    made = {RunFolder.create(run_info((case(),)), root=tmp_path).path for _ in range(4)}
    assert len(made) == 4


def test_runs_started_at_once_have_folders_of_their_own(tmp_path: Path) -> None:
    start = Barrier(8)

    def make(_: int) -> Path:
        start.wait()
        return RunFolder.create(run_info((case(),)), root=tmp_path / "runs").path

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(make, range(8)))) == 8


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quick", "quick"),
        ("self_attention", "self_attention"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\nb\tc", "a-b-c"),
        ("Größe", "gr-e"),
        ("日本", "unnamed"),
        ("", "unnamed"),
        ("x" * 300, "x" * 60),
    ],
)
def test_hostile_names_become_one_safe_path_component(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_hostile_suite_stays_inside_the_root(tmp_path: Path) -> None:
    info = run_info((case(),), suite="../../" + "x\n" * 300)
    assert RunFolder.create(info, root=tmp_path / "runs").path.parent == tmp_path / "runs"


def test_several_kinds_of_device_are_counted_in_the_name(tmp_path: Path) -> None:
    devices = {name: environment(name) for name in ("one", "two", "three")}
    info = run_info((case(),), devices=tuple(devices), environments=devices)
    assert "-one-and-2-more-" in RunFolder.create(info, root=tmp_path).path.name


@pytest.mark.parametrize("name", ["new", "empty"])
def test_a_head_that_no_file_can_hold_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match=r"run\.json: cannot write: .* surrogates not allowed"):
        new_run(tmp_path / name, (case(),), title="\udcff")
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear diary")
    with pytest.raises(ConfigError, match="--resume"):
        new_run(tmp_path, (case(),))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert RunFolder.open(new_run(tmp_path, (case(),)).path).info.suite == "tiny"


def test_a_path_that_cannot_be_made_is_a_result_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be made"):
        new_run(tmp_path / "file" / "run", (case(),))


def test_a_folder_without_a_head_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not a run folder"):
        RunFolder.open(tmp_path)


def test_the_lock_is_let_go_at_the_end(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),))
    with folder.locked(), pytest.raises(ResultError, match="another sabench"), folder.locked():
        pass
    with folder.locked():
        pass


def test_cases_and_devices_are_named_once(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="named twice: conv/channels=64,size=14"):
        run_info((case(), case()))
    with pytest.raises(ValidationError, match="named twice: cpu"):
        run_info((case(),), devices=("cpu", "cpu"))
    with pytest.raises(ValidationError, match="no environment for cuda:0"):
        run_info((case(),), devices=("cuda:0",))


def test_the_same_head_plans_the_same_jobs_in_the_same_order() -> None:
    cases = tuple(case("conv", size=size) for size in range(1, 30))
    first, again = run_info(cases).jobs(), run_info(cases).jobs()
    assert first == again
    assert [job.job_id for job in run_info(cases, seed=8).jobs()] != [j.job_id for j in first]
    # computed once with hashlib over "id|device|replicate|part", apart from this package
    one = run_info((case(),), preset=preset(processes=1)).jobs()
    assert [job.job_id for job in one] == ["732737c33c83-main-0"]
