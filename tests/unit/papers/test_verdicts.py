"""A verdict is rounding first, then a stated range, then wrong; a row's is its worst figure's."""

from decimal import Decimal

import pytest

from sabench.catalog.layers.self_attention import SelfAttentionOptions
from sabench.catalog.networks.cost import network_cost, network_macs_as
from sabench.catalog.networks.plan import Classifier, Plan, Step
from sabench.errors import ConfigError
from sabench.papers.rows import Figure, load_paper, parse_paper
from sabench.papers.verify import Verdict, build_all, judge, tally, verify

PAPER = """\
title: A paper
source: arXiv:1906.05909
convention: 2 x MAC
positions: pairs
left_out: Nothing.
tolerances:
  near: {{least: -0.01, most: 0.02, reason: It is not said.}}
notes:
  open: Left open.
rows:
{rows}
"""


def paper(*rows: str):
    return parse_paper(
        PAPER.format(
            rows="\n".join(
                f"  - {{table: T, row: {number}, confidence: high, {row}}}"
                for number, row in enumerate(rows)
            )
        ),
        "a.yaml",
    )


BASELINE = "network: resnet50, params_m: 25.6, flops_b: 8.2"


@pytest.mark.parametrize(
    ("printed", "tolerance", "ours", "verdict"),
    [
        ("18.0", "", "18.05", Verdict.WITHIN),  # half a unit of the last digit is rounding
        ("18.0", "", "18.0501", Verdict.WRONG),
        ("18.0", "", "17.9499", Verdict.WRONG),
        ("18.0", "near", "18.0501", Verdict.EXPLAINED),
        ("18.0", "near", "17.82", Verdict.EXPLAINED),  # 1 % below
        ("18.0", "near", "17.8199", Verdict.WRONG),
        ("18.0", "near", "18.36", Verdict.EXPLAINED),  # 2 % above
        ("18.0", "near", "18.3601", Verdict.WRONG),
        ("67", "", "67.4347", Verdict.WITHIN),
        ("6.10", "", "6.106", Verdict.WRONG),
    ],
)
def test_rounding_comes_before_the_stated_range(printed, tolerance, ours, verdict):
    found = judge(Figure(printed=printed, tolerance=tolerance), Decimal(ours), paper(BASELINE))
    assert found.verdict is verdict
    assert found.reason == ("It is not said." if verdict is Verdict.EXPLAINED else "")


def test_an_uncertain_figure_is_shown_and_not_held():
    found = judge(Figure(printed="18.0", uncertain="open"), Decimal(90), paper(BASELINE))
    assert (found.verdict, found.reason, found.difference) == (Verdict.UNCERTAIN, "Left open.", 4.0)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (BASELINE, Verdict.WITHIN),
        ("network: resnet50, params_m: 25.7, flops_b: 8.2", Verdict.WRONG),
        ("network: resnet50, params_m: 25.6, flops_b: 8.1", Verdict.WRONG),
        ("network: resnet50, flops_b: {printed: 8.1, tolerance: near}", Verdict.EXPLAINED),
        ("network: resnet50, params_m: 25.6, flops_b: 4.1, convention: MAC", Verdict.WITHIN),
        ("network: resnet50, params_m: 25.6, flops_b: 4.1", Verdict.WRONG),
        (
            "network: resnet50, params_m: {printed: 99, uncertain: open}, "
            "flops_b: {printed: 8.1, tolerance: near}",
            Verdict.UNCERTAIN,
        ),
        (
            "network: resnet50, params_m: {printed: 99, uncertain: open}, flops_b: 8.1",
            Verdict.WRONG,
        ),
        ("not_built: theirs, params_m: 25.6", Verdict.NOT_BUILT),
    ],
)
def test_a_rows_verdict_is_its_worst_figures(row, verdict):
    (checked,) = verify(paper(row))
    assert checked.verdict is verdict


def test_a_row_without_figures_is_left_out():
    rows = verify(paper(BASELINE, "network: resnet50, top1: 76.9"))
    assert [checked.row.row for checked in rows] == ["0"]
    assert tally(rows) == {verdict: int(verdict is Verdict.WITHIN) for verdict in Verdict}


def test_the_resolution_of_a_row_is_counted():
    """Four times the pixels: parameters stay, all but the classifier's products are four times."""
    small, large = verify(paper(BASELINE, BASELINE + ", resolution: 448"))
    assert large.params.ours == small.params.ours
    classifier = Decimal(2 * 2048 * 1000) / 10**9
    assert large.flops.ours - classifier == 4 * (small.flops.ours - classifier)


def test_a_row_that_cannot_be_built_fails_and_says_which():
    even = "network: resnet50, options: {mix: self_attention, self_attention.window: 4}"
    with pytest.raises(ConfigError, match=r"^T, 0: resnet50: .*window=4 is even"):
        verify(paper(f"{even}, params_m: 1"))
    assert verify(paper(even)) == ()  # without a figure nothing is counted


def test_q_r_is_counted_as_a_paper_counts_it():
    """8 channels on 4 x 4 pixels, windows of 3 x 3: q.r is 16 * 9 * 8 by pairs, 16 * 3 * 8 by
    table rows (3 of half the width each for rows and columns)."""
    attention = Step("slot", "self_attention", SelfAttentionOptions(window=3, heads=2), 3, 8)
    plan = Plan(4, (attention,), None, ((),), Classifier(8, 10))
    rest = 16 * 3 * 3 * 8 + 2 * 16 * 9 * 8 + 80  # projections, q.k and a.v, classifier
    assert network_cost(plan).macs == rest + 1152
    assert network_macs_as(plan, "pairs") == rest + 1152
    assert network_macs_as(plan, "tables") == rest + 384
    assert network_macs_as(plan, "none") == rest


def test_each_distinct_network_is_built_once_and_agrees():
    rows = verify(
        paper(
            "network: resnet26, params_m: 13.7",
            "network: resnet26, flops_b: 4.7, options: {mix: conv}",
            "network: resnet26, options: {mix: halo}, params_m: {printed: 9, uncertain: open}",
            "not_built: theirs, params_m: 7",
        )
    )
    built = build_all(rows)
    assert [one.row.options for one in built] == [{}, {"mix": "halo"}]
    assert all(one.agrees for one in built)
    assert built[0].built == pytest.approx(13.697e6, abs=1e3)  # the definitions' count


@pytest.mark.parametrize(("name", "rows"), [("sasa", 30), ("aacn", 32), ("halonet", 40)])
def test_every_published_row_with_a_figure_is_there_and_none_is_wrong(name, rows):
    checked = verify(load_paper(name))
    assert len(checked) == rows
    assert [one.row.row for one in checked if one.verdict is Verdict.WRONG] == []
