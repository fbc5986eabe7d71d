"""Commands that need no torch never load it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RESULT = str(Path(__file__).parents[2] / "results" / "amd-epyc" / "quick.json")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["count", "resnet50"],
        ["verify", "sasa"],
        ["compare", RESULT, RESULT],
        ["compare", RESULT, "--across", "stride", RESULT],
        ["count", "halo", "channels=128", "--json"],
        ["profile", "--suite", "halo", "--device", "cpu", "--dry-run"],
    ],
    ids=lambda words: " ".join(words).replace(RESULT, "quick.json"),
)
def test_a_command_that_does_not_measure_loads_no_torch(arguments: list[str]) -> None:
    check = (
        "import sys\n"
        "from sabench.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_an_option_is_without_being_given_stands_in_the_help() -> None:
    """Square brackets are marks of Rich's: unescaped, they and what they hold are gone."""
    done = subprocess.run(
        [sys.executable, "-m", "sabench", "profile", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    for default in ("auto", "suite; at strict: case", "quick", "random", "warn", "process"):
        assert f"[default: {default}]" in done.stdout
