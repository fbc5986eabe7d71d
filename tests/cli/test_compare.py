"""`sabench compare` as a shell runs it: what it prints, writes, and exits with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faking import sabench, write_script
from making_rows import NOISY, board_of, row_of
from making_runs import case, environment, preset
from making_trust import trained
from sabench.cases.recipe import Recipe
from sabench.errors import ExitCode
from sabench.records import MEASURED, Status
from sabench.store.leaderboard import Row, read_leaderboard, write_leaderboard

CONV, HALO = case("conv"), case("halo")
QUIET = (0.999, 1.0, 1.001, 1.0, 1.0)
HOSTILE = '=cmd|"<script>alert(1)</script>`[x](y)`' + "\x1b[31m\r\nnext\u202e" + "x" * 300


def rows(conv: float = 1e-3, halo: float = 2e-3, **fields: Any) -> list[Row]:
    return [row_of(CONV, conv, QUIET), row_of(HALO, halo, QUIET, **fields)]


def compare(
    folder: Path, base: list[Row], new: list[Row], *options: str, **of_new: Any
) -> subprocess.CompletedProcess[str]:
    """The command on two leaderboards of these rows."""
    write_leaderboard(folder / "base.json", board_of(base))
    write_leaderboard(folder / "new.json", board_of(new, **of_new))
    return sabench("compare", "base.json", "new.json", *options, cwd=folder)


def test_nothing_worse_is_exit_0(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(halo=1.5e-3), "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 IMPROVED, 1 SAME; geometric mean of 2 ratios 0.866." in done.stdout  # sqrt(3/4)


def test_a_regression_is_exit_1_with_its_ratio(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(halo=2.5e-3))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("halo")]
    assert line.split()[:6] == ["halo", "2.00", "ms", "2.50", "ms", "1.250"]
    assert line.split()[-1] == "REGRESSED"


def test_a_missing_case_is_exit_1_unless_allowed_and_a_new_one_is_told(tmp_path: Path) -> None:
    late = row_of(case("augmented"), 1.0)
    new = [row_of(CONV, 1e-3, QUIET), late]
    assert compare(tmp_path, rows(), new).returncode == 1
    done = compare(tmp_path, rows(), new, "--allow-missing")
    assert done.returncode == 0
    assert f"{HALO.case_id} missing: new.json lacks it" in " ".join(done.stdout.split())
    assert f"{late.case_id} new: base.json lacks it" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metric", "speed"], "not a metric; there are params"),
        (["--across", "colour"], "no key of a case; there are threads"),
        (["--markdown", "no/such.md"], "no/such.md: there is no folder no"),
    ],
)
def test_usage_is_exit_2_in_one_line(tmp_path: Path, options: list[str], told: str) -> None:
    done = compare(tmp_path, rows(), rows(), *options)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert told in done.stderr


def test_one_result_alone_is_exit_2(tmp_path: Path) -> None:
    write_leaderboard(tmp_path / "base.json", board_of(rows()))
    done = sabench("compare", "base.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "compare takes two results" in done.stderr


def test_unlike_environments_are_exit_3_with_the_remedy(tmp_path: Path) -> None:
    where = environment(torch="9.9")
    new = rows()
    done = compare(tmp_path, rows(), new, where=where)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
    assert "(torch untold -> 9.9): not comparable; measure the base again" in done.stderr
    done = compare(tmp_path, rows(), rows(halo=9.0), "--across-env", where=where)
    assert done.returncode == 0
    assert "ratios without verdicts" in done.stdout
    assert "REGRESSED" not in done.stdout


def test_a_result_from_before_the_processor_was_told_is_exit_3_with_what_it_lacks(
    tmp_path: Path,
) -> None:
    where = environment("Plain CPU 9000", cpu_family="AuthenticAMD 23-1-2", cpu_isa="avx2")
    done = compare(tmp_path, rows(), rows(halo=9.0), where=where)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
    told = "(cpu_family untold -> AuthenticAMD 23-1-2, cpu_isa untold -> avx2)"
    assert f"{told}: not comparable; measure the base again" in done.stderr
    done = compare(tmp_path, rows(), rows(halo=9.0), "--across-env", where=where)
    assert done.returncode == 0
    assert "ratios without verdicts" in done.stdout


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "sabench.run"}'])
def test_a_file_that_is_no_leaderboard_is_exit_3(tmp_path: Path, text: str) -> None:
    write_leaderboard(tmp_path / "base.json", board_of(rows()))
    (tmp_path / "bad.json").write_text(text)
    for sources in (("base.json", "bad.json"), ("base.json", "absent.json")):
        done = sabench("compare", *sources, cwd=tmp_path)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)


def test_what_could_not_be_told_is_exit_4_if_strict(tmp_path: Path) -> None:
    noisy = [row_of(CONV, 1e-3, NOISY), row_of(HALO, 2e-3, QUIET)]
    done = compare(tmp_path, noisy, noisy)
    assert done.returncode == 0
    assert "AMBIGUOUS (" in done.stdout
    assert compare(tmp_path, noisy, noisy, "--strict").returncode == 4


def test_no_case_measured_on_both_sides_is_exit_4(tmp_path: Path) -> None:
    disturbed = [row.model_copy(update={"status": Status.CONTENDED}) for row in rows()]
    done = compare(tmp_path, rows(), disturbed)
    assert done.returncode == 4
    assert "2 not compared" in done.stdout


def test_a_case_that_fails_now_is_exit_6_with_what_happened(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(status=Status.CRASH, message="crash(9): gone"))
    assert done.returncode == 6
    assert f"{HALO.case_id} not compared: new: crash(9): gone" in " ".join(done.stdout.split())


def test_interrupted_is_exit_130(tmp_path: Path) -> None:
    """It reads a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-m", "sabench", "compare", "pipe", "pipe"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)  # waits for the reader
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
        os.close(writer)
    assert process.returncode == 130
    assert "Traceback" not in told


