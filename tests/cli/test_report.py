"""`sabench report` through the real command line, and a reader beside a writer."""

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from faking import plant
from making_rows import NOISY, board_of, row_of
from making_runs import case
from sabench import cli
from sabench.errors import SabenchError
from sabench.launch.inline import InlineLauncher
from sabench.launch.request import Request, plan_run, start_run
from sabench.launch.sweep import sweep
from sabench.store.leaderboard import (
    Leaderboard,
    leaderboard_of,
    read_leaderboard,
    write_leaderboard,
)

SUITE = """name: faked
title: Fakes
axes: {channels: 8, size: [7, 14], threads: [1, 2], runtime: fake}
layers: [{layer: conv, window: [3, 5]}, {layer: self_attention, heads: 2, window: [3, 5, 7]}]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the whole pipeline under the fake runtime."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "faked.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, folder)
        asked = Request(suite=str(folder / "faked.yaml"), device="cpu", seed=1)
        found = start_run(asked, plan_run(asked), folder / "run")
        records = sweep(found, InlineLauncher())
    write_leaderboard(found.leaderboard_file, leaderboard_of(found, records))
    return found.path


def tiny() -> Leaderboard:
    rows = [row_of(case("conv", size=size), 1e-3 * size, NOISY) for size in (7, 14, 28)]
    return board_of(rows)


CHARTS = [("x.svg", b"<svg"), pytest.param("x.png", b"\x89PNG", marks=pytest.mark.slow)]


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


def test_a_run_becomes_a_page_that_says_it_is_made_up_without_torch(
    run: Path, tmp_path: Path
) -> None:
    check = (
        "import sys\nfrom sabench import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit as ended:\n    code = ended.code\n"
        "assert 'torch' not in sys.modules\nsys.exit(code)\n"
    )
    words = ("report", str(run), "-o", "page.html", "--across", "threads")
    command = [sys.executable, "-c", check, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("page.html: 20 records, ")
    text = (tmp_path / "page.html").read_text()
    assert "Made up: runtime fake took the figures from a script" in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_json_has_the_rows_of_every_figure_and_the_commands(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("report", str(run), "--json", "--across", "threads") == 0
    told = json.loads(capsys.readouterr().out)
    names = [figure["name"] for figure in told["figures"]]
    assert {"window", "size", "threads", "devices"} <= set(names)
    assert len(told["records"]) == 20
    assert all(one["command"].endswith(one["case_id"]) for one in told["records"])
    sides = next(figure for figure in told["figures"] if figure["name"] == "devices")
    assert len(sides["rows"]) == 10


@pytest.mark.parametrize(("name", "head"), CHARTS)
def test_a_chart_is_written_as_its_file_is_named(
    run: Path, tmp_path: Path, name: str, head: bytes
) -> None:
    out = tmp_path / name
    assert code_of("report", str(run), "--chart", "window", "-o", str(out)) == 0
    picture = out.read_bytes()
    assert picture.startswith(head)
    if name.endswith("png"):
        width, height = struct.unpack(">II", picture[16:24])
        assert width > 800
        assert height > 300
    else:
        assert b"self_attention" in picture
        assert b"http" not in picture.replace(b"http://www.w3.org", b"")


def test_a_filter_leaves_the_cases_that_pass(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("report", str(run), "--json", "--filter", "conv/*size=7*") == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["case_id"].split("/")[0] for one in told["records"]} == {"conv"}
    assert len(told["records"]) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--metric", "speed"), 2, "--metric speed: not a metric"),
        (("--across", "window"), 2, "--across window: not a key of every case"),
        (("--filter", "none_such"), 2, "no case passes --filter none_such"),
        (("--chart", "none_such", "-o", "x.svg"), 2, "--chart none_such: no such chart"),
        (("--chart", "size", "-o", "x.pdf"), 2, "x.pdf: a chart is written as .svg or .png"),
        (("-o", "nowhere/x.html"), 2, "nowhere/x.html: name a file in a folder that is there"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    arguments: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_leaderboard(tmp_path / "tiny.json", tiny())
    assert code_of("report", "tiny.json", *arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {told}")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.json"]


def test_a_file_that_was_changed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.json"
    write_leaderboard(path, tiny())
    path.write_text(path.read_text().replace("0.014", "0.013", 1))
    assert code_of("report", str(path), "-o", str(tmp_path / "x.html")) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert not (tmp_path / "x.html").exists()


def test_without_the_charts_library_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sabench.report.html.library.NEEDED", ("altair", "none_such_here"))
    write_leaderboard(tmp_path / "tiny.json", tiny())
    assert code_of("report", str(tmp_path / "tiny.json"), "-o", str(tmp_path / "x.html")) == 2
    assert "pip install 'sabench[report]'" in capsys.readouterr().err


def read_beside(path: Path, write: Callable[[Path, Leaderboard], object]) -> list[str]:
    """What 1,000 readings and more saw while another thread wrote 200 times: a suite's name, or
    an error."""
    boards = [tiny(), tiny().model_copy(update={"suite": "b"})]
    write(path, boards[0])
    is_over, seen = threading.Event(), []

    def keep_writing() -> None:
        for _ in range(100):
            for board in boards:
                write(path, board)
        is_over.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    while len(seen) < 1_000 or not is_over.is_set():
        try:
            seen.append(read_leaderboard(path.parent).suite)
        except SabenchError as error:
            seen.append(type(error).__name__)
    writer.join()
    return seen


def test_a_reader_beside_a_writer_never_sees_half_a_file(tmp_path: Path) -> None:
    """What `report` reads while a run goes on is whole every time, old or new."""
    assert set(read_beside(tmp_path / "leaderboard.json", write_leaderboard)) == {"tiny", "b"}


def test_a_writer_that_wrote_in_place_would_be_caught(tmp_path: Path) -> None:
    def in_place(path: Path, board: Leaderboard) -> None:
        whole = tmp_path / "whole.json"
        write_leaderboard(whole, board)
        path.write_text(whole.read_text())

    assert "ResultError" in read_beside(tmp_path / "leaderboard.json", in_place)
