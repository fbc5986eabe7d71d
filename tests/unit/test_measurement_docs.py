"""docs/measurement.md says what the program does: presets, flags, statuses."""

import re
from pathlib import Path

from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import PRESETS
from sabench.measure.plant import CLOSE, FIT_S, SHORTEST_S
from sabench.records import FLAG_MEANING, Flag, Status

TEXT = (Path(__file__).parents[2] / "docs" / "measurement.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """The rows under a heading, by the name in their first cell."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    return {name.strip("`"): cells for name, *cells in rows}


def test_every_flag_stands_with_its_sentence() -> None:
    assert table("Flags") == {flag.value: [FLAG_MEANING[flag]] for flag in Flag}


def test_every_status_has_its_meaning() -> None:
    assert sorted(table("Statuses")) == sorted(Status)


def test_the_presets_constants_are_those_of_the_program() -> None:
    for constant, cells in table("Presets").items():
        stated = [float(cell) for cell in cells]
        names = ("quick", "standard", "strict", "gate")
        assert stated == [float(getattr(PRESETS[name], constant)) for name in names]


def test_an_altered_preset_is_called_as_the_docs_say() -> None:
    settings = re.findall(r"--set (\w+)=([\d.]+)", TEXT)
    name = PRESETS["standard"].alter(dict(settings)).name
    assert f"`{name}`" in TEXT


def test_every_count_without_noise_is_described_and_no_other() -> None:
    exact = {name for name, metric in METRICS.items() if metric.exact}
    assert set(table("Counts without noise")) == exact


def test_the_constants_of_a_plant_are_the_programs() -> None:
    words = " ".join(TEXT.split("## A planted slowdown")[1].split())
    assert f"known to {CLOSE} or {'four' if FIT_S == 4 else FIT_S} seconds" in words
    assert f"at least {1e6 * SHORTEST_S['cuda']:.0f} us" in words
