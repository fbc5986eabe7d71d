"""A leaderboard as a person sees it: ties, flags, disturbed rows, hostile names."""

import csv
import io
from collections.abc import Callable

import pytest
from rich.console import Console

from making_runs import case, preset, record_of, run_info
from sabench.records import FLAG_MEANING, Flag, Reading, Status
from sabench.report.legend import flag_letters, legend
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
        mixed = (0, 9, 1, 8, 2, 7, 3, 6, 4, 5)  # no rise: each sample counts
        spread = [latencies[name] * (1 + 0.001 * step) for step in mixed]
        flags = (Flag.PREEMPTED,) if name == "halo" else ()
        readings = {
            "latency_warm": Reading.of(
                "s", spread, flags=flags, details={"blocks": 500, "rejected": 1}
            ),
            "macs": Reading.of("MAC", [68_000_000]),
            "params": Reading.of("1", [12_344]),
            "peak_allocated": Reading.of("B", [3_210_000]),
        }
        status = Status.CONTENDED if name == "augmented" else Status.OK
        beside = {"foreign_cores": 0.01 * len(records), "stolen_cores": 0.0}
        records.append(record_of(job, (), status, readings=readings, details=beside))
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


def precision(processes: int, per_process: int = 10) -> str:
    """The table of one case, each of whose processes has its own level."""
    info = run_info((case("conv"),), preset=preset(processes=processes))
    records = [record_of(j, (1.0 + 0.1 * j.replicate,) * per_process) for j in info.jobs()]
    return leaderboard_markdown(make_leaderboard(info, records))


def test_a_range_of_few_processes_does_not_pass_for_an_interval() -> None:
    few = precision(3)  # 1.0, 1.1, 1.2
    assert "| (9.1%) |" in few
    assert "- (±): half of the range over the median; too few for an interval." in few
    assert "95 %" not in few


def test_five_processes_have_an_interval() -> None:
    text = precision(5)
    assert "(±)" not in text
    assert "- ±: half of the 95 % interval over the median.\n" in text


def test_the_interval_of_one_process_says_that_it_is_within_it() -> None:
    text = precision(1)
    assert "interval over the median, within one process." in text
    assert "(±)" in precision(1, per_process=3)


def test_csv_says_what_kind_of_interval_it_holds() -> None:
    (conv, *_) = csv.DictReader(io.StringIO(leaderboard_csv(board())))
    assert conv["latency_warm interval"] == "order"
    assert conv["macs interval"] == "range"


def test_every_flag_has_a_letter_and_a_sentence() -> None:
    info = run_info((case("conv"),), preset=preset(processes=1))
    (job,) = info.jobs()
    leaderboard = make_leaderboard(info, [record_of(job, flags=tuple(Flag))])
    letters = flag_letters(leaderboard.rows)
    assert sorted(letters) == sorted(Flag)
    assert len(set(letters.values())) == len(Flag)
    for flag in Flag:
        assert f"{letters[flag]}  {flag}: {FLAG_MEANING[flag]}" in legend(leaderboard, letters)
        assert FLAG_MEANING[flag]


def test_cold_graph_and_energy_have_columns_where_they_were_measured() -> None:
    metrics = ("latency_warm", "latency_cold", "latency_graph", "energy")
    info = run_info((case("conv"),), preset=preset(processes=1), metrics=metrics)
    (job,) = info.jobs()
    readings = {name: Reading.of("s", [2e-3] * 10) for name in metrics[:3]}
    readings["energy"] = Reading.of("J", [0.0042] * 3, flags=(Flag.ENERGY_SHARED,))
    text = leaderboard_markdown(make_leaderboard(info, [record_of(job, readings=readings)]))
    assert "| latency | ± | x conv | cold | graph | energy | flags |" in text
    assert "4.20 mJ" in text
    assert "energy\\_shared: the energy counter covers others' work" in text


def test_the_time_over_the_floor_has_a_column_where_both_are_known() -> None:
    metrics = ("latency_warm", "floor_macs")
    info = run_info((case("conv"),), preset=preset(processes=2), metrics=metrics)
    records = [
        record_of(
            job,
            readings={
                "latency_warm": Reading.of("s", [2e-3] * 10),
                "floor_macs": Reading.of("s", [floor]),
            },
        )
        for job, floor in zip(info.jobs(), (1e-3, 8e-4), strict=True)
    ]
    text = leaderboard_markdown(make_leaderboard(info, records))
    assert "| latency | ± | x conv | x floor |" in text
    assert "| 1.00 | 2.50 |" in text
    assert "x floor: time over the least that the device's measured ceilings allow." in text


def test_energy_that_could_not_be_read_has_its_reason_below() -> None:
    info = run_info((case(),), preset=preset(processes=1), metrics=("latency_warm", "energy"))
    (job,) = info.jobs()
    readings = {
        "latency_warm": Reading.of("s", [2e-3] * 10),
        "energy": Reading.absent("J", "the package counter cannot be read"),
    }
    text = leaderboard_markdown(make_leaderboard(info, [record_of(job, readings=readings)]))
    assert "- No energy: the package counter cannot be read." in text


def test_a_narrow_terminal_keeps_the_flags() -> None:
    assert "flags" in printed(60)
    assert "memory" not in printed(60)
