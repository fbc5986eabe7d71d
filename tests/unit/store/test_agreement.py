"""Published FLOPs by network, options and resolution; MACs held against latency."""

from typing import Any

import pytest

from making_runs import case, preset, record_of, run_info
from sabench.cases.case import Case
from sabench.records import Reading, Status
from sabench.store.agreement import MACS, PUBLISHED, agreements
from sabench.store.leaderboard import Leaderboard, make_leaderboard
from sabench.store.published import published_in


def network(subject: str, resolution: int = 224, **options: Any) -> Case:
    fields = {"channels": None, "size": None, "resolution": resolution, "options": options}
    return case(subject, kind="network", **fields)


SASA = (
    network("resnet26"),
    network("resnet26", mix="self_attention"),
    network("resnet50"),
    network("resnet50", mix="self_attention"),
)


def board(
    cases: tuple[Case, ...],
    latencies: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0),
    macs: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0),
    ended: tuple[Status, ...] = (),
    **info: Any,
) -> Leaderboard:
    """One process a case, with figures that never vary; all ok if not said."""
    plan = run_info(cases, **{"preset": preset(processes=1)} | info)
    told = dict(
        zip((one.case_id for one in cases), zip(latencies, macs, strict=True), strict=False)
    )
    status = dict(zip(told, ended, strict=False))
    records = []
    for job in plan.jobs():
        latency, products = told[job.case.case_id]
        readings = {
            "latency_warm": Reading.of("s", [latency] * 10),
            "macs": Reading.of("MAC", [products]),
        }
        how = status.get(job.case.case_id, Status.OK)
        records.append(record_of(job, (), how, readings=readings))
    return make_leaderboard(plan, records)


def test_a_figure_is_found_by_network_options_and_resolution() -> None:
    cases = (*SASA, network("resnet50", 256))
    found = published_in(board(cases, published="sasa"))
    assert [str(one.flops_b) for one in found.values()] == ["4.7", "4.5", "8.2", "7.0"]  # table 1
    assert set(found) == {one.case_id for one in SASA}
    assert found[SASA[3].case_id].flops == 7.0e9
    assert found[SASA[3].case_id].table.startswith("Table 1")


def test_options_that_state_the_default_find_the_same_figure() -> None:
    stated = network("resnet50", **{"mix": "self_attention", "self_attention.window": 11})
    found = published_in(board((stated,), published="sasa"))
    assert [str(one.flops_b) for one in found.values()] == ["7.7"]  # table 4


def test_another_paper_has_other_figures_for_the_same_network() -> None:
    cases = (network("resnet101"), network("resnet26"))
    found = published_in(board(cases, published="aacn"))
    assert {key.split("/")[0]: str(one.flops_b) for key, one in found.items()} == {
        "resnet101": "15.6"
    }


def test_figures_in_macs_are_doubled_and_what_is_not_certain_is_marked() -> None:
    cases = (network("halonet_h1", 256),)
    (one,) = published_in(board(cases, published="halonet")).values()
    assert (str(one.flops_b), one.is_certain) == ("6.08", False)  # 3.04 G multiply-accumulates


@pytest.mark.parametrize("paper", ["", "a_paper_of_a_newer_version"])
def test_without_a_paper_that_is_known_nothing_is_published(paper: str) -> None:
    assert published_in(board(SASA, published=paper)) == {}


def test_layers_have_no_published_figures() -> None:
    assert published_in(board((case("conv"), case("halo")), published="sasa")) == {}


def test_macs_and_published_flops_are_held_against_latency() -> None:
    # MACs 1 2 3 4 against latencies 1 3 2 4: five of six pairs agree
    # printed 4.7 4.5 8.2 7.0: the pairs 1-2, 3-4 disagree or, with 3 and 2 swapped, 2-3 too
    found = agreements(board(SASA, (1.0, 3.0, 2.0, 4.0, 0.0), published="sasa"))
    assert [(one.count, one.networks) for one in found] == [(MACS, 4), (PUBLISHED, 4)]
    macs, printed = (one.found for one in found)
    assert macs is not None
    assert printed is not None
    assert (macs.concordant, macs.discordant, macs.tau) == (5, 1, pytest.approx(4 / 6))
    assert (printed.concordant, printed.discordant, printed.tau) == (3, 3, 0.0)


def test_four_networks_are_needed() -> None:
    assert agreements(board(SASA[:3])) == []
    assert len(agreements(board(SASA))) == 1


def test_a_disturbed_network_does_not_count() -> None:
    five = (*SASA, network("resnet38"))
    (found,) = agreements(board(five, ended=(Status.CONTENDED,)))
    assert found.networks == 4
    assert agreements(board(SASA, ended=(Status.CONTENDED,))) == []


def test_layers_are_not_held_against_each_other() -> None:
    cases = tuple(case("halo", options={"block": block}) for block in (2, 4, 7, 8, 14))
    assert agreements(board(cases)) == []


def test_each_group_is_held_alone() -> None:
    cases = tuple(network(one.subject, side, **one.options) for side in (224, 256) for one in SASA)
    eight = tuple(float(number) for number in range(8))
    found = agreements(board(cases, eight, eight))
    assert [one.group["resolution"] for one in found] == [224, 256]


def test_equal_counts_rank_nothing() -> None:
    (found,) = agreements(board(SASA, macs=(7.0,) * 5))
    assert found.found is None
