"""A leaderboard as a person sees it: ties, flags, disturbed rows, hostile names."""

import csv
import io
from collections.abc import Callable

import pytest
from rich.console import Console

from making_runs import case, preset, record_of, run_info
from sabench.records import Flag, Reading, Status
from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
from sabench.report.tables import LeaderboardTable
from sabench.store.leaderboard import Leaderboard, make_leaderboard

HOSTILE = "a|b`<script>\\*_[x](y)" + "ü" * 60


def board() -> Leaderboard:
    """Five cases: the convolution, two that tie, one contended, one out of memory."""
    cases = (
        case("conv", size=56),
        case("halo", size=56, options={"block": 7}),
        case("self_attention", size=56),
        case("augmented", size=56, options={"kappa": 0.5}),
        case(HOSTILE, size=56),
    )
    info = run_info(
        cases, preset=preset(name="quick", evidence="smoke", processes=1), metrics=("latency_warm",)
    )
    latencies = {"conv": 1e-3, "halo": 2e-3, "self_attention": 2.004e-3, "augmented": 9e-3}
    records = []
    for job in info.jobs():
        name = job.case.subject
        if name == HOSTILE:
            told = "asked for 10 TiB,\n21 GiB free"
            records.append(record_of(job, (), Status.OOM, message=told))
            continue
        spread = [latencies[name] * (1 + 0.001 * step) for step in range(10)]
        flags = (Flag.PREEMPTED,) if name == "halo" else ()
        readings = {
            "latency_warm": Reading.of("s", spread, flags=flags),
            "macs": Reading.of("MAC", [68_000_000]),
            "params": Reading.of("1", [12_344]),
            "peak_allocated": Reading.of("B", [3_210_000]),
        }
        status = Status.CONTENDED if name == "augmented" else Status.OK
        records.append(record_of(job, (), status, readings=readings))
    return make_leaderboard(info.model_copy(update={"metrics": tuple(readings)}), records)


def printed(width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(LeaderboardTable(board()))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def test_the_table_on_80_columns(golden: Callable[[str, str], None]) -> None:
    golden("tables/80_columns.txt", printed(80))


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_every_case_is_named(width: int) -> None:
    text = printed(width)
    assert max(len(line) for line in text.splitlines()) <= width
    names = ("conv", "halo block=7", "self_attention", "augmented") if width > 40 else ("conv",)
    assert all(name in text for name in names)


def test_markdown(golden: Callable[[str, str], None]) -> None:
    golden("tables/markdown.md", leaderboard_markdown(board()))


def test_markdown_cells_keep_their_columns_whatever_the_names() -> None:
    rows = [line for line in leaderboard_markdown(board()).splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_csv_is_in_base_units_and_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(board()))))
    conv = next(row for row in rows if row["subject"] == "conv")
    assert float(conv["latency_warm (s)"]) == 1.0045e-3
    assert conv["rank"] == "1"
    stranger = next(row for row in rows if row["subject"] == HOSTILE)
    assert (stranger["status"], stranger["latency_warm (s)"]) == ("oom", "")
    assert [conv[name] for name in ("options", "flags", "message", "window")] == ["", "", "", ""]


def test_a_cell_that_a_spreadsheet_would_compute_is_quoted() -> None:
    info = run_info((case("=HYPERLINK(1)"),), preset=preset(processes=1))
    text = leaderboard_csv(make_leaderboard(info, [record_of(job) for job in info.jobs()]))
    assert next(csv.DictReader(io.StringIO(text)))["subject"] == "'=HYPERLINK(1)"


def test_an_option_that_is_swept_stands_in_every_label_default_or_not() -> None:
    cases = tuple(case("halo", options=options) for options in ({}, {"block": 4}, {"halo": 1}))
    info = run_info(cases, preset=preset(processes=1))
    text = leaderboard_markdown(make_leaderboard(info, [record_of(job) for job in info.jobs()]))
    for label in ("halo block=8 halo=3", "halo block=4 halo=3", "halo block=8 halo=1"):
        assert f"| {label} |" in text


def test_a_matched_window_has_a_column_and_leaves_the_labels() -> None:
    cases = (case("conv", options={"window": 5}, window=5), case("augmented", window="all"))
    info = run_info(cases, preset=preset(processes=1))
    text = leaderboard_markdown(make_leaderboard(info, [record_of(job) for job in info.jobs()]))
    assert "| conv | 5 |" in text
    assert "| augmented | all |" in text


def test_windows_tell_rows_apart_without_the_way_they_ran() -> None:
    cases = tuple(case("conv", options={"window": w}, window=w) for w in (5, 7))
    info = run_info(cases, preset=preset(processes=1))
    text = leaderboard_markdown(make_leaderboard(info, [record_of(job) for job in info.jobs()]))
    assert "eager" not in text


def test_a_narrow_terminal_keeps_the_flags() -> None:
    assert "flags" in printed(60)
    assert "memory" not in printed(60)
