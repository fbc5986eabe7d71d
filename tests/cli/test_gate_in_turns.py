"""`sabench gate` on sides that take turns: who is measured how, and that no record is lost."""

import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from checkouts import CONV, HALO, command, gate, pretend, surroundings
from sabench.compare.gate.folder import read_gate
from sabench.compare.gate.result import GateResult, Outcome
from sabench.compare.pair import Verdict
from sabench.records import Record, Status
from sabench.store import journal


def records_of(folder: Path) -> list[Record]:
    """What the journal has of the blocks."""
    out = folder / "out"

    class Kept:
        journal_file, samples = out / "journal.jsonl", out / "samples"

    return [one for one in journal.read(Kept()) if "latency_warm" in one.readings or one.message]


def places(records: list[Record]) -> Counter[tuple[str, str, int]]:
    return Counter((one.case_id, one.side, one.replicate) for one in records)


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", turns=1)
    return tmp_path


def test_sides_that_take_turns_have_each_record_once(sides: Path) -> None:
    done = gate(sides)
    assert done.returncode == 0, done.stderr
    assert "in turns, slice by slice" in " ".join(done.stdout.split())
    result = read_gate(sides / "out")
    assert result.in_turns
    assert [one.verdict for one in result.cases] == [Verdict.SAME, Verdict.SAME]
    found = places(records_of(sides))
    assert set(found.values()) == {1}
    expected = 2 * (4 * 3 + 4 * 2)  # cases x (four blocks of three sides, four of two)
    assert len(found) == expected
    told = [one.readings["latency_warm"].details.get("turns") for one in records_of(sides)]
    assert all(isinstance(turns, list) and len(turns) == 36 for turns in told)


@pytest.mark.slow
def test_a_slower_case_is_red_in_turns_too(tmp_path: Path) -> None:
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", {CONV: {}, HALO: {"candidate": 1.1}}, turns=1)
    assert gate(tmp_path).returncode == 1
    result = read_gate(tmp_path / "out")
    (red,) = result.with_verdict(Verdict.REGRESSED)
    assert red.case_id == HALO
    assert red.confirm is not None
    assert red.confirm.ratio == pytest.approx(1.1, rel=0.01)


@pytest.mark.parametrize("version", [0, 2], ids=["none", "another"])
@pytest.mark.slow
def test_a_side_that_takes_no_turns_of_ours_is_measured_after_the_other_and_told(
    tmp_path: Path, version: int
) -> None:
    pretend(tmp_path / "base", turns=version)
    pretend(tmp_path / "candidate", turns=1)
    done = gate(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "base: its sabench takes no turns: measured one after the other" in done.stderr
    assert not read_gate(tmp_path / "out").in_turns


@pytest.mark.slow
def test_what_a_dead_process_left_is_measured_again_on_all_sides_alike(tmp_path: Path) -> None:
    """The candidate dies of one case: that one is lost, and the other has its verdict."""
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", {CONV: {}, HALO: {"dies_in_turns": ["candidate"]}}, turns=1)
    assert gate(tmp_path).returncode == 6
    result = read_gate(tmp_path / "out")
    conv, halo = result.cases
    assert (conv.verdict, halo.status) == (Verdict.SAME, Status.ERROR)
    kept = [one for one in records_of(tmp_path) if one.case_id == CONV]
    again = {one.replicate for one in kept if one.attempt == 2}
    assert again == {0}  # by its seed that case stands first in the first block, and in no other
    for block in again:
        sides = Counter(one.side for one in kept if one.replicate == block and one.attempt == 2)
        assert sides["candidate"] == sides["base"] == 1


@pytest.mark.slow
def test_what_found_no_memory_beside_the_others_is_measured_alone(tmp_path: Path) -> None:
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", {CONV: {"oom_in_turns": ["candidate"]}, HALO: {}}, turns=1)
    done = gate(tmp_path)
    assert done.returncode == 0, done.stdout
    result = read_gate(tmp_path / "out")
    assert [one.verdict for one in result.cases] == [Verdict.SAME, Verdict.SAME]
    counted = [one for one in records_of(tmp_path) if one.case_id == CONV and one.attempt == 2]
    assert {one.side for one in counted} == {"base", "candidate", "null"}
    assert {one.status for one in counted} == {Status.OK}


def interrupted_in_block(folder: Path, number: int) -> GateResult:
    """What a gate keeps that gets Ctrl-C one second into this block of its screen."""
    process = subprocess.Popen(
        command(folder, "--base", "base", "--candidate", "candidate"),
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"screen, block {number} "):
            break
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    return read_gate(folder / "out")


@pytest.mark.slow
def test_ctrl_c_in_a_turn_keeps_what_was_measured(tmp_path: Path) -> None:
    slow = {CONV: {"takes_s": 0.5}, HALO: {"takes_s": 0.5}}
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", slow, turns=1)
    assert interrupted_in_block(tmp_path, 2).outcome is Outcome.INTERRUPTED
    assert set(places(records_of(tmp_path)).values()) == {1}


@pytest.mark.slow
def test_ctrl_c_does_not_bring_back_what_was_made_up_for(tmp_path: Path) -> None:
    """Beside the others it found no memory, alone it did: a stopped gate has not lost that case."""
    slow = {CONV: {"takes_s": 0.5, "oom_in_turns": ["candidate"]}, HALO: {"takes_s": 0.5}}
    pretend(tmp_path / "base", turns=1)
    pretend(tmp_path / "candidate", slow, turns=1)
    conv, _ = interrupted_in_block(tmp_path, 3).cases
    assert conv.status is Status.INTERRUPTED
    assert conv.screen is not None
    assert conv.screen.blocks == 2
