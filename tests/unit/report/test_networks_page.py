"""docs/networks.md and docs/verify.md say what the catalogue and the papers' files say."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import sabench.report.networks_page as page
from sabench.cases.cost import case_plan
from sabench.cases.point import single_case
from sabench.cases.scalars import parse_pairs
from sabench.catalog.networks import BUILT_IN, networks
from sabench.papers.rows import PAPERS, load_paper
from sabench.papers.verify import MEANING, verify
from sabench.report.networks_page import NO_TABLE, networks_page
from sabench.report.verify import MARKS, told_counts

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "networks.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`(sabench count [^`]+)`", PAGE)))


def test_the_page_is_what_its_tool_writes():
    assert networks_page() == PAGE, "run python tools/write_networks_page.py"


def test_every_network_stands_there_with_its_counts_and_slots():
    rows = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}
    assert {row.name for row in BUILT_IN} <= set(rows)
    assert "| 224 | 25.557 M | 4.089 G |" in rows["resnet50"]
    assert rows["aa_resnet50"].endswith("| 3 conv, 13 augmented |")


def test_a_network_is_in_a_papers_table_or_told_to_be_in_none():
    used = {row.network for name in PAPERS for row in load_paper(name).rows}
    told = set(re.findall("- `sabench count (.*)`", PAGE.partition(NO_TABLE)[2]))
    assert {row.name for row in BUILT_IN} - used == told


def test_a_network_of_ones_own_is_told_to_be_in_no_table(monkeypatch):
    own = replace(networks()["halonet_h0"], name="halonet_own")
    monkeypatch.setattr(page, "NETWORKS", (*BUILT_IN, own))
    listed = networks_page().partition(f"\n\n{NO_TABLE}\n\n")[2]
    assert listed.endswith("- `sabench count halonet_own`\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_names_a_network_that_can_be_built(command):
    name, *words = shlex.split(command)[2:]
    values = parse_pairs(word for word in words if "=" in word)
    if "--resolution" in words:
        values["resolution"] = int(words[-1])
    assert case_plan(single_case(name, values)).groups


def test_the_verdicts_mean_what_the_docs_say():
    text = (DOCS / "verify.md").read_text(encoding="utf-8")
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    told = [tuple(cell.strip() for cell in row) for row in cells[2:]]
    assert told == [
        (verdict.value, MARKS.get(verdict, ""), meaning) for verdict, meaning in MEANING.items()
    ]


@pytest.mark.parametrize("name", PAPERS)
def test_the_docs_say_which_terms_a_papers_flops_leave_out(name):
    text = " ".join((DOCS / "verify.md").read_text(encoding="utf-8").split())
    assert load_paper(name).left_out in text


def test_the_counts_of_the_docs_are_those_that_are_printed():
    text = (DOCS / "verify.md").read_text(encoding="utf-8")
    results = {name: verify(load_paper(name)) for name in PAPERS}
    for name, rows in results.items():
        assert f"\n{name}: {told_counts(rows)}\n" in text
    everything = [row for rows in results.values() for row in rows]
    assert f"\nall: {told_counts(everything)}\n" in text
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert f"the {len(everything)} rows with parameters or FLOPs" in readme
