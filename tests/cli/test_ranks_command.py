"""`sabench ranks` as a shell runs it."""

import csv
import io
import json
from pathlib import Path

import pytest

from making_rows import board_of, row_of
from making_trust import network, over_seeds, trained
from sabench import cli
from sabench.cases.case import Case
from sabench.cases.recipe import Recipe
from sabench.errors import ExitCode
from sabench.store.leaderboard import Row, write_leaderboard

WIDTHS = [round(0.125 + 0.03125 * step, 5) for step in range(12)]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["ranks", *words])
    said = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, said.out, said.err


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `sabench show` prints."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["show", *words])
    assert stopped.value.code == ExitCode.OK
    return capsys.readouterr().out


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training in full and two reduced ones; the second ranks the networks the wrong way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def values(sign: int) -> dict[float, tuple[float, ...]]:
        return {
            width: tuple(0.6 + sign * place / 50 + seed / 1000 for seed in range(3))
            for place, width in enumerate(WIDTHS)
        }

    write_leaderboard(tmp_path / "long.json", trained(values(1), 320.0))
    write_leaderboard(tmp_path / "short.json", trained(values(1), 10.0, e=32))
    write_leaderboard(tmp_path / "small.json", trained(values(-1), 16.0, c=4))
    return tmp_path


SOURCES = ("long.json", "short.json", "small.json")


def test_a_table_names_statistic_ceiling_baselines_and_choice(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *SOURCES, "--markdown", "ranks.md")
    assert code == ExitCode.OK
    assert "12 networks, 3 seeds each, 60.1 to 82.1 %" in " ".join(out.split())
    assert "Seed ceiling: tau of one of its seeds against another is 1.00" in " ".join(out.split())
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert any(row.startswith("accuracy e=32 1.00 1.00..1.00 1.00 1.00") for row in rows)
    assert any(row.startswith("accuracy c=4 -1.00 -1.00..-1.00") for row in rows)
    assert any(row.startswith("params 1.00") for row in rows)
    assert any(row.startswith("macs 1.00") for row in rows)
    assert "Kendall's tau-b with its sign" in out
    assert "Of 2 fast proxies chosen on 6 networks: accuracy e=32" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    assert "| accuracy c=4 | -1.00 |" in (results / "ranks.md").read_text()


