"""What is kept, and the reason why anything else is not."""

from pathlib import Path
from typing import Any

import pytest

from making_runs import case, environment, new_run, preset, record_of
from sabench.catalog.presets import PRESETS
from sabench.errors import ConfigError, ResultError, SabenchError
from sabench.measure.environment import as_found
from sabench.records import Environment, Flag, Status
from sabench.store import journal
from sabench.store.accept import accept, refusal
from sabench.store.leaderboard import read_leaderboard
from sabench.store.run_folder import RunFolder

ACCEPTED = {Status.OK, Status.OK_FLAGGED, Status.OOM, Status.UNSUPPORTED, Status.SKIPPED}

RESULTS = Path(__file__).parents[3] / "results"
SHIPPED = [path for path in sorted(RESULTS.glob("*/*.json")) if not path.stem.endswith("-ranks")]


def run(path: Path, second: Status = Status.OK, **info: Any) -> RunFolder:
    """A finished run of two cases, the second of which ends so."""
    folder = new_run(path, (case("conv"), case("halo")), **info)
    for job in folder.info.jobs():
        status = second if job.case.subject == "halo" else Status.OK
        fields = {"environment": folder.info.environments[job.device].id, "device": job.device}
        journal.append(folder, record_of(job, (1.0,) * 210, status, **fields))
    return folder


def with_facts(**facts: str) -> dict[str, Environment]:
    plain = environment()
    return {"cpu": plain.model_copy(update={"facts": plain.facts | facts})}


def test_an_honest_run_is_kept_under_its_device_and_suite(tmp_path: Path) -> None:
    path = accept(run(tmp_path / "run").path, tmp_path / "results")
    assert path == tmp_path / "results" / "plain-9000" / "tiny.json"
    assert [row.rank for row in read_leaderboard(path).rows] == [1, 1]


@pytest.mark.parametrize("status", list(Status))
def test_what_a_device_cannot_do_is_kept_and_what_went_wrong_is_not(
    tmp_path: Path, status: Status
) -> None:
    folder = run(tmp_path / "run", status)
    if status in ACCEPTED:
        assert accept(folder.path, tmp_path / "results").exists()
    else:
        with pytest.raises(ResultError, match="not accepted"):
            accept(folder.path, tmp_path / "results")
        assert not (tmp_path / "results").exists()


def refused(folder: RunFolder, results: Path) -> SabenchError:
    with pytest.raises(SabenchError) as caught:
        accept(folder.path, results)
    assert not results.exists()
    return caught.value


@pytest.mark.parametrize("flag", list(Flag))
def test_figures_of_an_unproved_implementation_a_dirty_or_a_busy_device_are_refused(
    tmp_path: Path, flag: Flag
) -> None:
    folder = new_run(tmp_path / "run", (case("conv"),))
    for job in folder.info.jobs():
        fields = {"environment": folder.info.environments["cpu"].id, "flags": (flag,)}
        journal.append(folder, record_of(job, (1.0,) * 210, Status.OK_FLAGGED, **fields))
    if flag in (Flag.PARITY_UNVERIFIED, Flag.DEVICE_DIRTY, Flag.HOST_NOISY):
        assert "measure again" in str(refused(folder, tmp_path / "results"))
    else:
        assert accept(folder.path, tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [("quick", "preset quick is for a look"), ("gate", "preset gate is for comparing in one go")],
)
def test_a_preset_that_is_for_no_leaderboard_is_refused_as_a_matter_of_usage(
    tmp_path: Path, name: str, told: str
) -> None:
    error = refused(run(tmp_path / "run", preset=PRESETS[name]), tmp_path / "results")
    assert isinstance(error, ConfigError)
    assert told in str(error)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"sabench_dirty": "true"}, "uncommitted changes"),
        ({"sabench_dirty": "unknown (git failed)"}, "uncommitted changes"),
        ({"sabench_commit": "unknown (not a git checkout)"}, "not a git checkout"),
        ({"sabench_commit": ""}, "commit of sabench"),
    ],
)
def test_code_that_cannot_be_found_again_is_refused(
    tmp_path: Path, facts: dict[str, str], told: str
) -> None:
    folder = run(tmp_path / "run", environments=with_facts(**facts))
    assert told in str(refused(folder, tmp_path / "results"))


def test_a_run_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    lines = folder.journal_file.read_bytes().splitlines(keepends=True)
    folder.journal_file.write_bytes(b"".join(lines[:-1]))
    assert "incomplete, 1 of 2 cases left" in str(refused(folder, tmp_path / "results"))


def test_a_mixture_of_environments_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    now = {"cpu": environment(torch="9.9")}
    folder.replace_info(folder.info.model_copy(update={"environments": now}))
    assert "several environments" in str(refused(folder, tmp_path / "results"))


def test_samples_that_were_changed_are_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    first = min(folder.samples.iterdir())
    first.write_text(first.read_text().replace("1.0", "0.5", 1))
    assert "not those that were measured" in str(refused(folder, tmp_path / "results"))


def test_a_run_of_several_devices_is_refused(tmp_path: Path) -> None:
    two = {"cpu": environment(), "cuda:0": environment("A card")}
    folder = run(tmp_path / "run", devices=tuple(two), environments=two, preset=preset())
    assert "several devices" in str(refused(folder, tmp_path / "results"))


def test_a_run_without_processes_of_its_own_is_refused_as_a_matter_of_usage(
    tmp_path: Path,
) -> None:
    folder = run(tmp_path / "run", environments={"cpu": as_found(environment())})
    error = refused(folder, tmp_path / "results")
    assert isinstance(error, ConfigError)
    assert "inline is for debugging" in str(error)


def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(ResultError, match="cannot be made"):
        accept(run(tmp_path / "run").path, tmp_path / "results")


def test_a_preset_that_was_altered_is_not_kept(tmp_path: Path) -> None:
    altered = preset().alter({"half_width": "0.02"})
    with pytest.raises(ConfigError, match=r"standard\+half_width=0.02 .* without --set"):
        accept(run(tmp_path / "run", preset=altered).path, tmp_path / "results")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_shipped_would_be_accepted_again(path: Path) -> None:
    assert refusal(read_leaderboard(path)) == ""
