"""The two sides of a gate: which interpreter and which sabench measures, and nothing leaks over."""

import os
import signal
import sys
import threading
import time
import venv
from pathlib import Path

import pytest

import sabench
from sabench.compare.gate.sides import Checkout, find_checkout
from sabench.errors import ConfigError
from sabench.launch.interruption import Interruption, Stop
from sabench.launch.process import with_code


def checkout(folder: Path, *, has_sabench: bool = False, python: str = "") -> Path:
    folder.mkdir()
    if has_sabench:
        (folder / "sabench").mkdir()
        (folder / "sabench" / "__init__.py").write_text("WHERE = __file__\n")
    if python:
        interpreter = folder / python
        interpreter.parent.mkdir(parents=True)
        interpreter.symlink_to(sys.executable)
    return folder


def test_a_side_without_an_environment_of_its_own_runs_our_interpreter(tmp_path):
    assert find_checkout(checkout(tmp_path / "a")).python == Path(sys.executable)


@pytest.mark.parametrize("path", [".venv/bin/python", "venv/bin/python"])
def test_a_side_runs_the_interpreter_of_its_own_environment_unresolved(tmp_path, path):
    folder = checkout(tmp_path / "a", python=path)
    assert find_checkout(folder).python == folder / path


def test_the_interpreter_that_is_named_comes_before_the_sides_own(tmp_path):
    folder = checkout(tmp_path / "a", python=".venv/bin/python")
    named = tmp_path / "python"
    named.symlink_to(sys.executable)
    assert find_checkout(folder, named).python == named


def test_a_checkout_of_sabench_measures_with_its_own_code(tmp_path, monkeypatch):
    side = find_checkout(checkout(tmp_path / "a", has_sabench=True))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    told = side.ask("-c", "import sabench; print(sabench.WHERE)")
    assert Path(told.strip()) == tmp_path / "a" / "sabench" / "__init__.py"


def test_one_sides_path_does_not_reach_the_other(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/candidate")
    base = find_checkout(checkout(tmp_path / "base", has_sabench=True))
    assert with_code(os.environ, base.code)["PYTHONPATH"] == str(tmp_path / "base")


@pytest.mark.parametrize("place", ["", "src"])
def test_a_sides_package_comes_before_an_installed_one_of_the_same_name(tmp_path, place):
    """Both sides of a gate may be checkouts of one package that their one Python has installed."""
    environment = tmp_path / "venv"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    (installed,) = environment.glob("lib/python*/site-packages")
    for name, folder in (("installed", installed), ("a", None), ("b", None)):
        package = (folder or checkout(tmp_path / name) / place) / "mine"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"WHOSE = {name!r}\n")
    ask = ("-c", "import mine; print(mine.WHOSE)")
    told = [find_checkout(tmp_path / name, python).ask(*ask).strip() for name in ("a", "b")]
    assert told == ["a", "b"]
    assert Checkout("no path", tmp_path, python).ask(*ask).strip() == "installed"


def test_a_side_without_a_sabench_measures_with_ours(tmp_path):
    side = find_checkout(checkout(tmp_path / "a"))
    told = side.ask("-c", "import sabench; print(sabench.__file__)")
    assert Path(told.strip()) == Path(sabench.__file__).resolve()


SECRETS = ["GITHUB_TOKEN", "GITHUB_ENV", "ACTIONS_RUNTIME_URL", "RUNNER_TEMP", "HF_TOKEN", "token"]
SECRETS += ["AWS_SECRET_ACCESS_KEY", "MYSECRETS", "DB_PASSWORD", "OPENAI_API_KEY", "SSH_AUTH_SOCK"]
PLAIN = ["PATH_OF_MINE", "TOKENIZERS_PARALLELISM", "MY_GITHUB", "CUDA_PATH", "KEYBOARD"]


def test_a_side_is_told_no_secret_of_the_workflow_that_it_runs_in(tmp_path, monkeypatch):
    for name in (*SECRETS, *PLAIN):
        monkeypatch.setenv(name, "value")
    asked = find_checkout(checkout(tmp_path / "a")).ask("-c", "import os; print(*os.environ)")
    assert {*SECRETS, *PLAIN} & {*asked.split()} == {*PLAIN}


def test_a_side_is_asked_in_its_own_folder(tmp_path):
    side = find_checkout(checkout(tmp_path / "a"))
    assert side.ask("-c", "import os; print(os.getcwd())").strip() == str(tmp_path / "a")


def test_a_folder_or_interpreter_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="nowhere: there is no such folder"):
        find_checkout(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no-python: there is no such interpreter"):
        find_checkout(checkout(tmp_path / "a"), tmp_path / "no-python")


def test_what_a_side_said_last_is_told_when_it_fails(tmp_path):
    side = find_checkout(checkout(tmp_path / "a"))
    with pytest.raises(ConfigError, match=r"a: .*python.*: ValueError: no such suite"):
        side.ask("-c", "raise ValueError('no such suite')")


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "print([])",
        """print('{"cases": "all"}')""",
        """print('{"cases": ["halo"]}')""",
        "print('[' * 100_000)",
        "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    ],
)
def test_a_sabench_that_tells_no_plan_is_refused(code, tmp_path):
    folder = checkout(tmp_path / "a", has_sabench=True)
    (folder / "sabench" / "__main__.py").write_text(code + "\n")
    with pytest.raises(ConfigError, match="told no plan"):
        find_checkout(folder).case_ids(["--suite", "gate"])


def test_a_side_whose_environment_cannot_be_told_is_still_a_side(tmp_path):
    told = find_checkout(checkout(tmp_path / "a", has_sabench=True)).told("cpu")
    assert told.environment is None
    assert told.name == str(tmp_path / "a")


def test_a_side_is_asked_in_a_session_of_its_own_that_ctrl_c_does_not_reach(tmp_path):
    side = find_checkout(checkout(tmp_path / "a"))
    told = side.ask("-c", "import os; print(os.getsid(0), os.getpid())").split()
    assert told[0] == told[1]


@pytest.mark.serial
def test_ctrl_c_while_a_side_is_asked_ends_the_question_and_what_it_started(tmp_path):
    side = find_checkout(checkout(tmp_path / "a"))
    mark = tmp_path / "pid"
    slow = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupt() -> None:
        while not mark.exists() or not mark.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with Interruption() as stop, pytest.raises(Stop), stop.waiting():
        side.ask("-c", slow)
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
