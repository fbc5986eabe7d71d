"""The contract of a child process, through real processes."""

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from making_runs import batch_of, record_of
from sabench import jsonl
from sabench.cases.case import Case
from sabench.cases.plan import Batch, make_jobs
from sabench.catalog.presets import PRESETS, find_preset
from sabench.measure import child as children
from sabench.measure.child import FRESH_PROCESS
from sabench.measure.core_speed import SEEK_S, CoreSpeed
from sabench.measure.environment import child_variables
from sabench.measure.termination import Termination
from sabench.measure.turns import Alone
from sabench.records import SHOWN, Flag, Record, Status
from sabench.store.schema import parse_left
from slowness import mostly_slow

STRANGERS = Path(__file__).parents[2] / "fixtures" / "layers" / "strangers.py"
TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.01, "warmup_max_s": 0.05, "budget_s": 0.05, "samples_max": 20}
    | {"memory_apart": True}
)
GIB = 1024**3


@dataclass
class Child:
    """A started child and what it is to leave."""

    process: subprocess.Popen[str]
    outbox: Path
    batch: Batch

    def finish(self) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, events, stderr."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err

    def records(self) -> list[Record]:
        """What lies in the outbox."""
        if not self.outbox.exists():
            return []
        return [parse_left(line, "outbox") for line in jsonl.read_lines(self.outbox)]


def stranger(name: str, **axes: Any) -> Case:
    """A case of a layer in the fixture file."""
    return Case(
        kind="layer", subject=name.lower(), channels=4, size=6, file=f"{STRANGERS}:{name}", **axes
    )


def start(
    folder: Path,
    *cases: Case,
    metrics: tuple[str, ...] = ("latency_warm",),
    turns: int = 0,
    core_best: float = 0.0,
) -> Child:
    """A child with one job for each case, in this order."""
    jobs = {job.case.case_id: job for job in make_jobs(cases, ["cpu"], metrics, TINY, seed=1)}
    core = max(os.sched_getaffinity(0))
    batch = Batch(
        batch_id="b",
        suite="s",
        preset=TINY,
        environment="e1",
        device="cpu",
        threads=1,
        cores=(core,),
        memory_limit=16 * GIB,
        turns=turns,
        core_best=core_best,
        jobs=tuple(jobs[case.case_id] for case in cases),
    )
    batch_file, outbox = folder / "batch.json", folder / "outbox.jsonl"
    batch_file.write_text(batch.model_dump_json(by_alias=True))
    process = subprocess.Popen(
        [sys.executable, "-m", "sabench.measure.child", str(batch_file), str(outbox)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | child_variables("cpu", 1),
    )
    return Child(process, outbox, batch)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Child, int, list[Any], str]:
    """One child with a well-behaved layer between badly behaved ones."""
    names = ("Prints", "Raises", "LeavesPolitely", "NotFinite", "ReturnsPair", "TooManyArguments")
    cases = [stranger(name) for name in names]
    cases += [stranger("Missing"), stranger("Doubling", stride=2), stranger("Doubling")]
    cases += [stranger("Doubling", dtype="tf32"), stranger("Strided", options={"window": 1})]
    child = start(tmp_path_factory.mktemp("child"), *cases)
    return child, *child.finish()


def test_every_job_has_a_record_in_order_and_the_exit_code_is_zero(finished) -> None:
    child, code, _, _ = finished
    assert code == 0
    jobs = [job.job_id for job in child.batch.jobs]
    assert [record.job_id for record in child.records()] == jobs
    assert {record.environment for record in child.records()} == {"e1"}


def test_a_record_names_the_core_that_its_process_was_pinned_to(finished) -> None:
    child, _, _, _ = finished
    told = [record.details["cores"] for record in child.records() if record.status in SHOWN]
    assert told
    assert all(cores == [*child.batch.cores] for cores in told)


def test_a_record_tells_the_best_that_was_seen_of_its_core(finished) -> None:
    child, _, _, _ = finished
    told = [r.details["core_best"] for r in child.records() if r.status in SHOWN]
    assert told
    assert all(0.1 < best < 10.0 for best in told)


@pytest.mark.serial  # a block beside other work is rejected for that, whatever its core's speed
def test_a_core_that_is_slower_than_it_was_known_to_be_spoils_the_figure(tmp_path: Path) -> None:
    """Planted: the batch claims products that take a thousandth of a division."""
    child = start(tmp_path, stranger("Doubling"), core_best=1e-3)
    assert child.finish()[0] == 0
    (record,) = child.records()
    assert record.status is Status.CONTENDED
    assert record.details["core_best"] > 0.1  # what it saw itself
    told = record.readings["latency_warm"].details
    assert told["rejected"] == told["blocks"] > 0
    assert told["slowed"] > 0  # those in which we waited for the core count as that


