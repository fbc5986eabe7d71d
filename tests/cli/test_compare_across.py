"""`sabench compare` on sides that are no regression of each other: other devices, other threads."""

import json
from pathlib import Path

import pytest

from faking import sabench
from making_rows import NOISY, board_of, row_of
from making_runs import case, environment, preset
from sabench.cli import main
from sabench.records import Environment, Status
from sabench.store.leaderboard import Row, write_leaderboard


def written(path: Path, rows: list[Row], where: Environment | str, **fields: object) -> str:
    found = environment(where) if isinstance(where, str) else where
    write_leaderboard(path, board_of(rows, found, **fields))
    return str(path)


def compare(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """Two devices: halo wins on the second."""
    rows = {
        "A9": [row_of(case(), 1.0, NOISY), row_of(case("halo"), 2.0, NOISY)],
        "B9": [row_of(case(), 3.0, NOISY), row_of(case("halo"), 2.0, NOISY)],
    }
    return [written(tmp_path / f"{name}.json", those, name) for name, those in rows.items()]


def test_one_result_is_compared_across_its_threads(tmp_path: Path) -> None:
    rows = [
        row_of(case(subject, threads=threads), seconds / threads, NOISY)
        for threads in (1, 2)
        for subject, seconds in (("conv", 1.0), ("halo", 3.0))
    ]
    written(tmp_path / "both.json", rows, "A9")
    told = sabench("compare", "both.json", "--across", "threads", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "both.json threads=2" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    halo = next(line for line in told.stdout.splitlines() if line.startswith("halo"))
    assert halo.split()[1:] == ["3.00", "s", "1.50", "s", "2.00", "1.93..2.07"]


def test_two_devices_are_told_beside_each_other(two, capsys) -> None:
    assert compare(*two) == 0  # slower on another device is no regression
    shown = capsys.readouterr().out
    assert "speed-up" in shown
    assert "0.333" in shown
    assert "fastest" in shown


def test_markdown_goes_to_its_file_and_json_to_stdout(two, tmp_path, capsys) -> None:
    assert compare(*two, "--json", "--markdown", str(tmp_path / "told.md")) == 0
    item = json.loads(capsys.readouterr().out)
    assert [one["device_name"] for one in item["sides"]] == ["A9", "B9"]
    assert "| conv | 1.00 s | 3.00 s | 0.333 |" in (tmp_path / "told.md").read_text()


def test_devices_measured_by_unlike_presets_are_not_comparable(two, tmp_path, capsys) -> None:
    rows = [row_of(case(), 1.0)]
    other = written(tmp_path / "c.json", rows, "C9", preset=preset(name="strict"))
    assert compare(two[0], other) == 3
    assert capsys.readouterr().err.count("\n") <= 2


def test_two_environments_of_one_device_are_not_compared_across_threads(tmp_path, capsys) -> None:
    paths = [
        written(
            tmp_path / f"{threads}.json",
            [row_of(case(threads=threads), 1.0)],
            environment(torch=f"2.{threads}"),
        )
        for threads in (1, 2)
    ]
    assert compare(*paths, "--across", "threads") == 3
    assert "torch 2.1 -> 2.2" in " ".join(capsys.readouterr().err.split())
    assert compare(*paths, "--across", "threads", "--across-env") == 0


def test_devices_that_share_no_case_are_not_comparable(two, tmp_path, capsys) -> None:
    other = written(tmp_path / "c.json", [row_of(case("identity"), 1.0)], "C9")
    assert compare(two[0], other) == 3
    assert "shares no case" in capsys.readouterr().err


def test_devices_without_a_figure_on_two_sides_are_unreliable(two, tmp_path, capsys) -> None:
    failed = row_of(case(), 1.0, status=Status.OOM, message="oom: 8 GiB wanted", figures={})
    other = written(tmp_path / "c.json", [failed], "C9")
    assert compare(two[0], other) == 4
    assert "oom: 8 GiB wanted" in capsys.readouterr().out


def test_strict_minds_a_case_without_a_figure_and_one_that_a_side_lacks(two, tmp_path) -> None:
    rows = [row_of(case(), 1.0), row_of(case("halo"), 1.0, status=Status.OOM, figures={})]
    for name, those in (("failed", rows), ("absent", rows[:1])):
        other = written(tmp_path / f"{name}.json", those, "C9")
        allowed = compare(two[0], other, "--strict", "--allow-missing")
        assert (compare(two[0], other), compare(two[0], other, "--strict")) == (0, 4)
        assert allowed == (4 if name == "failed" else 0)


def test_a_result_of_another_device_switches_no_verdicts_off(two, tmp_path, capsys) -> None:
    slow = written(tmp_path / "slow.json", [row_of(case(), 9.0), row_of(case("halo"), 9.0)], "A9")
    assert compare(two[0], slow) == 1
    capsys.readouterr()
    assert compare(two[0], slow, two[1]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "B9.json has B9, which" in told
    assert "--across device" in told
    assert compare(two[0], slow, two[1], "--across", "device") == 0
    assert "fastest" in capsys.readouterr().out


def test_a_device_that_the_new_result_lacks_is_missing(tmp_path, capsys) -> None:
    rows = [row_of(case(), 1.0, NOISY), row_of(case(), 1.0, NOISY, device="cuda:0")]
    where = {"cpu": environment("A9"), "cuda:0": environment("G9")}
    both = written(tmp_path / "both.json", rows, "A9", environments=where)
    alone = written(tmp_path / "alone.json", rows[:1], "A9")
    assert compare(both, alone) == 1
    assert "1 missing." in capsys.readouterr().out
    assert compare(both, alone, "--allow-missing", "--json") == 0
    told = json.loads(capsys.readouterr().out)["comparisons"]
    assert [(len(one["cases"]), len(one["missing"])) for one in told] == [(1, 0), (0, 1)]


def test_a_key_that_no_case_has_is_a_mistake_of_usage(two) -> None:
    assert compare(*two, "--across", "colour") == 2


def test_a_metric_that_there_is_not_is_a_mistake_of_usage(two) -> None:
    assert compare(*two, "--metric", "speed") == 2


@pytest.mark.parametrize("same", [True, False])
def test_figures_beyond_reason_end_in_no_traceback(tmp_path, capsys, same) -> None:
    wild = [row_of(case(size=n), 1e300, (1e-300, 1.0)) for n in range(1, 5)]
    tiny = [row_of(case(size=n), 1e-300, (1.0, 1.1)) for n in range(1, 5)]
    paths = [
        written(tmp_path / f"{place}.json", rows, "A9" if same else f"{place}9")
        for place, rows in enumerate((tiny, wild))
    ]
    assert compare(*paths) == 0
    assert compare(*paths, "--json") == 0
    out = capsys.readouterr().out
    assert "NaN" not in out
    assert "Infinity" not in out
