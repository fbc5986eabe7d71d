"""Every command without a network, a home, a terminal or UTF-8; and with bytes that are none."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from checkouts import pretend
from faking import write_script
from sabench.cli import commands
from sabench.store.run_folder import RunFolder
from slowness import mostly_slow

SABENCH = (sys.executable, "-m", "sabench")
BARE = {
    "PATH": os.defpath,
    "HOME": "/proc",  # nothing can be made there
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}
ODD: dict[str, bytes] = {
    "OMP_FOO": b"a\xffb",
    "LD_PRELOAD": b"/nowhere/x\xff.so",  # and every program says on stderr that it is not there
    "PYTORCH_CUDA_ALLOC_CONF": b"odd\xff",
    "GIT_CONFIG_COUNT": b"1",
    "GIT_CONFIG_KEY_0": b"core.bare",
    "GIT_CONFIG_VALUE_0": b"x\xff",  # no boolean: git says so on stderr
}
SUITE = """\
name: faked
title: "Größe, 日本"
axes: {channels: 64, size: [7, 14], runtime: fake}
layers: [{layer: conv}, {layer: squeeze_excite}]
"""
TRAINED = """\
name: trained
axes: {data: "xor:size=8,train=64,test=32", resolution: 8}
networks: [{network: probe, width: 0.125}]
train: {epochs: 1, batch: 32}
"""
COMMANDS: dict[str, tuple[str, set[int]]] = {  # arguments, and the exit codes that are fine
    "profile": ("--suite faked.yaml --device cpu --out run --csv t.csv --markdown t.md", {0}),
    "train": ("--suite trained.yaml --device cpu --no-lock --isolation suite", {0}),
    "score": ("--suite trained.yaml --device cpu --no-lock", {0}),
    # figures that are made up choose nothing
    "tune": ("--device cpu --no-lock --axis runtime=fake --filter halo", {4}),
    "show": ("run", {0}),
    "count": ("halo channels=128 size=28 block=7", {0}),
    "explain": ("conv channels=8 size=8 --device cpu --no-lock", {0, 4}),  # or busy
    "list": ("", {0}),
    "verify": ("sasa", {0}),
    "doctor": ("", {0, 1}),  # this machine may be unfit
    "selftest": ("--device cpu --check two_clocks", {0, 1, 4}),  # or busy
    "gate": ("--base side --candidate side --suite side/pair.yaml --device cpu --no-lock", {0}),
    "compare": ("run run", {0}),
    "ranks": ("run", {3}),  # no network is in it
    "report": ("run -o page.html", {0}),
    "accept": ("run", {2}),  # made-up figures are refused
}


CLOSED = ("1", "0 and 1 and 2")
LONG = ("train", "score", "explain", "selftest", "gate", "report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a suite and a script."""
    path = tmp_path_factory.mktemp("bare")
    (path / "faked.yaml").write_text(SUITE, encoding="utf-8")
    (path / "trained.yaml").write_text(TRAINED, encoding="utf-8")
    write_script(path / "script.json", {"seconds_per_mac": 1e-9})
    pretend(path / "side")
    return path


def alone(
    *arguments: str, cwd: Path, variables: Mapping[str, bytes] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A command with nothing around it; without a network where a namespace may be made."""
    cut_off = subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0
    wanted = {key: os.environ[key] for key in ("PYTEST_CURRENT_TEST", "SABENCH_LOCKS")}
    return subprocess.run(
        [*(("unshare", "-rn") if cut_off else ()), *SABENCH, *arguments],
        cwd=cwd,
        env={**BARE, **wanted, "SABENCH_FAKE_SCRIPT": "script.json", **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        timeout=120,
    )


def test_every_command_stands_here() -> None:
    registered = commands.app.registered_commands
    found = {one.name or one.callback.__name__ for one in registered if one.callback}
    assert found == set(COMMANDS)


@pytest.mark.parametrize("command", mostly_slow(COMMANDS, lambda one: one not in LONG))
def test_a_command_works_with_nothing_around_it(command: str, folder: Path) -> None:
    words, fine = COMMANDS[command]
    if "run" in words.split()[:1] and not (folder / "run").exists():
        alone("profile", *COMMANDS["profile"][0].split(), cwd=folder)
    done = alone(command, *words.split(), cwd=folder)
    said = done.stderr.decode(errors="replace")
    assert done.returncode in fine, said
    assert "Traceback" not in said
    if not done.stdout:
        assert done.returncode in (2, 3, 4)
        assert len(said.splitlines()) == 1
    if command == "show":
        assert b"Gr\\xf6\\xdfe, \\u65e5" in done.stdout  # a letter that the locale lacks
        assert (folder / "t.csv").read_text(encoding="utf-8").count("squeeze_excite/") == 2
        assert "Größe, 日本" in (folder / "t.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "closed", mostly_slow(["0", "1", "2", "1 and 2", "0 and 1 and 2"], CLOSED.__contains__)
)
def test_a_command_whose_streams_are_closed_does_its_work(closed: str, folder: Path) -> None:
    redirected = " ".join(f"{number}>&-" for number in closed.split(" and "))
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *SABENCH, "list"],
        cwd=folder,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert bool(done.stdout) is ("1" not in closed)


def test_a_command_that_is_interrupted_while_it_is_loaded_says_nothing(folder: Path) -> None:
    interrupting = """
import sys
class Interrupting:
    def find_spec(self, name, *rest):
        if name == "sabench.cli.doctor":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from sabench.cli import main
main(["list"])
"""
    done = subprocess.run([sys.executable, "-c", interrupting], cwd=folder, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_variables_that_are_no_utf8_are_told_with_their_bytes_spelt_out(folder: Path) -> None:
    words = "--suite faked.yaml --device cpu --out odd"
    done = alone("profile", *words.split(), cwd=folder, variables=ODD)
    said = done.stderr.decode(errors="replace")
    assert (done.returncode, "Traceback" in said) == (0, False), said
    (environment,) = RunFolder.open(folder / "odd").info.environments.values()
    assert environment.facts["env_OMP_FOO"] == r"a\udcffb"
    assert environment.settings["env_LD_PRELOAD"] == r"x\udcff.so"
    assert environment.settings["cuda_allocator"] == r"odd\udcff"
    assert alone("show", "odd", cwd=folder, variables=ODD).returncode == 0


def test_a_training_in_a_folder_that_no_record_can_name_is_refused_before_it_begins(
    folder: Path,
) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/odd\xff"))
    odd.mkdir()
    (odd / "trained.yaml").write_text(TRAINED)
    words = ("--suite", "trained.yaml", "--device", "cpu", "--no-lock", "--out", "run")
    done = alone("train", *words, cwd=odd)
    (line,) = done.stderr.decode(errors="replace").splitlines()
    assert (done.returncode, "choose another, by --out" in line) == (2, True), line
    assert not (odd / "run").exists()