def test_events_come_in_order_and_a_strangers_print_is_none_of_them(finished) -> None:
    child, _, events, err = finished
    words = [(event["event"], event.get("job_id")) for event in events]
    expected = [("ready", None)]
    for job in child.batch.jobs:
        expected += [("start", job.job_id), ("end", job.job_id)]
    assert [word for word in words if word[0] != "figure"] == expected
    assert "forged" in err


def test_each_bad_layer_has_its_status_and_one_line(finished) -> None:
    child, _, _, _ = finished
    found = {record.case_id: record for record in child.records()}

    def of(name: str, **axes: Any) -> Record:
        return found[stranger(name, **axes).case_id]

    assert (of("Raises").status, of("Raises").message) == (
        Status.ERROR,
        "ValueError: the first line and the second",
    )
    assert of("Raises").details["error"] == "ValueError"
    assert "strangers.py" in "".join(map(str, of("Raises").details["traceback"]))
    assert of("LeavesPolitely").status is Status.ERROR
    assert of("NotFinite").status is Status.NONFINITE
    assert (of("ReturnsPair").status, of("ReturnsPair").message) == (
        Status.ERROR,
        "TypeError: the module returns a tuple, not a tensor",
    )
    assert "mystery" in of("TooManyArguments").message
    assert of("Missing").message.endswith("has no class 'Missing'; write path/to/file.py:Class")
    assert "takes no stride" in of("Doubling", stride=2).message
    assert of("Doubling", stride=2).status is Status.UNSUPPORTED
    assert of("Doubling", dtype="tf32").status is Status.UNSUPPORTED
    for record in found.values():
        assert "\n" not in record.message


def test_good_layers_are_measured_beside_bad_ones(finished) -> None:
    child, _, _, _ = finished
    measured = {Status.OK, Status.OK_FLAGGED, Status.CONTENDED}  # the machine may be busy
    for record in child.records():
        if record.status in measured:
            latency = record.readings["latency_warm"]
            assert latency.statistics is not None
            assert latency.statistics.n >= 10
    names = [r.case_id.split("/")[0] for r in child.records() if r.status in measured]
    assert names == ["prints", "doubling", "strided"]


def test_out_of_memory_is_a_record_with_bytes_and_ends_the_process(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("TenTerabytes"), stranger("Doubling"))
    code, events, _ = child.finish()
    (record,) = child.records()
    assert code == FRESH_PROCESS
    assert events[-1]["status"] == record.status.value == "oom"
    assert record.details["requested_bytes"] == 10 * 1024**4
    assert record.message.startswith("out of memory: asked for 10.0 TiB")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak stands")
@pytest.mark.parametrize("name", mostly_slow(["Allocates", "NeverFitsAgain"], "Allocates".__eq__))
def test_growth_is_what_a_call_takes_not_what_building_or_another_call_took(
    name: str, tmp_path: Path
) -> None:
    """Turned red by two calls without giving back between them: the second makes it 131 MiB."""
    child = start(tmp_path, stranger(name), metrics=("peak_rss_growth",))
    code, _, err = child.finish()
    (record,) = child.records()
    assert code == 0, err
    mib = (record.readings["peak_rss_growth"].median or 0) / 2**20
    assert 64 <= mib <= 64 + 16  # and the code that a first call brings in