def test_quick_results_are_told_to_be_no_evidence(tmp_path: Path) -> None:
    one = [row_of(CONV, 1e-3, (1.0,))]
    quick = {"preset": preset(processes=1), "evidence": "smoke"}
    write_leaderboard(tmp_path / "base.json", board_of(one, **quick))
    done = sabench("compare", "base.json", "base.json", cwd=tmp_path)
    assert done.returncode == 0
    assert "One process a case: no interval, and no verdict that could be sure." in " ".join(
        done.stdout.split()
    )
    assert "1 AMBIGUOUS" in done.stdout


def test_a_rate_that_falls_is_worse_and_told_as_such(tmp_path: Path) -> None:
    base, new = ([row_of(CONV, rate, QUIET, metric="throughput")] for rate in (1000.0, 500.0))
    done = compare(tmp_path, base, new, "--metric", "throughput")
    assert done.returncode == 1
    assert "more is better" in done.stdout
    assert "REGRESSED: less, surely" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("conv")]
    shown = line.split()[-2]
    assert shown.startswith("-")  # the fall of the rate that would have been found
    done = compare(tmp_path, base, new, "--metric", "throughput", "--json")
    (told,) = json.loads(done.stdout)["comparisons"][0]["cases"]
    assert f"{told['detectable']:+.1%}" == shown


def test_the_json_has_base_units_fractions_and_the_exit_code(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(halo=2.5e-3), "--json")
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode == 1
    (only,) = told["comparisons"]
    assert (only["missing"], only["added"], only["judged"]) == ([], [], True)
    assert only["verdicts"]["REGRESSED"] == 1
    conv, halo = only["cases"]
    assert (conv["verdict"], halo["verdict"]) == ("SAME", "REGRESSED")
    assert (halo["base"], halo["new"]) == (2e-3, 2.5e-3)
    assert halo["ratio"] == pytest.approx(1.25)
    assert halo["low"] < 1.25 < halo["high"]
    assert halo["processes"] == [5, 5]


def test_three_results_are_compared_with_the_first(tmp_path: Path) -> None:
    for name, halo in (("a", 2e-3), ("b", 2e-3), ("c", 3e-3)):
        write_leaderboard(tmp_path / f"{name}.json", board_of(rows(halo=halo)))
    done = sabench("compare", "a.json", "b.json", "c.json", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)["comparisons"]
    assert [(one["base"]["name"], one["new"]["name"]) for one in told] == [
        ("a.json", "b.json"),
        ("a.json", "c.json"),
    ]
    assert [one["verdicts"]["REGRESSED"] for one in told] == [0, 1]
    assert done.returncode == 1


def test_the_markdown_says_what_the_table_says(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(halo=2.5e-3), "--markdown", "told.md")
    text = (tmp_path / "told.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| halo")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["halo", "2.00 ms", "2.50 ms", "1.250"]
    assert cells[-1] == "REGRESSED"
    assert "1 REGRESSED, 1 SAME" in text
    assert "1 REGRESSED, 1 SAME" in done.stdout


