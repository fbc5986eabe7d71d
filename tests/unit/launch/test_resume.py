"""Going on with a run: only the same one."""

import json
from pathlib import Path

import pytest

from making_runs import case, environment, new_run, preset, record_of, run_info
from sabench.errors import ExitCode, ResultError
from sabench.launch.admission import Admission
from sabench.launch.resume import adopt, attempts_made, difference, resume
from sabench.measure.environment import environment as real_environment
from sabench.records import Environment, Flag, Record, Status
from sabench.seal import record_line
from sabench.store import journal
from sabench.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", (case(),))


def admission(folder: RunFolder, records: list[Record] | None = None) -> Admission:
    return Admission(folder.info.plan(), records or [])


def here(**settings: str) -> dict[str, Environment]:
    return {"cpu": environment(**settings)}


def test_the_same_surroundings_are_no_obstacle(folder: RunFolder) -> None:
    again = resume(folder.path, here(), suite_text="title: tiny\n", preset=preset())
    assert again.info == folder.info


def test_facts_may_change_where_settings_may_not(folder: RunFolder) -> None:
    told = environment().model_copy(update={"facts": {"kernel": "newer"}})
    assert resume(folder.path, {"cpu": told}).info == folder.info


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (here(torch="9.9"), "torch untold -> 9.9"),
        ({"cpu": environment("Another CPU")}, "Plain CPU 9000 -> Another CPU"),
        ({"cuda:0": environment()}, "measured on cpu, which is not there"),
    ],
)
def test_another_environment_is_refused(
    folder: RunFolder, now: dict[str, Environment], told: str
) -> None:
    with pytest.raises(ResultError, match=told) as caught:
        resume(folder.path, now)
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE


REAL = real_environment("cpu", ["sabench"])


@pytest.mark.parametrize("setting", sorted(REAL.settings))
def test_a_change_of_any_setting_is_refused_unless_it_is_allowed(
    tmp_path: Path, setting: str
) -> None:
    """Each name that a real environment's id is made of, changed alone and taken away."""
    for name, settings in (
        ("changed", REAL.settings | {setting: "something else"}),
        ("gone", {key: value for key, value in REAL.settings.items() if key != setting}),
    ):
        run = new_run(tmp_path / name, (case(),), environments={"cpu": REAL})
        now = {"cpu": REAL.model_copy(update={"settings": settings})}
        with pytest.raises(ResultError, match=f"the environment is not that .*{setting} "):
            resume(run.path, now)
        assert resume(run.path, now, allow_environment=True).info.environments == now


def test_another_environment_is_written_down_where_it_is_allowed(folder: RunFolder) -> None:
    resume(folder.path, here(torch="9.9"), allow_environment=True)
    info = RunFolder.open(folder.path).info
    assert info.environments == here(torch="9.9")
    assert info.earlier_environments == (environment(),)
    assert info.jobs() == folder.info.jobs()


def test_the_head_is_not_changed_while_another_process_writes_there(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(ResultError, match="another sabench"):
        resume(folder.path, here(torch="9.9"), allow_environment=True)
    assert RunFolder.open(folder.path).info == folder.info


def test_another_suite_or_preset_is_refused(folder: RunFolder) -> None:
    with pytest.raises(ResultError, match="suite tiny has been edited"):
        resume(folder.path, here(), suite_text="title: huge\n")
    with pytest.raises(ResultError, match="made at preset standard"):
        resume(folder.path, here(), preset=preset(budget_s=99.0))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not a run folder"):
        resume(tmp_path, here())


def test_differences_name_every_setting_that_changed() -> None:
    before, now = environment(a="1", b="2", c="3"), environment(a="1", b="9", d="4")
    assert difference(before, now) == "b 2 -> 9, c 3 -> untold, d untold -> 4"


def test_a_variable_that_is_not_set_is_absent_and_not_untold() -> None:
    now = environment(env_LD_PRELOAD="b.so")
    assert difference(environment(), now) == "env_LD_PRELOAD absent -> b.so"


def outbox_with(folder: RunFolder, *lines: str) -> None:
    (folder.outbox / "00000.jsonl").write_text("".join(f"{line}\n" for line in lines))


def test_a_record_left_in_an_outbox_is_taken_once(folder: RunFolder) -> None:
    first, second = folder.info.jobs()
    outbox_with(folder, record_line(record_of(second)))
    known = [journal.append(folder, record_of(first))]
    assert adopt(folder, known, admission(folder, known)) == [record_of(first), record_of(second)]
    assert adopt(folder, journal.read(folder), admission(folder)) == [
        record_of(first),
        record_of(second),
    ]
    assert len(journal.read(folder)) == 2


def test_lines_that_are_no_record_of_this_plan_are_passed_over(folder: RunFolder) -> None:
    first, second = folder.info.jobs()
    stray = run_info((case(size=99),)).jobs()[0]
    outbox_with(
        folder,
        "{torn",
        json.dumps(record_of(first).dump()),
        record_line(record_of(first)).replace("1.0", "0.1"),
        '{"job_id": ["a", "list"]}',
        f'{{"schema": "sabench.record", "schema_version": "9.0", "job_id": "{first.job_id}"}}',
        record_line(record_of(stray)),
        record_line(record_of(first, case_id="another")),
        record_line(record_of(second, (), Status.INTERRUPTED)),
    )
    assert adopt(folder, [], admission(folder)) == []


def test_what_only_the_parent_knew_is_told_of_an_adopted_record(tmp_path: Path) -> None:
    """Its parity job could not be done, and the parent was killed before it took the record in."""
    folder = new_run(
        tmp_path / "run",
        (case("halo", implementation="blocked"),),
        preset=preset(processes=1),
    )
    parity, job = folder.info.plan()
    known = [journal.append(folder, record_of(parity, (), Status.CRASH))]
    outbox_with(folder, record_line(record_of(job)))
    *_, adopted = adopt(folder, known, admission(folder, known))
    assert (adopted.status, adopted.flags) == (Status.OK_FLAGGED, (Flag.PARITY_UNVERIFIED,))
    assert journal.read(folder)[-1] == adopted


def test_interruptions_are_no_attempts(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    ended = (Status.INTERRUPTED, Status.CONTENDED, Status.INTERRUPTED)
    records = [record_of(job, (), status, attempt=n) for n, status in enumerate(ended, start=1)]
    assert attempts_made(records) == {job.job_id: 1}
