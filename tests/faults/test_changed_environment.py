"""Another environment under a run that goes on: refused, each time, unless it is asked for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faking import sabench, write_script
from making_runs import case, new_run
from sabench.errors import ResultError
from sabench.launch.resume import resume
from sabench.measure.environment import HASHED_IF_SET, environment

HERE = environment("cpu")


@pytest.mark.parametrize("setting", [*HERE.settings, *(f"env_{name}" for name in HASHED_IF_SET)])
def test_a_run_is_not_resumed_where_a_setting_differs(setting: str, tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),), environments={"cpu": HERE})
    other = HERE.model_copy(update={"settings": HERE.settings | {setting: "another"}})
    head = (folder.path / "run.json").read_bytes()
    with pytest.raises(
        ResultError, match=f"the environment is not that of the run: cpu: {setting}"
    ):
        resume(folder.path, {"cpu": other})
    assert (folder.path / "run.json").read_bytes() == head
    went_on = resume(folder.path, {"cpu": other}, allow_environment=True)
    assert went_on.info.environments["cpu"].id == other.id
    assert went_on.info.earlier_environments == (HERE,)


def test_a_run_is_not_resumed_on_another_device(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),), environments={"cpu": HERE})
    other = HERE.model_copy(update={"device_name": "Another CPU"})
    with pytest.raises(ResultError, match="-> Another CPU"):
        resume(folder.path, {"cpu": other})


def test_ctrl_c_and_resume_go_through_the_command(tmp_path: Path) -> None:
    """Interrupted in its second case; elsewhere refused; here gone on with to the end."""
    axes = "axes: {channels: 64, size: [7, 8, 9], runtime: fake}"
    (tmp_path / "faked.yaml").write_text(f"name: faked\n{axes}\nlayers: [{{layer: conv}}]\n")
    script = write_script(tmp_path / "script.json", {"attempt": 1, "pace_s": 0.02}, {})
    arguments = ("profile", "--suite", "faked.yaml", "--device", "cpu", "--out", "run")
    with subprocess.Popen(
        [sys.executable, "-m", "sabench", *arguments],
        cwd=tmp_path,
        env=os.environ | script | {"SABENCH_STATE": str(tmp_path / "state")},
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stderr is not None
        for line in parent.stderr:
            if line.startswith("[1/3]"):
                break
        asked = time.monotonic()
        parent.send_signal(signal.SIGINT)
        told = parent.stderr.read()
        assert parent.wait(timeout=20) == 130
    assert time.monotonic() - asked < 5.0
    assert "interrupted: what was measured is kept" in told
    refused = sabench(
        "profile", "--resume", "run", cwd=tmp_path, PYTORCH_ALLOC_CONF="another", **script
    )
    assert refused.returncode == 3
    assert "PYTORCH_ALLOC_CONF absent -> another" in refused.stderr
    done = sabench("profile", "--resume", "run", cwd=tmp_path, **script)
    assert done.returncode == 0, done.stderr
    board = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert board["is_complete"]
    assert [row["rank"] for row in board["rows"]] == [1, 1, 1]
