"""Children that take turns: who is awake when, and what becomes of the others if one is gone."""

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from making_runs import batch_of, case, environment, preset, run_info
from sabench.cases.plan import Batch, Job
from sabench.errors import DeviceError
from sabench.launch.events import ignore
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.one_child import Ended, Surroundings
from sabench.launch.process import ProcessLauncher
from sabench.launch.turns import Entry, in_turns
from sabench.launch.watch import Patience
from sabench.records import Record, Status

TURNS = 4
HASTE = Patience(start_s=20.0, grace_s=0.3, interrupted_grace_s=0.3)
FAULTS = Path(__file__).parents[2] / "faults"

CHILD = f"""import json, os, sys, time
sys.path.insert(0, {str(FAULTS)!r})
import stand_in
batch_file, outbox = sys.argv[1:]
batch = json.loads(open(batch_file).read())
fault = json.loads(os.environ.get("TURN_FAULT", "{{}}")).get(batch["batch_id"], "")
awake = 0.0

def sleep():
    global awake
    if awake:
        with open(outbox + ".awake", "a") as file:
            file.write(json.dumps([batch["batch_id"], awake, time.monotonic()]) + "\\n")
    stand_in.say(event="turn")
    if not os.read(0, 1):
        os._exit(1)
    awake = time.monotonic()

if fault == "dead":
    sys.exit("cannot even start")
stand_in.say(event="ready")
for job in batch["jobs"]:
    sleep()
    stand_in.say(event="start", job_id=job["job_id"])
    for turn in range(batch["turns"]):
        sleep()
        time.sleep(60 if fault == "hangs" and turn == 1 else 0.002)
        if fault == "crashes" and turn == 2:
            os.kill(os.getpid(), 9)
    stand_in.write(outbox, batch, job, "ok", [0.001] * 12)
    stand_in.say(event="end", job_id=job["job_id"], status="ok")
"""


class Game:
    """So many batches of the same jobs, played to the end."""

    def __init__(self, folder: Path, players: int, jobs: int, deadline_s: float = 30.0) -> None:
        self.folder = folder
        info = run_info(
            tuple(case(size=7 * (1 + one)) for one in range(jobs)),
            preset=preset(processes=1, deadline_s=deadline_s),
        )
        self.jobs = info.jobs()
        self.batches = [
            batch_of(self.jobs).model_copy(
                update={"batch_id": str(place), "turns": TURNS, "preset": info.preset}
            )
            for place in range(players)
        ]
        self.records: dict[str, list[Record]] = {batch.batch_id: [] for batch in self.batches}

    def play(self, stop: Interruption | None = None) -> list[Ended]:
        around = Surroundings(self.folder, HASTE, ignore, stop or Interruption(), lambda: (1, 1))
        starter = ProcessLauncher((sys.executable, "-c", CHILD))
        entries = [Entry(one, starter, self.keep(one)) for one in self.batches]
        return in_turns(entries, environment(), around)

    def keep(self, batch: Batch) -> Callable[[Job, Record], Record]:
        def finish(job: Job, record: Record) -> Record:
            self.records[batch.batch_id].append(record)
            return record

        return finish

    def awake(self) -> list[tuple[str, float, float]]:
        """(who, from, to), in order."""
        spans: list[Any] = []
        for file in self.folder.glob("*.awake"):
            spans += map(json.loads, file.read_text().splitlines())
        return sorted(map(tuple, spans), key=lambda span: span[1])


def ends(records: list[Record]) -> list[Status]:
    return [record.status for record in records]


def test_no_two_are_ever_awake_at_once(tmp_path: Path) -> None:
    game = Game(tmp_path, players=3, jobs=2)
    assert [one.left for one in game.play()] == [(), (), ()]
    spans = game.awake()
    assert len(spans) == 3 * (2 * (1 + TURNS) - 1)  # the last turn of a child ends with its exit
    assert all(first[2] <= later[1] for first, later in pairwise(spans))
    assert all(ends(one) == [Status.OK, Status.OK] for one in game.records.values())


@pytest.mark.parametrize("players", [2, 3])
def test_each_turn_comes_to_all_before_the_next_and_another_begins_it(
    tmp_path: Path, players: int
) -> None:
    game = Game(tmp_path, players, jobs=1)
    game.play()
    order = [int(who) for who, *_ in game.awake()]
    places = list(range(players))
    rounds = [places[turn % players :] + places[: turn % players] for turn in range(TURNS)]
    assert order == [place for one in rounds for place in one]


def test_no_job_begins_before_all_have_ended_the_one_before(tmp_path: Path) -> None:
    game = Game(tmp_path, players=2, jobs=3)
    game.play()
    a_job = 2 * (1 + TURNS)
    spans = game.awake()
    for start in range(0, len(spans) - a_job, a_job):
        assert sorted(who for who, *_ in spans[start : start + a_job]) == ["0"] * 5 + ["1"] * 5


def test_one_that_crashes_leaves_its_turns_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURN_FAULT", '{"0": "crashes"}')
    game = Game(tmp_path, players=2, jobs=2)
    first, second = game.play()
    assert (ends(game.records["0"]), len(first.left)) == ([Status.CRASH], 1)
    assert (ends(game.records["1"]), second.left) == ([Status.OK, Status.OK], ())


def test_one_that_does_not_start_is_left_whole_to_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURN_FAULT", '{"1": "dead"}')
    game = Game(tmp_path, players=2, jobs=1)
    first, second = game.play()
    assert (first.did_something, first.left) == (True, ())
    assert (second.did_something, len(second.left)) == (False, 1)


def test_a_deadline_is_of_the_time_awake_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hangs until its deadline ends it; the other waits so long, and is not late for it."""
    monkeypatch.setenv("TURN_FAULT", '{"0": "hangs"}')
    game = Game(tmp_path, players=2, jobs=1, deadline_s=1.5)
    game.play()
    assert ends(game.records["0"]) == [Status.TIMEOUT]
    assert ends(game.records["1"]) == [Status.OK]


def test_a_stop_ends_all_of_them_and_charges_each_job_that_ran(tmp_path: Path) -> None:
    game = Game(tmp_path, players=2, jobs=1)
    stop = Interruption()
    taken = game.keep

    def and_stop(batch: Batch) -> Callable[[Job, Record], Record]:
        def finish(job: Job, record: Record) -> Record:
            stop.requested = True
            return taken(batch)(job, record)

        return finish

    game.keep = and_stop  # type: ignore[method-assign]
    began = time.monotonic()
    with pytest.raises(Stop):
        game.play(stop)
    assert time.monotonic() - began < 20.0
    assert sorted(ends(game.records["0"]) + ends(game.records["1"])) == [
        Status.INTERRUPTED,
        Status.OK,
    ]


def test_one_that_cannot_be_started_ends_the_others(tmp_path: Path) -> None:
    game = Game(tmp_path, players=1, jobs=1)
    around = Surroundings(tmp_path, HASTE, ignore, Interruption(), lambda: (1, 1))
    (batch,) = game.batches
    there = Entry(batch, ProcessLauncher((sys.executable, "-c", CHILD)), game.keep(batch))
    absent = Entry(
        batch.model_copy(update={"batch_id": "1"}),
        ProcessLauncher((str(tmp_path / "absent"),)),
        game.keep(batch),
    )
    with pytest.raises(DeviceError, match="cannot start"):
        in_turns([there, absent], environment(), around)
    assert game.records["0"] == []
