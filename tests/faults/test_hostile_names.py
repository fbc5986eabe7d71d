"""Names that would break a table, a file format, a terminal, or out of the output folder."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from faking import plant, sabench
from making_runs import case, environment, preset, record_of, run_info
from sabench import cli
from sabench.launch.events import JobEnded
from sabench.launch.inline import InlineLauncher
from sabench.launch.request import Request, plan_run, start_run
from sabench.launch.sweep import sweep
from sabench.records import Status
from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
from sabench.report.progress import SweepProgress
from sabench.report.tables import LeaderboardTable
from sabench.store import journal
from sabench.store.accept import accept
from sabench.store.leaderboard import (
    Leaderboard,
    make_leaderboard,
    read_leaderboard,
    write_leaderboard,
)
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

NAMES = {
    "unicode": "Größe 日本 \U0001f9ea",
    "right_to_left": "abc\u202egasem\u202c",
    "lines": "one\ntwo\r\nthree\u2028four\x85five",
    "long": "x" * 300,
    "path": "../../../escaped/../../etc/passwd",
    "absolute": "/tmp/escaped",
    "markup": "[bold red]a[/] <script>alert(1)</script> | `b` | *c* | [d](e) & \\| end",
    "control": "\x1b[31mred\x1b]0;title\x07 \x00 tab\tbell\x07",
    "formula": '=HYPERLINK("http://example.org"),"quoted"',
}
each_name = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


def finished_run(root: Path, name: str) -> RunFolder:
    """A run that carries the name wherever one may stand, in a folder made for it under `root`."""
    plain = environment(name=name, note=name)
    cases = (case(), case(name, file=f"{name}.py:{name}"), case("halo", options={"note": name}))
    info = run_info(
        cases,
        suite=name,
        title=name,
        suite_text=name,
        command_line=("sabench", name),
        environments={"cpu": plain},
        preset=preset(processes=1),
    )
    folder = RunFolder.create(info, root=root)
    for job in info.jobs():
        ended: dict[str, Any] = {"environment": plain.id}
        if job.case.subject == "halo":
            ended |= {"status": Status.UNSUPPORTED, "samples": (), "message": name}
        journal.append(folder, record_of(job, **{"samples": (1.0,) * 70, **ended}))
    write_leaderboard(folder.leaderboard_file, board_of(folder))
    return folder


def board_of(folder: RunFolder) -> Leaderboard:
    return make_leaderboard(folder.info, journal.read(folder))


def on_a_terminal(board: Leaderboard, width: int = 80) -> str:
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True, color_system=None)
    console.print(LeaderboardTable(board))
    return shown.getvalue()


@each_name
def test_a_terminal_gets_letters_and_line_ends_alone(name: str, tmp_path: Path) -> None:
    shown = on_a_terminal(board_of(finished_run(tmp_path, name)))
    assert {mark for mark in shown if not mark.isprintable()} == {"\n"}
    assert all(len(line) <= 80 for line in shown.split("\n"))


@each_name
def test_the_progress_of_a_sweep_is_a_line_a_job(name: str, tmp_path: Path) -> None:
    folder, shown = finished_run(tmp_path, name), io.StringIO()
    progress = SweepProgress(Console(file=shown, width=80))
    for job, record in zip(folder.info.jobs(), journal.read(folder), strict=True):
        progress(JobEnded(job, record, 1, 3))
    assert len(shown.getvalue().split("\n")) == 3 + 1
    assert {mark for mark in shown.getvalue() if not mark.isprintable()} == {"\n"}


@each_name
def test_an_error_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["show", name.replace("\0", "")])
    (line,) = capsys.readouterr().err.rstrip("\n").split("\n")
    assert line.isprintable()


def test_an_argument_that_is_no_text_is_refused_in_a_line(tmp_path: Path) -> None:
    done = sabench("show", "run\udcff", cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, "argument 'run\\udcff': has bytes" in line) == (2, True)


@each_name
def test_markdown_keeps_its_lines_and_columns(name: str, tmp_path: Path) -> None:
    text = leaderboard_markdown(board_of(finished_run(tmp_path / "a", name)))
    plain = leaderboard_markdown(board_of(finished_run(tmp_path / "b", "plain")))
    assert [shape(line) for line in text.splitlines()] == [
        shape(line) for line in plain.splitlines()
    ]
    assert "<script" not in re.sub(r"\\.", "", text)
    assert {mark for mark in text if not mark.isprintable()} == {"\n"}


def shape(line: str) -> tuple[str, int]:
    """What a line of Markdown is: its first mark, and its bars that are not escaped."""
    return line[:2].strip() if line[:1] in "#|-" else "", len(re.findall(r"(?<!\\)\|", line))


@each_name
def test_csv_reads_back_as_it_was(name: str, tmp_path: Path) -> None:
    board = board_of(finished_run(tmp_path, name))
    header, *rows = csv.reader(io.StringIO(leaderboard_csv(board), newline=""))
    assert {len(row) for row in rows} == {len(header)}
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["case_id"].lstrip("'") for row in told] == [row.case_id for row in board.rows]
    (message,) = {row["message"].lstrip("'") for row in told} - {""}
    assert message == next(row.message for row in board.rows if row.message)


@each_name
def test_what_is_stored_comes_back_and_nothing_lies_elsewhere(name: str, tmp_path: Path) -> None:
    root, results = tmp_path / "deep" / "runs", tmp_path / "deep" / "results"
    folder = finished_run(root, name)
    assert read_leaderboard(folder.path) == board_of(folder)
    assert read_leaderboard(folder.path).title == name
    assert verify(folder.path) == []
    kept = accept(folder.path, results)
    assert kept.relative_to(results).parts == (kept.parent.name, kept.name)
    assert max(len(kept.parent.name), len(kept.name)) <= 80
    assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+\.json", f"{kept.parent.name}/{kept.name}")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["results", "runs"]
    assert not Path("/tmp/escaped").exists()


SUITE = "name: faked\ntitle: {title}\naxes: {{channels: 8, size: 7, runtime: fake}}\n"
SUITE += "layers: [{{layer: conv}}]\n"


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ('"line\\nbreak"', "not printable on one line"),
        ('"\\e[31m"', "not printable on one line"),
        ("x" * 201, "longer than 200 characters"),
    ],
)
def test_a_suite_takes_no_title_that_breaks_a_line(title: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "faked.yaml").write_text(SUITE.format(title=title))
    done = sabench("profile", "--suite", "faked.yaml", "--device", "cpu", cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line[:7]) == (2, "error: ")
    assert told in line


@pytest.mark.parametrize("name", ["Größe 日本", "two words", "x" * 200, "=1+1", "a;b|c", "[bold]"])
def test_a_layer_file_of_any_name_is_measured(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own code, under the fake runtime only so as to be quick."""
    plant(monkeypatch, tmp_path)
    layer, suite = tmp_path / f"{name}.py", tmp_path / "faked.yaml"
    layer.write_text("from torch import nn\nclass Mine(nn.Identity): ...\n")
    suite.write_text(SUITE.format(title="Größe"))
    asked = Request(suite=str(suite), layers=(f"{layer}:Mine",), device="cpu", seed=1)
    run = start_run(asked, plan_run(asked), tmp_path / name)
    sweep(run, InlineLauncher())
    assert {row.case.subject for row in board_of(run).rows if row.rank} == {"conv", "Mine"}
    assert verify(run.path) == []
