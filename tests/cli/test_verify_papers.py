"""`sabench verify` as a user sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files

import pytest

from sabench.cli import main
from sabench.papers.rows import Paper, load_paper, parse_paper


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        main(["verify", *arguments])
    except SystemExit as end:
        return int(end.code or 0), capsys.readouterr().out
    raise AssertionError("a command ends by exiting")


def plant(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> Paper:
    """SASA's file with another word in it is what the command reads."""
    text = (files("sabench.papers") / "sasa.yaml").read_text(encoding="utf-8")
    assert old in text
    planted = parse_paper(text.replace(old, new, 1), "sasa.yaml")
    for module in ("sabench.papers.verify", "sabench.report.verify"):
        monkeypatch.setattr(f"{module}.load_paper", lambda _: planted)
    return planted


def test_all_three_papers_hold_and_the_counts_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--json")
    told = json.loads(out)
    assert code == 0
    assert list(told["papers"]) == ["sasa", "aacn", "halonet"]
    assert [one["counts"]["rows"] for one in told["papers"].values()] == [30, 32, 40]
    counts = told["counts"]
    assert counts["wrong"] == 0
    assert counts["rows"] == 102 == sum(counts.values()) - counts["rows"]
    assert counts["not built"] == 6  # BAM, CBAM, GALA, GE, ViT, BiT
    assert "built" not in told


def test_a_row_as_json_has_published_ours_difference_verdict_and_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out = run(capsys, "halonet", "--json")
    rows = json.loads(out)["papers"]["halonet"]["rows"]
    (h3,) = [row for row in rows if row["row"] == "HaloNet-H3" and row["params_m"]]
    assert h3["command"] == "sabench count halonet_h3"
    assert h3["verdict"] == h3["params_m"]["verdict"] == "explained"
    assert h3["params_m"]["published"] == "12.3"
    assert h3["params_m"]["ours"] == pytest.approx(11.843, abs=0.001)
    assert h3["params_m"]["difference"] == pytest.approx(11.843 / 12.3 - 1, abs=1e-4)
    assert "1280" in h3["params_m"]["reason"]
    assert h3["flops_b"] is None


def test_the_command_of_a_row_reaches_its_network(capsys: pytest.CaptureFixture[str]) -> None:
    """R50 with the attention of window 3: the row, and `sabench count`, one after the other."""
    _, out = run(capsys, "sasa", "--json")
    rows = json.loads(out)["papers"]["sasa"]["rows"]
    (row,) = [row for row in rows if row["row"] == "window 3"]
    name, *words = row["command"].split()[2:]
    with pytest.raises(SystemExit):
        main(["count", name, *words, "--json"])
    counted = json.loads(capsys.readouterr().out)
    assert counted["params"] / 1e6 == row["params_m"]["ours"]
    assert counted["flops"] / 1e9 == row["flops_b"]["ours"]


def test_a_wrong_figure_is_exit_1_and_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, "params_m: 13.7, flops_b: 4.7", "params_m: 13.9, flops_b: 4.7")
    code, out = run(capsys, "sasa")
    assert code == 1
    (line,) = [line for line in out.splitlines() if line.startswith("ResNet-26 baseline")]
    assert "-1.5%!" in line
    assert "wrong" in line
    assert "1 wrong" in out


def test_a_module_with_other_parameters_is_exit_1_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn

    from sabench.networks import build

    right = build.build_network

    def one_more(*arguments: object, **named: object) -> nn.Module:
        module = right(*arguments, **named)  # type: ignore[arg-type]
        module.register_parameter("more", nn.Parameter(module.classifier.bias.new_zeros(1)))
        return module

    planted = load_paper("sasa").model_copy(update={"rows": load_paper("sasa").rows[:2]})
    for name in ("sabench.papers.verify", "sabench.report.verify"):
        monkeypatch.setattr(f"{name}.load_paper", lambda _: planted)
    assert run(capsys, "sasa", "--check")[0] == 0
    monkeypatch.setattr(build, "build_network", one_more)
    code, out = run(capsys, "sasa", "--check")
    assert code == 1
    assert "2 networks were built; 0 have the closed form's parameters." in out
    assert "sabench count resnet26 mix=self_attention: " in out
    code, out = run(capsys, "sasa", "--check", "--json")
    assert code == 1
    told = json.loads(out)["built"][0]
    assert (told["agrees"], told["params_built"] - told["params_closed"]) == (False, 1)


def test_an_unknown_paper_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    for name, nearest in (("hallonet", "; nearest: halonet"), ("", "")):
        with pytest.raises(SystemExit) as end:
            main(["verify", name])
        assert end.value.code == 2
        assert capsys.readouterr().err == (
            f"error: paper {name!r} is not known, allowed: sasa, aacn, halonet{nearest}\n"
        )


@pytest.mark.parametrize("paper", ["sasa", "aacn", "halonet"])
def test_the_table_at_80_columns(
    paper: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    golden: Callable[[str, str], None],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out = run(capsys, paper)
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 0
    assert max(map(len, lines)) <= 80
    golden(f"tables/verify_{paper}.txt", "\n".join(lines) + "\n")


def test_it_is_quick_small_and_needs_no_torch() -> None:
    """Under 60 s and 2 GB on two cores, H7 and the detectors with it."""
    check = (
        "import resource, sys, time\n"
        "from sabench.cli import main\n"
        "try:\n    main(['verify'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules\n"
        "assert time.process_time() < 60\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 1024**2\n"  # KiB
    )
    done = subprocess.run(
        [sys.executable, "-c", check], env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_network_of_the_papers_is_built_as_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out = run(capsys, "--check", "--json")
    assert code == 0
    built = json.loads(out)["built"]
    assert len(built) > 60
    assert all(one["agrees"] for one in built)
