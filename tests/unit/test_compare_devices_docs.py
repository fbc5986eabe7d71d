"""docs/compare-devices.md shows what the command prints."""

import re
from pathlib import Path

from faking import sabench
from sabench.compare.join import SWEPT
from sabench.compare.levels import DRAWS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compare-devices.md").read_text()


def test_the_table_is_printed_as_it_stands() -> None:
    block = TEXT.split("```\n$ sabench ")[1].split("```")[0]
    command, _, shown = block.partition("\n")
    done = sabench(*command.split(), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    told = shown.splitlines()
    assert len(told) > 20
    assert printed[: len(told)] == told


def test_the_keys_and_the_draws_are_those_of_the_program() -> None:
    keys = re.findall(r"`(threads, [\w, ]+)`", TEXT)
    assert keys == [", ".join(SWEPT)]
    assert f"{DRAWS:,} redraws" in TEXT
