"""`sabench tune` as a shell runs it: what it measures is what `auto` is from then on."""

import json
from pathlib import Path

import pytest

from faking import sabench, write_script

SUITE = "name: one\nlayers: [{layer: self_attention, size: 28}]\n"
ONE = (
    *("--device", "cpu", "--axis", "mode=forward"),
    *("--filter", "self_attention/channels=64,size=28/*"),
)


def planned(cwd: Path) -> str:
    """The id that a suite's halo layer has now."""
    (cwd / "one.yaml").write_text(SUITE)
    done = sabench("profile", "--suite", "one.yaml", "--device", "cpu", "--dry-run", cwd=cwd)
    return next(line for line in done.stdout.splitlines() if line.startswith("self_attention/"))


@pytest.mark.serial  # beside other work no case has a rank to choose by
def test_auto_is_the_fastest_that_was_measured_here(tmp_path: Path) -> None:
    before = planned(tmp_path)
    done = sabench("tune", *ONE, "--axis", "implementation=chunked,reference", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "self_attention, fp32, forward: chunked (x its time: reference " in done.stdout
    (known,) = (tmp_path / "state").glob("*.json")
    assert json.loads(known.read_text())["choices"] == {"self_attention, fp32, forward": "chunked"}
    assert ".chunked." in planned(tmp_path)
    assert ".chunked." not in before


def test_made_up_figures_choose_nothing(tmp_path: Path) -> None:
    before, script = planned(tmp_path), write_script(tmp_path / "script.json", {"seconds": 1e-3})
    words = (*ONE, "--axis", "runtime=fake", "--no-lock")
    done = sabench("tune", *words, cwd=tmp_path, **script)
    assert done.returncode == 0, done.stderr
    assert "auto on cpu stays as it was: nothing was timed to choose by" in done.stdout
    assert planned(tmp_path) == before
