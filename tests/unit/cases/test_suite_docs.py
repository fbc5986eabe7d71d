"""docs/suites.md tells the truth: its example runs, its tables name every key, axis and mistake."""

import re
from pathlib import Path

import pytest

from sabench.cases.axes import AXES
from sabench.cases.expand import expand
from sabench.cases.parse import GROUPINGS, KEYS, parse_suite
from sabench.errors import SuiteError

PAGE = (Path(__file__).parents[3] / "docs" / "suites.md").read_text()
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
MISTAKES = re.search(r"```\n(suites/mine.*?)```", PAGE, re.DOTALL).group(1).splitlines()


def test_the_example_expands_to_every_combination():
    found = expand(parse_suite(EXAMPLE.encode(), "mine.yaml"))
    # conv: 2 sizes; halo: 2 sizes x 2 dtypes x 2 blocks x 2 halos; resnet50: 2 resolutions
    assert len(found.cases) == 2 + 16 + 2
    assert found.dropped == ()


@pytest.mark.parametrize("name", [*KEYS, *AXES, *GROUPINGS])
def test_every_key_axis_and_grouping_is_described(name):
    tables = "".join(line for line in PAGE.splitlines() if line.startswith("|"))
    assert re.search(rf"\b{name}\b", tables)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (("block: [7, 8]", "block: seven"), MISTAKES[0]),
        (("halo: [1, 3]", "hallo: 3"), MISTAKES[1]),
        (("dtype: [fp32, bf16]     #", "heads: [8, 3] #"), MISTAKES[2]),
    ],
)
def test_the_mistakes_shown_are_what_is_said(changed, line):
    assert changed[0] in EXAMPLE
    with pytest.raises(SuiteError) as caught:
        expand(parse_suite(EXAMPLE.replace(*changed).encode(), "suites/mine.yaml"))
    assert str(caught.value) == line