def test_what_was_kept_is_told_again_from_its_values(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first, _ = run(capsys, *SOURCES, "--out", "ranks.json")
    code, again, _ = run(capsys, "ranks.json")
    assert (code, again) == (ExitCode.OK, first)
    _, joined, _ = run(capsys, "ranks.json", "short.json")
    assert "(short)" in joined


def test_the_heading_tells_what_the_truth_was_trained_on_and_where(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, *SOURCES)
    words = " ".join(out.split())
    assert "Trained on digits of 16 px, batch 1; " in words
    assert "1 thread. Seed ceiling" in words
    other = trained(dict.fromkeys(WIDTHS, (0.5,)), e=2, data="xor:size=16")
    write_leaderboard(results / "other.json", other.model_copy(update={"recipe": Recipe()}))
    _, out, _ = run(capsys, *SOURCES, "other.json")
    words = " ".join(out.split())
    assert "Trained on other data than the truth: accuracy e=2." in words
    assert "Trained by another recipe than the truth: accuracy e=2." in words


def test_the_heading_of_a_reduced_truth_is_what_its_factors_left(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = trained({width: (width, width) for width in WIDTHS}, c=2, r=4, s=8, e=16)
    board = board.model_copy(update={"recipe": Recipe(epochs=16)})
    write_leaderboard(results / "small.json", board)
    _, out, _ = run(capsys, "small.json", "--truth", "accuracy c=2,r=4,s=8,e=16")
    words = " ".join(out.split())
    told = "Trained on 1/8 of digits of 4 px, 1/2 of the channels, 1 epoch of adamw, lr 0.003"
    assert told in words
    assert "params, macs: of the papers' classes, as these results tell no other" in words


def test_data_are_other_ones_where_as_much_is_left_of_both_and_the_hash_differs(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(name: str, sha256: str, **fields: int) -> None:
        board = trained({width: (width, width) for width in WIDTHS}, **fields)
        rows = tuple(row.model_copy(update={"data_sha256": (sha256,)}) for row in board.rows)
        write_leaderboard(results / name, board.model_copy(update={"rows": rows}))

    write("a.json", "a")
    write("same.json", "a", e=2)
    write("part.json", "b", s=2)
    write("other.json", "c", e=4)
    _, out, _ = run(capsys, "a.json", "same.json", "part.json", "other.json")
    assert "Trained on other data than the truth: accuracy e=4." in " ".join(out.split())


@pytest.mark.parametrize(("data", "sha256"), [("permuted_digits", "a"), ("digits", "b")])
def test_scores_on_other_data_are_told(
    results: Path, capsys: pytest.CaptureFixture[str], data: str, sha256: str
) -> None:
    board = trained({width: (width, width) for width in WIDTHS})
    rows = [row.model_copy(update={"data_sha256": ("a",)}) for row in board.rows]
    write_leaderboard(results / "a.json", board.model_copy(update={"rows": tuple(rows)}))
    for name, *of in (("same.json", "digits", "a"), ("other.json", data, sha256)):
        scored = board_of([score_of(row.case, *of) for row in board.rows], metrics=("snip",))
        write_leaderboard(results / name, scored)
    _, out, _ = run(capsys, "a.json", "same.json")
    assert "other data" not in out
    _, out, _ = run(capsys, "a.json", "other.json")
    assert "Scored on other data than the truth: snip." in " ".join(out.split())


def test_a_network_with_a_single_draw_hides_no_others(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [row.case for row in trained(dict.fromkeys(WIDTHS, (0.5,))).rows]
    rows = [score_of(case, "digits", "a") for case in cases]
    thin = rows[0].model_copy(update={"figures": {"snip": over_seeds([0.125])}})
    write_leaderboard(results / "scores.json", board_of([thin, *rows[1:]], metrics=("snip",)))
    _, out, _ = run(capsys, "long.json", "scores.json")
    assert "single seed" not in out
    (told,) = (line for line in out.splitlines() if line.startswith("snip"))
    assert "55/55" in told  # of 66: none with the thin one


def test_a_truth_that_was_not_trained_has_no_data_or_recipe_to_differ_from(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row_of(network(width), width / 10, (0.99, 1.0, 1.01)) for width in WIDTHS]
    write_leaderboard(results / "profile.json", board_of(rows))
    _, out, _ = run(capsys, *SOURCES, "profile.json", "--truth", "latency_warm")
    assert "than the truth" not in out
    assert "another device" not in out


def score_of(case: Case, data: str, sha256: str) -> Row:
    """A row of a score of the network, on data of that name and hash."""
    width = case.options["width"]
    assert isinstance(width, float)
    scored = case.model_copy(update={"mode": "score", "data": data})
    row = row_of(scored, 1.0, figures={"snip": over_seeds([width, width + 0.001])})
    return row.model_copy(update={"data_sha256": (sha256,)})


def test_a_measured_truth_has_no_seeds(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row_of(network(width), width / 10, (0.99, 1.0, 1.01)) for width in WIDTHS]
    write_leaderboard(results / "profile.json", board_of(rows))
    _, out, _ = run(capsys, "long.json", "profile.json", "--truth", "latency_warm")
    words = " ".join(out.split())
    assert "as latency_warm does: 12 networks, 0.0125 to 0.04688 Seed ceiling: none" in words
    _, out, _ = run(capsys, "long.json", "profile.json", "--pairs", "latency_warm")
    assert "width=0.46875 width=0.125 0.0344 " in " ".join(out.split())


def test_pairs_that_an_indicator_decides_are_listed(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *SOURCES, "--pairs", "accuracy c=4")
    assert code == ExitCode.OK
    assert "accuracy c=4 decides 66 of 66 pairs" in out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "width=0.125 width=0.46875 22.0 % the other way" in rows
    _, out, _ = run(capsys, *SOURCES, "--pairs", "accuracy e=32", "--json")
    told = json.loads(out)["pairs"]
    assert (told["all"], len(told["decided"])) == (66, 66)
    assert {one["truth"] for one in told["decided"]} == {"alike"}
    _, out, _ = run(capsys, *SOURCES, "--pairs", "accuracy", "--markdown", "ranks.md")
    shared = "(network=resnet26, resolution=16)"
    assert f"accuracy decides 66 of 66 pairs {shared}" in " ".join(out.split())
    assert "| width=0.46875 | width=0.125 | 22.0 % | alike |" in (results / "ranks.md").read_text()


def test_json_holds_every_value_and_interval(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *SOURCES, "--json")
    told = json.loads(out)
    assert (code, told["schema"]) == (ExitCode.OK, "sabench.ranks")
    assert told["seed_ceiling"] == {"seeds": 3, "tau": 1.0, "top_third": 1.0}
    short, small, params, macs = told["indicators"]
    assert short["overall"] == {"tau": 1.0, "networks": 12, "interval": [1.0, 1.0]}
    assert small["gains"] == {"params": [-2.0, -2.0], "macs": [-2.0, -2.0]}
    assert (short["faster"], small["faster"], params["faster"]) == (32.0, 20.0, None)
    assert macs["pairs"]["decided"] == 66
    assert told["choice"]["name"] == "accuracy e=32"
    assert len(told["truth"]["values"]) == 12


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("short.json",), ExitCode.USAGE, "error: no training in full among these results"),
        (("none.json",), ExitCode.NOT_COMPARABLE, "error: none.json: cannot be read"),
        ((*SOURCES, "--pairs", "x"), ExitCode.USAGE, "error: --pairs 'x' is none of these"),
        (("long.json", "--truth", "x"), ExitCode.USAGE, "error: --truth 'x' is none of these"),
    ],
)
def test_a_wrong_question_is_one_clear_line(
    results: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: ExitCode,
    line: str,
) -> None:
    found, out, err = run(capsys, *words)
    assert (found, out) == (code, "")
    assert err.startswith(line)
    assert len(err.splitlines()) == 1


def test_show_puts_accuracy_beside_latency_and_says_what_it_is_worth(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = board_of([row_of(network(width), width / 10) for width in WIDTHS[:2]])
    write_leaderboard(results / "profile.json", profile)
    run(capsys, *SOURCES, "--out", "ranks.json")
    out = shown(capsys, "profile.json", "--with", "small.json", "--ranks", "ranks.json")
    words = " ".join(out.split())
    assert "Accuracy of 2 of 2 cases from small.json: digits c=4, 3 seeds." in words
    assert "ranks 12 networks as accuracy does with tau -1.00" in words
    assert "60.1%" in out
    assert "58.1%" in out
    bare = " ".join(shown(capsys, "small.json").split())
    assert "Not known how far this accuracy ranks as a training in full would" in bare
    marked = " ".join(shown(capsys, "small.json", "--ranks", "ranks.json").split())
    assert "Accuracy by digits c=4 ranks 12 networks as accuracy does with tau -1.00" in marked


def test_notes_reach_every_format(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *SOURCES, "--out", "ranks.json")
    text = shown(capsys, "short.json", "--ranks", "ranks.json", "--markdown")
    assert "with tau 1.00" in text
    table = csv.DictReader(io.StringIO(shown(capsys, "short.json", "--csv")))
    assert {line["notes"][:27] for line in table} == {"Not known how far this accu"}
    table = csv.DictReader(
        io.StringIO(shown(capsys, "short.json", "--ranks", "ranks.json", "--csv"))
    )
    assert all("with tau 1.00" in line["notes"] for line in table)
    told = json.loads(shown(capsys, "short.json", "--ranks", "ranks.json", "--json"))
    assert "with tau 1.00" in told["notes"][0]
