"""`sabench tune` as a shell runs it: what it measures is what `auto` is from then on."""

import json
from pathlib import Path

import pytest

from faking import sabench, write_script

SUITE = (
    "name: one\nmetrics: [latency_warm]\nlayers: [{layer: self_attention, size: 28, runtime: %s}]\n"
)
ONE = (
    *("--device", "cpu", "--axis", "mode=forward"),
    *("--filter", "self_attention/channels=64,size=28/*"),
)
STAYS = " stays as it was: no two were timed to choose between"


def profile(cwd: Path, *more: str, runtime: str = "eager", **script):
    (cwd / "one.yaml").write_text(SUITE % runtime)
    return sabench("profile", *more, "--no-lock", cwd=cwd, **script)


def planned(cwd: Path) -> str:
    """The id that a suite's attention layer has now."""
    done = profile(cwd, "--suite", "one.yaml", "--device", "cpu", "--dry-run")
    return next(line for line in done.stdout.splitlines() if line.startswith("self_attention/"))


def choose(cwd: Path, implementation: str) -> None:
    """Let a layer's `auto` be that, as a file of choices says it."""
    (path,) = (one for one in (cwd / "state").glob("*.json") if "." not in one.stem)
    device = json.loads(path.read_text())["device"]
    chosen = {"self_attention, fp32, forward": {"implementation": implementation, "torch": "1"}}
    item = {"schema": "sabench.choices", "device": device, "choices": chosen}
    path.with_name(f"{path.stem}.choices.json").write_text(json.dumps(item))


@pytest.mark.serial  # beside other work no case has a rank to choose by
def test_auto_is_the_fastest_that_was_measured_here(tmp_path: Path) -> None:
    """Where the machine is not quiet, nothing may be chosen, and the exit code says so."""
    profile(tmp_path, "--suite", "one.yaml", "--device", "cpu", "--set", "budget_s=0.1")
    choose(tmp_path, "reference")
    before, words = planned(tmp_path), (*ONE, "--axis", "implementation=chunked,reference")
    done = sabench("tune", *words, "--json", cwd=tmp_path)
    (told,) = json.loads(done.stdout)["choices"]
    assert told["setting"] == "self_attention, fp32, forward, 28 px"
    assert ".reference." in before
    if told["open"]:
        assert done.returncode == 4, done.stderr
        assert not told["is_kept"]
        assert "reference, as before: disturbed: " in done.stderr
        assert planned(tmp_path) == before
        return
    assert done.returncode == 0, done.stderr
    found = (told["before"], told["implementation"], told["is_kept"])
    assert found == ("reference", "chunked", True)
    assert list(told["times_its_time"]) == ["reference"]
    assert ".chunked." in planned(tmp_path)


def test_made_up_figures_choose_nothing(tmp_path: Path) -> None:
    before, script = planned(tmp_path), write_script(tmp_path / "script.json", {"seconds": 1e-3})
    words = (*ONE, "--axis", "runtime=fake", "--no-lock")
    done = sabench("tune", *words, cwd=tmp_path, **script)
    assert done.returncode == 4, done.stderr
    assert STAYS in " ".join(done.stdout.split())
    assert planned(tmp_path) == before


def test_only_a_run_of_tune_is_resumed(tmp_path: Path) -> None:
    script = write_script(tmp_path / "script.json", {"seconds": 1e-3})
    profile(
        tmp_path, "--suite", "one.yaml", "--device", "cpu", "--out", "run", runtime="fake", **script
    )
    done = sabench("tune", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 3
    told = "run: is a run of suite one, not of tune: sabench profile --resume run"
    assert told in " ".join(done.stderr.split())


def test_a_record_says_why_and_a_resumed_run_keeps_to_its_choice(tmp_path: Path) -> None:
    script = write_script(tmp_path / "script.json", {"seconds": 1e-3})
    words = ("--suite", "one.yaml", "--device", "cpu", "--out", "run")
    assert profile(tmp_path, *words, runtime="fake", **script).returncode == 0
    before = (tmp_path / "run" / "journal.jsonl").read_text()
    choose(tmp_path, "chunked")
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text("")
    done = sabench("profile", "--resume", "run", "--no-lock", cwd=tmp_path, **script)
    assert done.returncode == 0, done.stderr
    for text in (before, journal.read_text()):
        *_, record = map(json.loads, text.splitlines())
        assert ".blocked." in record["case_id"]
        assert record["details"]["auto"].startswith("self_attention, fp32, forward, 28 px: no ")
    done = sabench("profile", *words[:-1], "new", "--no-lock", cwd=tmp_path, **script)
    assert done.returncode == 0, done.stderr
    *_, last = map(json.loads, (tmp_path / "new" / "journal.jsonl").read_text().splitlines())
    assert ".chunked." in last["case_id"]
    assert last["details"]["auto"].startswith("self_attention, fp32, forward: the fastest on ")