def test_a_layer_that_ends_the_process_leaves_no_record(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Vanishes"), stranger("Doubling"))
    code, events, _ = child.finish()
    assert (code, events[-1]["event"], child.records()) == (0, "start", [])


def test_sigterm_marks_the_running_job_interrupted(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Sleeps"), stranger("Doubling"))
    _wait_for(child, "start")
    child.process.send_signal(signal.SIGTERM)
    code, events, _ = child.finish()
    (record,) = child.records()
    assert code == 130
    assert events[-1]["status"] == record.status.value == "interrupted"


def test_a_child_in_turns_sleeps_until_it_is_woken_and_tells_each_turn(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Doubling"), stranger("Raises"), turns=3)
    words = [_wait_for(child, "turn")]
    for _ in range(4):  # one to warm up in, and one for each slice
        _wake(child)
        words.append([one for one in _wait_for(child, "turn") if one != "figure"])
    _wake(child)
    code, events, _ = child.finish()
    assert words == [["ready", "turn"], ["start", "turn"], ["turn"], ["turn"], ["end", "turn"]]
    assert (code, [event["event"] for event in events]) == (0, ["start", "end"])
    doubled, raised = child.records()
    assert doubled.status in SHOWN  # three slices: noise may flag them, contend or not
    assert raised.status is Status.ERROR
    assert len(doubled.readings["latency_warm"].details["turns"]) == 3


def test_a_sleeping_child_ends_at_sigterm_and_its_job_is_interrupted(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Doubling"), turns=3)
    _wait_for(child, "turn")
    _wake(child)
    _wait_for(child, "turn")
    child.process.send_signal(signal.SIGTERM)
    code, _, _ = child.finish()
    assert code == 130
    assert [record.status for record in child.records()] == [Status.INTERRUPTED]


def test_a_record_lies_in_the_outbox_before_its_end_is_told(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Raises"), stranger("Sleeps"))
    _wait_for(child, "end")
    assert [record.status for record in child.records()] == [Status.ERROR]
    child.process.kill()
    child.finish()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.slow
def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    child = start(tmp_path, stranger("Sleeps"))
    command = child.process.args
    child.process.kill()
    child.finish()
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen({command!r}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "p.stdout.readline(); p.stdout.readline()\n"
        "print(p.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    descriptor = os.pidfd_open(orphan)
    parent.kill()
    parent.communicate()
    readable, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    assert readable, "the child outlived its parent by ten seconds"


def test_a_batch_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "batch.json").write_text("{}")
    command = [sys.executable, "-m", "sabench.measure.child", str(tmp_path / "batch.json"), "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be read" in done.stderr


def _wake(child: Child) -> None:
    """Give it a turn."""
    assert child.process.stdin is not None
    child.process.stdin.write("\n")
    child.process.stdin.flush()


def _wait_for(child: Child, word: str) -> list[str]:
    """Until the child says this word; the words up to it."""
    assert child.process.stdout is not None
    heard = []
    for line in child.process.stdout:
        heard.append(json.loads(line)["event"])
        if heard[-1] == word:
            return heard


@pytest.mark.parametrize(
    ("turns", "order"),
    [(0, "pin, torch, run_job, warm_process"), (3, "torch, pin, run_job, warm_process")],
)
def test_a_child_in_turns_imports_on_every_core_and_warms_up_on_its_own(
    monkeypatch: pytest.MonkeyPatch, turns: int, order: str
) -> None:
    """What starts threads or worker processes meanwhile keeps to the cores it will run on."""
    done: list[str] = []
    monkeypatch.setattr(children, "_pin", lambda _: done.append("pin") or ())
    monkeypatch.setattr(children, "import_module", done.append)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda _: None)

    def load(target: str) -> Any:
        done.append(target.rpartition(":")[2])
        return lambda _: None

    monkeypatch.setattr(children, "load_target", load)
    batch = batch_of(make_jobs([stranger("Doubling")], ["cpu"], (), TINY, seed=1), preset=TINY)
    children._start(batch.model_copy(update={"turns": turns}))
    assert ", ".join(done) == order


@pytest.mark.parametrize(
    ("changes", "learnt", "sought"),
    [
        ({}, [0], [SEEK_S]),
        ({"core_best": 1.5}, [1.5], []),
        ({"preset": PRESETS["gate"]}, [], []),
        ({"device": "cuda:0"}, [], []),
        ({"flags": (Flag.NOT_PINNED,)}, [], []),
    ],
)
def test_a_child_that_is_not_told_what_its_core_can_do_looks_for_itself(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], learnt: list[int], sought: list[float]
) -> None:
    done: dict[str, list[Any]] = {"attend": [], "learn": [], "seek": []}
    speed = CoreSpeed()
    monkeypatch.setattr(speed, "attend", done["attend"].append)
    monkeypatch.setattr(speed, "learn", done["learn"].append)
    monkeypatch.setattr(speed, "seek", lambda: done["seek"].append(SEEK_S))
    monkeypatch.setattr(children, "speed_of_this_process", lambda: speed)
    monkeypatch.setattr(children, "load_target", lambda _: lambda _: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda _: None)
    batch = batch_of(make_jobs([stranger("Doubling")], ["cpu"], (), TINY, seed=1), preset=TINY)
    flags = changes.pop("flags", ())
    children._ready_torch(batch.model_copy(update={"cores": (0, 1), **changes}), flags)
    assert (done["learn"], done["seek"]) == (learnt, sought)
    assert done["attend"] == [(0, 1)] * len(learnt)  # of several threads every core


def test_a_record_that_no_line_can_hold_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job, *_) = make_jobs([stranger("Doubling")], ["cpu"], (), TINY, seed=1)
    odd = record_of(job).model_copy(update={"details": {"\udcff": 1}})
    monkeypatch.setattr(children, "load_target", lambda _: lambda *_: (odd, False))
    outbox, (_, write_end) = tmp_path / "outbox.jsonl", os.pipe()
    announcer, batch = children.Announcer(write_end), batch_of([job], preset=TINY)
    assert not children._run(job, batch, outbox, (), announcer, Termination(), Alone())
    (line,) = jsonl.read_lines(outbox)
    record = parse_left(line, "outbox")
    assert (record.status, record.readings) == (Status.ERROR, {})
    assert "its record cannot be written" in record.message
