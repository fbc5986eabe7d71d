"""`sabench explain` as a shell runs it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from faking import sabench
from sabench import cli
from sabench.launch import explain as launching
from sabench.records import Record, Status

HALO = ("halo", "channels=16", "size=8", "block=4", "halo=1", "heads=2")


def assert_code(done: subprocess.CompletedProcess[str], status: str) -> None:
    """0; beside other work, which is the machine's to have, 4 and why."""
    disturbed = status == "contended"
    assert done.returncode == (4 if disturbed else 0), done.stderr
    assert ("contended: " in done.stderr) is disturbed


@pytest.mark.serial
def test_a_case_is_held_against_the_ceilings_of_its_device(tmp_path: Path) -> None:
    done = sabench("explain", *HALO, "--device", "cpu", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert_code(done, told["status"])
    assert told["case_id"].startswith("halo/channels=16,size=8,block=4,halo=1,heads=2/")
    assert set(told["ceilings"]) == {"copy", "read", "matmul", "conv", "exp"}
    assert {one["of"] for one in told["bounds"]} == {"bytes", "macs", "exponentials"}
    for one in told["bounds"]:
        assert one["seconds"] == pytest.approx(one["amount"] / one["rate"])
    assert told["floor_s"] == max(one["seconds"] for one in told["bounds"])
    assert 0 < told["floor_s"] < told["latency_s"]
    assert told["times_floor"] == pytest.approx(told["latency_s"] / told["floor_s"])
    calls = {one["name"]: one["calls"] for one in told["operators"]}
    assert calls["aten::convolution"] == 2  # queries; keys and values
    assert sum(one["seconds"] for one in told["operators"]) > 0

    again = sabench("explain", *HALO, "--device", "cpu", cwd=tmp_path)
    assert_code(again, "contended" if again.returncode else "ok")
    assert "times that, bound by" in again.stdout
    assert re.search(r"(copying|reading) reaches [\d.]+ [MGT]iB a second", again.stdout)
    assert "aten::bmm" in again.stdout
    assert "torch's profiler" in again.stdout
    kept = [json.loads(path.read_text()) for path in (tmp_path / "state").glob("*.json")]
    (ceilings,) = (one["ceilings"] for one in kept)
    names = (
        "copy@262144",
        "read@262144",
        "matmul",
        "conv",
        "exp",
    )  # moves 20 KB
    assert set(ceilings) == {f"{name}/fp32/1" for name in names}
    assert {len(rates) for rates in ceilings.values()} == {2}


@pytest.mark.serial
@pytest.mark.slow
def test_a_disturbed_time_is_shown_and_ends_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real answer, and the word that other work ran beside it."""
    real, why = launching.run_alone, {"status": Status.CONTENDED, "message": "on purpose"}

    def disturbed(*words: Any) -> tuple[dict[str, Record], str]:
        answers, told = real(*words)
        return {key: one.model_copy(update=why) for key, one in answers.items()}, told

    monkeypatch.setattr(launching, "run_alone", disturbed)
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", *HALO, "--device", "cpu"])
    said = capsys.readouterr()
    assert ended.value.code == 4
    assert "times that, bound by" in said.out
    assert said.err.strip().endswith("/forward.fp32.sdpa.eager: contended: on purpose")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("halo", "blok=4"), 2, "blok"),
        (("nothing",), 2, "layer or network"),
        (("conv", "runtime=fake"), 2, "runtime fake"),
        (("identity",), 2, "nothing to do"),
        (("halo", "implementation=triton", "--device", "cpu"), 2, "needs cuda, not cpu"),
        (("conv", "dtype=tf32", "--device", "cpu"), 2, "dtype=tf32 needs cuda, not cpu"),
        (("conv", "runtime=cudagraph", "--device", "cpu"), 2, "runtime=cudagraph needs cuda"),
        (("conv", "--device", "cuda:99"), 5, "cuda"),
    ],
)
def test_a_mistake_is_one_line(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = sabench("explain", *words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
