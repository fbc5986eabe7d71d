"""The table the papers leave out: published FLOPs, our MACs, latency, memory, tau."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from making_runs import case, preset, record_of, run_info
from sabench.cases.case import Case
from sabench.cases.cost import case_cost
from sabench.records import Reading
from sabench.report.agreement import agreement_line, leaderboard_json
from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
from sabench.report.tables import LeaderboardTable
from sabench.stats import kendall_tau
from sabench.store.agreement import MACS, PUBLISHED, Agreement
from sabench.store.leaderboard import Leaderboard, make_leaderboard

ATTENTION = "self_attention"


def network(subject: str, resolution: int = 224, **options: Any) -> Case:
    fields = {"channels": None, "size": None, "resolution": resolution, "options": options}
    return case(subject, kind="network", **fields)


NETWORKS = (
    (network("resnet26"), 0.110),
    (network("resnet26", mix=ATTENTION), 0.402),
    (network("resnet50"), 0.191),
    (network("resnet50", mix=ATTENTION), 0.781),
    (network("resnet50", mix=ATTENTION, stem=ATTENTION), 0.912),
    (network("resnet50", mix=f"conv,conv,conv,{ATTENTION}"), 0.305),
    (network("resnet50", **{"mix": ATTENTION, f"{ATTENTION}.window": 11}), 1.02),
    (network("resnet50", **{"mix": ATTENTION, f"{ATTENTION}.window": 9}), 0.875),
)


def board(paper: str = "sasa", networks: tuple[tuple[Case, float], ...] = NETWORKS) -> Leaderboard:
    info = run_info(
        tuple(one for one, _ in networks),
        preset=preset(name="quick", evidence="smoke", processes=1),
        metrics=("latency_warm", "macs", "params", "peak_allocated"),
        published=paper,
        group_by=() if paper != "halonet" else ("batch", "threads", "dtype", "mode"),
        title="The networks of a paper",
        suite="tiny_paper",
    )
    latencies = {one.case_id: latency for one, latency in networks}
    records = []
    for job in info.jobs():
        cost = case_cost(job.case)
        assert cost is not None
        readings = {
            "latency_warm": Reading.of("s", [latencies[job.case.case_id]] * 10),
            "macs": Reading.of("MAC", [cost.macs]),
            "params": Reading.of("1", [cost.params]),
            "peak_allocated": Reading.of("B", [4 * cost.params + 30_000_000]),
        }
        records.append(record_of(job, (), readings=readings))
    return make_leaderboard(info, records)


def printed(leaderboard: Leaderboard, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(LeaderboardTable(leaderboard))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def test_the_table_of_a_paper_on_80_columns(golden: Callable[[str, str], None]) -> None:
    golden("tables/paper_80_columns.txt", printed(board(), 80))


def test_the_table_of_a_paper_in_markdown(golden: Callable[[str, str], None]) -> None:
    golden("tables/paper.md", leaderboard_markdown(board()))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in printed(board(), width).splitlines()) <= width


def test_published_figures_have_their_printed_digits() -> None:
    lines = leaderboard_markdown(board()).splitlines()
    column = next(line for line in lines if "| published |" in line).split(" | ").index("published")
    cells = [line.split(" | ")[column] for line in lines if line.startswith("| ")][2:]
    assert cells == ["4.7 G", "8.2 G", "8.0 G", "4.5 G", "7.0 G", "-", "7.2 G", "7.7 G"]


def test_across_resolutions_each_network_says_its_own() -> None:
    networks = tuple((network(f"halonet_h{n}", r), n + 1.0) for n, r in ((0, 256), (3, 320)))
    text = leaderboard_markdown(board("halonet", networks))
    assert "| halonet\\_h0 resolution=256 |" in text
    assert "| halonet\\_h3 resolution=320 |" in text
    assert "| 4.8 G? |" in text  # 2.4 G multiply-accumulates
    assert "- ?: uncertain; \\`sabench verify halonet\\` says why." in text


def test_json_has_what_is_published_and_every_tau() -> None:
    item = json.loads(json.dumps(leaderboard_json(board())))
    rows = {row["case_id"].split("/forward")[0]: row.get("published") for row in item["rows"]}
    assert rows["resnet26/resolution=224"] == {
        "flops": 4.7e9,
        "printed": "4.7e9",
        "table": "Table 1 (ImageNet depth)",
        "is_certain": True,
    }
    assert rows["resnet50/resolution=224,mix=self_attention,self_attention.window=9"] is None
    macs, flops = item["agreements"]
    assert (macs["of"], macs["networks"], macs["against"]) == ("macs", 8, "latency_warm")
    assert (flops["of"], flops["networks"]) == ("published_flops", 7)
    assert macs["group"] == item["rows"][0]["group"]
    for one in (macs, flops):
        assert -1 <= one["low"] < one["tau"] < one["high"] <= 1
        assert "Fieller" in one["method"]
        assert one["concordant"] + one["discordant"] <= one["networks"] * (one["networks"] - 1) / 2


def test_nothing_that_is_looked_up_is_kept_in_the_leaderboard() -> None:
    kept = board().dump()
    assert kept["published"] == "sasa"
    assert "agreements" not in kept
    assert all("published" not in row for row in kept["rows"])


def test_without_a_paper_there_is_neither_key_nor_column() -> None:
    text = leaderboard_markdown(board(""))
    assert "published" not in text
    assert "published" not in json.dumps(leaderboard_json(board("")))
    assert "published" not in leaderboard_csv(board(""))
    assert "Kendall's tau of MACs against latency" in text


def test_csv_has_the_published_figure_in_flops() -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(board()))))
    found = {row["case_id"].split("/forward")[0]: row["published (FLOP)"] for row in rows}
    assert float(found["resnet50/resolution=224"]) == 8.2e9
    assert found["resnet50/resolution=224,mix=self_attention,self_attention.window=9"] == ""


def line(xs: list[float], ys: list[float], count: str = MACS) -> str:
    return agreement_line(Agreement({}, count, len(xs), kendall_tau(xs, ys)))


def test_the_line_says_tau_its_interval_and_what_it_means() -> None:
    # one of ten pairs is turned round: tau 0.8; artanh 0.7 and 0.9 give or take 1.2957
    assert line([1, 2, 3, 4, 5], [1, 2, 3, 5, 4]) == (
        "Kendall's tau of MACs against latency: 0.80 (95 % -0.40..0.99, 5 networks): of two "
        "networks, the one with fewer MACs is faster in 90 % of pairs."
    )


def test_the_line_of_four_networks_has_no_interval() -> None:
    assert line([1, 2, 3, 4], [4, 3, 2, 1], PUBLISHED) == (
        "Kendall's tau of published FLOPs against latency: -1.00 (too few for an interval, "
        "4 networks): of two networks, the one with fewer published FLOPs is faster in 0 % of "
        "pairs."
    )


def test_the_line_of_equal_counts_says_that_there_is_no_tau() -> None:
    assert line([1, 1, 1, 1], [1, 2, 3, 4]) == (
        "Kendall's tau of MACs against latency: none, as all 4 networks are level in one of the "
        "two."
    )