def test_hostile_names_are_inert_in_every_output(tmp_path: Path) -> None:
    evil = case(HOSTILE)
    ended = row_of(case(f"{HOSTILE}2"), 1.0, status=Status.OOM, message=HOSTILE)
    where = environment(name=HOSTILE)
    both = [row_of(evil, 1.0, QUIET), ended]
    board = board_of(both, where, title=HOSTILE, suite=HOSTILE)
    write_leaderboard(tmp_path / "evil.json", board)
    done = sabench("compare", "evil.json", "evil.json", "--markdown", "told.md", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    text = (tmp_path / "told.md").read_text()
    assert "<script>" not in text
    assert not any(line.startswith("next") for line in text.splitlines())
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {8}
    told = json.loads(sabench("compare", "evil.json", "evil.json", "--json", cwd=tmp_path).stdout)
    assert told["comparisons"][0]["cases"][0]["case_id"] == evil.case_id
    assert {path.name for path in tmp_path.iterdir()} == {"evil.json", "told.md"}


def test_a_terminal_of_80_columns_is_enough(tmp_path: Path) -> None:
    done = compare(tmp_path, rows(), rows(halo=2.5e-3))
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_of_many_cases_the_urgent_ones_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    many = [row_of(case(size=size), 1.0, QUIET) for size in range(1, 302)]
    slow = [row_of(one.case, 2.0 if one.case.size == 250 else 1.0, QUIET) for one in many]
    done = compare(tmp_path, many, slow, "--markdown", "told.md")
    assert done.stdout.count("REGRESSED\n") == 1
    assert "101 more cases: --json and --markdown have them all." in done.stdout
    assert (tmp_path / "told.md").read_text().count("| SAME |") == 300


SUITE = """\
name: faked
title: Figures from a script
axes: {channels: 64, size: [7, 14], runtime: fake}
layers: [{layer: conv}, {layer: squeeze_excite}]
"""


@pytest.mark.slow
def test_an_interrupted_and_resumed_run_is_none_the_worse(tmp_path: Path) -> None:
    """Against one that nobody stopped, with other noise: the same cases, none REGRESSED."""
    (tmp_path / "faked.yaml").write_text(SUITE)
    rule = {"stream": "white", "sigma": 0.01, "seconds_per_mac": 1e-11}
    asked = ("--suite", "faked.yaml", "--device", "cpu", "--preset", "standard", "--seed", "5")
    asked = (*asked, "--set", "processes=2", "--set", "memory_apart=false")
    other = write_script(tmp_path / "other.json", rule, seed=1)
    assert sabench("profile", *asked, "--out", "whole", cwd=tmp_path, **other).returncode == 0

    script = write_script(tmp_path / "script.json", rule | {"pace_s": 0.003}, seed=2)
    command = [sys.executable, "-m", "sabench", "profile", *asked, "--out", "cut"]
    journal = tmp_path / "cut" / "journal.jsonl"
    surroundings = {**os.environ, "SABENCH_STATE": str(tmp_path / "state"), **script}
    with subprocess.Popen(
        command, cwd=tmp_path, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        patience = time.monotonic() + 60.0
        while not journal.exists() or len(journal.read_bytes().splitlines()) < 3:
            assert process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert not read_leaderboard(tmp_path / "cut").is_complete
    assert sabench("profile", "--resume", "cut", cwd=tmp_path, **script).returncode == 0

    whole, cut = (read_leaderboard(tmp_path / name).rows for name in ("whole", "cut"))
    assert {(r.case_id, r.device, r.processes) for r in whole} == {
        (r.case_id, r.device, r.processes) for r in cut
    }
    assert {r.status for r in whole + cut} <= MEASURED  # flagged, or not, as the noise falls
    done = sabench("compare", "whole", "cut", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (told,) = json.loads(done.stdout)["comparisons"]
    assert (told["missing"], told["added"]) == ([], [])
    assert {one["verdict"] for one in told["cases"]} <= {"SAME", "AMBIGUOUS"}
    assert len(told["cases"]) == 4


def test_trainings_are_compared_by_accuracy_where_no_metric_is_named(tmp_path: Path) -> None:
    better = {0.25: (0.90, 0.91, 0.92, 0.91, 0.90), 0.5: (0.95, 0.95, 0.96, 0.95, 0.94)}
    worse = better | {0.25: (0.70, 0.71, 0.72, 0.71, 0.70)}
    write_leaderboard(tmp_path / "base.json", trained(better))
    write_leaderboard(tmp_path / "new.json", trained(worse))
    done = sabench("compare", "base.json", "new.json", cwd=tmp_path)
    assert done.returncode == ExitCode.REGRESSION, done.stderr
    assert "1 REGRESSED, 1 SAME" in done.stdout
    assert "accuracy" in done.stdout


def test_trainings_on_other_data_or_by_another_recipe_are_not_compared(tmp_path: Path) -> None:
    values = {0.25: (0.90, 0.91, 0.92, 0.91, 0.90)}
    base = trained(values).model_copy(update={"recipe": Recipe(epochs=15)})
    (row,) = base.rows
    told = [row.model_copy(update={"data_sha256": (digest,)}) for digest in ("aa", "bb")]
    write_leaderboard(tmp_path / "base.json", base.model_copy(update={"rows": (told[0],)}))
    write_leaderboard(tmp_path / "data.json", base.model_copy(update={"rows": (told[1],)}))
    update = {"recipe": Recipe(epochs=12)}
    write_leaderboard(tmp_path / "recipe.json", base.model_copy(update=update))
    data = sabench("compare", "base.json", "data.json", cwd=tmp_path)
    assert "base and new are of other data: their checksums differ" in " ".join(data.stdout.split())
    recipe = sabench("compare", "base.json", "recipe.json", cwd=tmp_path)
    assert recipe.returncode == ExitCode.NOT_COMPARABLE
    assert "trained by unlike recipes (epochs 15 -> 12)" in recipe.stderr
