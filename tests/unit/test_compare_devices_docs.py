"""docs/compare-devices.md shows what the command prints."""

import re
from pathlib import Path

import pytest

from faking import sabench
from sabench.compare.join import SWEPT
from sabench.compare.levels import DRAWS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compare-devices.md").read_text()


SHOWN = [block.split("```")[0] for block in TEXT.split("```\n$ sabench ")[1:]]


@pytest.mark.parametrize("block", SHOWN, ids=[block.partition("\n")[0] for block in SHOWN])
def test_a_table_is_printed_as_it_stands(block: str) -> None:
    command, _, shown = block.partition("\n")
    done = sabench(*command.split(), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    told = shown.splitlines()
    assert len(told) > 20
    assert printed[: len(told)] == told


def test_both_leaderboards_of_one_and_of_two_threads_are_shown() -> None:
    assert any("one_thread.json" in block and "two_threads.json" in block for block in SHOWN)


def test_the_keys_and_the_draws_are_those_of_the_program() -> None:
    keys = re.findall(r"`(threads, [\w, ]+)`", TEXT)
    assert keys == [", ".join(SWEPT)]
    assert f"{DRAWS:,} redraws" in TEXT
