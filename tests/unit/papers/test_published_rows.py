"""The papers' files: what a row may say, where a mistake lies, which rows a case meets."""

from decimal import Decimal

import pytest

from sabench.errors import ConfigError
from sabench.papers.rows import PAPERS, Figure, load_paper, parse_paper, published_flops

PAPER = """\
title: A paper
source: arXiv:1906.05909
convention: 2 x MAC
positions: pairs
left_out: Nothing.
tolerances:
  near: {least: -0.01, most: 0.01, reason: It is not said.}
notes:
  open: Left open.
rows:
  - {table: Table 1, row: baseline, network: resnet50,
     params_m: 25.60, flops_b: {printed: 8.2, tolerance: near}, confidence: high, note: open}
  - {table: Table 1, row: other, not_built: theirs, params_m: 7, confidence: low}
"""


def altered(old: str, new: str) -> str:
    assert PAPER.count(old) == 1
    return PAPER.replace(old, new)


def test_figures_stay_as_they_are_printed():
    row = parse_paper(PAPER, "a.yaml").rows[0]
    assert row.params_m == Figure(printed="25.60")
    assert row.flops_b == Figure(printed="8.2", tolerance="near")


@pytest.mark.parametrize(
    ("printed", "rounding"), [("67", "0.5"), ("18.0", "0.05"), ("6.10", "0.005")]
)
def test_half_of_the_last_printed_digit_is_rounding(printed, rounding):
    assert Figure(printed=printed).rounding == Decimal(rounding)


def test_a_row_has_the_papers_convention_or_its_own():
    own = altered("confidence: low", "convention: MAC, confidence: low")
    assert [row.convention for row in parse_paper(own, "a.yaml").rows] == ["2 x MAC", "MAC"]


MISTAKES = [  # what stands instead of what, where the mistake lies, what is told
    ("network: resnet50", "network: rexnet", "rexnet", "'rexnet' is no network, allowed: resnet26"),
    (
        "resnet50,",
        "resnet50, options: {mixx: conv},",
        "{mixx",
        "options of resnet50: mixx: no opti",
    ),
    ("tolerance: near", "tolerance: far", "far", "'far' is no tolerance, allowed: near"),
    ("tolerance: near", "uncertain: why", "why", "'why' is no note, allowed: open"),
    ("note: open", "note: shut", "shut", "'shut' is no note, allowed: open"),
    ("params_m: 7", "params_m: ~7", "~7", "params_m.printed: String should match pattern"),
    ("7, conf", "7, reproduced_params_m: 7.1, conf", "7.1", "reproduced_params_m: Extra inputs"),
    ("positions: pairs", "positions: all", "all", "positions: Input should be 'pairs', 'tables'"),
    ("confidence: low", "confidence: none", "none", "confidence: Input should be 'high'"),
    ("not_built: theirs, ", "", "{table: Table 1, row: other", "a row has a network, or the reaso"),
    ("source: arXiv", "title: arXiv", "title: arXiv", "duplicate key 'title'"),
    ("left_out: Nothing.\n", "", "title", "left_out: Field required"),
    ("convention: 2 x MAC\n", "", "{table", "flops_b needs a convention: MAC, 2 x MAC"),
    ("rows:", "rows: [", "- {table", "expected the node content, but found '-'"),
]


@pytest.mark.parametrize(
    ("old", "new", "where", "told"), MISTAKES, ids=[told for *_, told in MISTAKES]
)
def test_a_mistake_is_one_line_with_its_place(old, new, where, told):
    text = altered(old, new)
    before = text[: text.index(where)]
    place = f"a.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    with pytest.raises(ConfigError) as caught:
        parse_paper(text, "a.yaml")
    line = str(caught.value)
    assert line.startswith(f"{place}: {told}")
    assert "\n" not in line


@pytest.mark.parametrize("text", ["", "- a\n", "rows"])
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(ConfigError, match="a paper is a mapping of keys to values"):
        parse_paper(text, "a.yaml")


def test_an_unknown_paper_is_told_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        load_paper("sassa")
    assert str(caught.value) == (
        "paper 'sassa' is not known, allowed: sasa, aacn, halonet; nearest: sasa"
    )


@pytest.mark.parametrize("name", PAPERS)
def test_every_tolerance_and_note_is_used(name):
    paper = load_paper(name)
    figures = [one for row in paper.rows for one in (row.params_m, row.flops_b) if one]
    assert {one.tolerance for one in figures if one.tolerance} == set(paper.tolerances)
    used = {one.uncertain for one in figures} | {row.note for row in paper.rows}
    assert used - {""} == set(paper.notes)


def test_no_range_is_wider_than_it_was_set():
    """Plain convolution 1.2 %, attention and MnasNets 2 %, AA-ResNets 1 to 7 % above."""
    ranges = {
        (name, key): (one.least, one.most)
        for name in PAPERS
        for key, one in load_paper(name).tolerances.items()
    }
    assert ranges["aacn", "convolution"] == (-0.012, 0.012)
    assert ranges["sasa", "attention"] == (-0.02, 0.02)
    assert ranges["aacn", "mobile"] == (-0.02, 0.02)
    assert ranges["aacn", "batched"] == (0.01, 0.07)


@pytest.mark.parametrize("name", PAPERS)
def test_no_row_stands_twice(name):
    rows = [(row.table, row.row) for row in load_paper(name).rows]
    assert len(rows) == len(set(rows))


def test_a_case_meets_the_rows_of_its_network_options_and_resolution():
    rows = published_flops("resnet50", {"mix": "self_attention"}, 224)
    assert {row.flops_b.printed for row in rows} == {"7.0", "3.5"}
    assert {row.convention for row in rows if row.flops_b.printed == "3.5"} == {"MAC"}
    assert published_flops("resnet50", {"mix": "self_attention"}, None) == rows
    assert published_flops("resnet50", {"mix": "self_attention"}, 192) == ()
    assert published_flops("resnet50", {"mix": "halo"}, 224) == ()


def test_options_at_their_default_meet_the_same_rows():
    """window=7 is the layer's default, which a case does not state."""
    (row,) = published_flops("resnet50", {"mix": "self_attention", "self_attention.window": 3}, 224)
    assert (row.table, row.flops_b.printed) == ("Table 4 (spatial extent)", "6.6")
