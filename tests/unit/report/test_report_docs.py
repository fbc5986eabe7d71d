"""docs/report.md names every chart there is, and no other."""

import re
from pathlib import Path

from making_rows import NOISY, board_of, figure_of, row_of
from making_runs import case
from sabench.cases.recipe import MeanEpoch
from sabench.report.html.page import page_of
from sabench.report.html.points import name_sources, points_of

EPOCH = MeanEpoch(train_loss=1.0, test_loss=1.0, accuracy=0.5, seconds=1.0)
DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "report.md"


def test_the_charts_of_the_docs_are_those_that_runs_can_give() -> None:
    swept = [{key: value} for key in ("size", "channels", "batch", "threads") for value in (8, 16)]
    cases = [case("conv"), *(case("conv", **fields) for fields in swept)]
    cases += [case("conv", options={"window": window}) for window in (5, 7, 9)]
    cases += [
        case("resnet50", kind="network", channels=None, size=None, resolution=side)
        for side in (192, 224)
    ]
    rows = []
    for number, one in enumerate(cases, start=1):
        row = row_of(one, 1e-3 * number, NOISY, macs=1e6 * number)
        memory = {"peak_rss_growth": figure_of("peak_rss_growth", [1e6 * number])}
        joined = {"accuracy": figure_of("accuracy", [0.5 + number / 100])}
        floor = {"floor_macs": figure_of("floor_macs", [1e-4 * number])}
        figures = row.figures | memory | joined | floor
        rows.append(row.model_copy(update={"figures": figures, "curve": [EPOCH, EPOCH]}))
    sources = name_sources([("one", board_of(rows))])
    page = page_of(sources, points_of(sources, across=["threads"]), "latency_warm")
    table = re.findall(r"^\| (`.*?`) \|", DOCS.read_text(), re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert named == {figure.name for figure in page.figures}
