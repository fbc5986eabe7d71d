"""What a gate's result becomes: a table, Markdown, JUnit XML, JSON for plots, annotations."""

import io
import json
import math
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from making_runs import environment
from sabench.catalog.presets import PRESETS
from sabench.compare.gate.driver import Step
from sabench.compare.gate.result import (
    Change,
    CountChange,
    CountLost,
    GateCase,
    GateResult,
    NullControl,
    Outcome,
    Rate,
    SideTold,
)
from sabench.compare.pair import Verdict
from sabench.errors import ExitCode
from sabench.launch.events import Notice
from sabench.records import Status
from sabench.report.annotations import MOST, annotation, gate_annotations
from sabench.report.benchmark_json import benchmark_json
from sabench.report.gate import GateTable, gate_json
from sabench.report.gate_markdown import gate_markdown, step_summary
from sabench.report.gate_progress import GateProgress
from sabench.report.gate_words import false_alarms, headline, remarks
from sabench.report.github import WorkflowStep
from sabench.report.junit import gate_junit
from sabench.report.markdown import code, escape
from sabench.report.plain import plain

NAMES = {
    "plain": "halo/channels=64,size=28/forward.fp32.blocked.eager",
    "unicode": "Größe 日本 \U0001f9ea",
    "right_to_left": "abc\u202egasem\u202c",
    "lines": "one\n::error::two\r\n##[add-mask]three\u2028four\x85five",
    "long": "x" * 300,
    "path": "../../../escaped/../../etc/passwd",
    "markup": "[bold red]a[/] <script>alert(1)</script> | `b` | *c* | [d](e) & \\| ]]> end",
    "fences": "```\n</details> ~~~ $x$ {{ 7 }} <!-- -->",
    "control": "\x1b[31mred\x1b]0;title\x07 \x00 tab\tbell\x07 \ufffe",
    "formula": '=HYPERLINK("http://example.org"),"quoted"',
    "mention": "@octocat a@b.example @org/team #12 owner/repo#3 GH-4 x@",
    "links": "http://a.example https://b.example www.c.example HTTPS://D.example xmpp:e@f.example",
    "command": "::set-output name=a,b:c%0A::stop::",
}
each_name = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


def change(ratio: float, blocks: int = 8) -> Change:
    """Two milliseconds before, and so many times that now."""
    return Change(
        ratio=ratio,
        low=ratio / 1.01,
        high=ratio * 1.01,
        theta=0.03,
        detectable=0.042,
        blocks=blocks,
        pairs=((2e-3, 2e-3 * ratio),) * blocks,
    )


def judged(case_id: str, ratio: float, verdict: Verdict, **fields: Any) -> GateCase:
    is_suspect = verdict is Verdict.REGRESSED
    return GateCase(
        case_id=case_id,
        threshold=0.03,
        screen=change(ratio, 4),
        confirm=change(ratio) if is_suspect else None,
        is_suspect=is_suspect,
        verdict=verdict,
        **fields,
    )


def made(*cases: GateCase, **fields: Any) -> GateResult:
    here = environment()
    wanted: dict[str, Any] = {
        "suite": "gate",
        "device": "cpu",
        "preset": PRESETS["gate"],
        "seed": 1,
        "base": SideTold(name="../base", commit="a" * 40, environment=here),
        "candidate": SideTold(name=".", commit="b" * 40, environment=here),
        "cases": cases or (judged("conv", 1.0, Verdict.SAME),),
        "started_utc": "2026-01-01T00:00:00Z",
        "wall_s": 91.0,
    }
    return GateResult.model_validate(wanted | fields)


def full_of(name: str) -> GateResult:
    """A result that carries the name wherever a file or a user may put it."""
    here = environment(name, note=name)
    side = SideTold(name=name, commit=name, python=name, environment=here)
    return made(
        judged(f"{name}1", 1.1, Verdict.REGRESSED),
        judged(f"{name}2", 1.0, Verdict.SAME),
        judged(f"{name}3", 1.02, Verdict.AMBIGUOUS),
        GateCase(case_id=f"{name}4", threshold=0.03, status=Status.CRASH, reason=name),
        suite=name,
        device=name,
        base=side,
        candidate=side,
        counts=(CountChange(case_id=f"{name}2", metric="macs", base=1.0, candidate=2.0),),
        counted=("macs",),
        lost_counts=(CountLost(case_id=f"{name}3", metric="macs", base=1.0),),
        unsteady=(CountChange(case_id=f"{name}3", metric="params", base=1.0, candidate=2.0),),
        rules=name,
        nulls=(NullControl(case_id=name, change=change(1.0), verdict=Verdict.SAME),),
        missing=(name,),
        added=(name,),
        planted=name,
        plant=1.08,
        started_utc=name,
        command_line=(name,),
        false_alarms=Rate(
            device=name, suite=name, runs=200, red=0, ambiguous=1, unreliable=2, upper_bound=0.015
        ),
    )


def on_a_terminal(result: GateResult, width: int = 80) -> str:
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True, color_system=None)
    console.print(GateTable(result))
    return shown.getvalue()


@each_name
def test_a_terminal_gets_letters_and_line_ends_alone(name: str) -> None:
    shown = on_a_terminal(full_of(name))
    assert {mark for mark in shown if not mark.isprintable()} == {"\n"}
    assert all(len(line) <= 80 for line in shown.split("\n"))


@each_name
def test_progress_is_a_line_a_block(name: str) -> None:
    shown = io.StringIO()
    progress = GateProgress(Console(file=shown, width=80))
    progress.step(Step("screen", 1, (name,)))
    progress(Notice(name))
    assert len(shown.getvalue().split("\n")) == 2 + 1
    assert {mark for mark in shown.getvalue() if not mark.isprintable()} == {"\n"}


@each_name
def test_markdown_keeps_its_lines_and_its_columns(name: str) -> None:
    text, usual = gate_markdown(full_of(name)), gate_markdown(full_of("usual"))
    assert list(map(shape, text.splitlines())) == list(map(shape, usual.splitlines()))
    assert {mark for mark in text if not mark.isprintable()} == {"\n"}


LINKED = re.compile(r"@\w|#\d|\bgh-\d|://|www\.", re.IGNORECASE)
"""What GitHub makes live in text that was rendered: mentions, references, addresses."""


@each_name
def test_nobody_is_notified_and_nothing_is_linked_by_markdown(name: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(gate_markdown(full_of(name)))
    text = re.sub(r"<[^>]*>", "", re.sub(r"<code>.*?</code>", "", html))
    assert "<a " not in html
    assert LINKED.findall(unescape(text)) == []
    told = " ".join(plain(name).split())
    assert told in unescape(text).replace("\u200b", "")


def shape(line: str) -> tuple[str, int]:
    """What a line is: its first marks, and its bars and tags that are neither escaped nor code."""
    bare = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", line))
    return line[:2].strip() if line[:1] in "#|-<" else "", sum(map(bare.count, "|<>`"))


@each_name
def test_junit_is_well_formed_and_gives_names_back(name: str) -> None:
    root = ET.fromstring(gate_junit(full_of(name)).encode())
    tests = root.findall("testsuite/testcase")
    assert root.attrib["tests"] == str(len(tests))
    told = [one.attrib["name"] for one in tests]
    names = [plain(f"{name}{number}") for number in range(1, 5)]
    assert told == [*names, *names, plain(name), "null control"]  # times, counts, missing
    assert all(one.isprintable() for one in told)


@each_name
def test_benchmark_json_is_plain_and_parses(name: str) -> None:
    sound = full_of(name).model_copy(update={"plant": None})
    rows = json.loads(json.dumps(benchmark_json(sound)))
    assert len(rows) == 3
    assert all(
        value.isprintable() for row in rows for value in row.values() if value != row["value"]
    )


@each_name
def test_an_annotation_is_one_command_and_nothing_else(name: str) -> None:
    for line in gate_annotations(full_of(name)):
        assert line.isprintable()
        level, title, _ = re.fullmatch(r"::(\w+) title=([^:,]*)::(.*)", line).groups()  # type: ignore[union-attr]
        assert level in ("error", "warning", "notice")
        assert "%" not in re.sub(r"%(25|3A|2C)", "", title)


@each_name
def test_json_gives_every_name_back(name: str) -> None:
    told = json.loads(json.dumps(gate_json(full_of(name), strict=False)))
    assert told["missing"] == [name]
    assert told["cases"][3]["reason"] == name


def test_every_workflow_command_is_refused_between_stop_and_resume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the runner does it: after stop-commands only its own token is obeyed."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    tokens = set()
    for _ in range(2):
        with WorkflowStep() as step:
            print("::error::theirs", "::stop-commands::theirs", sep="\n", file=sys.stderr)
            step.end(made(judged("a", 1.1, Verdict.REGRESSED)))
        lines = capsys.readouterr().err.splitlines()
        token = lines[0].removeprefix("::stop-commands::")
        assert re.fullmatch("[0-9a-f]{32}", token)
        assert obeyed(lines) == [("stop-commands", token), ("error", ""), ("error", "")]
        tokens.add(token)
    assert len(tokens) == 2  # nobody knows it before the step runs
    assert (tmp_path / "summary.md").read_text().startswith("## sabench gate")


def obeyed(lines: list[str]) -> list[tuple[str, str]]:
    """The commands that a runner carries out, with what stop-commands was given.

    Source: actions/runner, src/Runner.Worker/ActionCommandManager.cs.
    """
    done, stopped = [], ""
    for line in lines:
        found = re.match(r"::([a-z-]+|[0-9a-f]{32})( [^:]*)?::(.*)", line)
        if found is None or (stopped and found[1] != stopped):
            continue
        is_stop = found[1] == "stop-commands"
        if not stopped:
            done.append((found[1], found[3] if is_stop else ""))
        stopped = found[3] if is_stop else ""
    return done


def test_outside_a_workflow_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    with WorkflowStep() as step:
        step.end(made())
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "summary.md").exists()


def test_a_summary_that_cannot_be_written_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    WorkflowStep().end(made())
    assert "no summary was written" in capsys.readouterr().err.splitlines()[-1]


def test_a_summary_stays_below_what_github_takes() -> None:
    text = "ä\n" * 1000
    assert step_summary(text, 3000) == text
    cut = step_summary(text, 2999)
    assert len(cut.encode()) <= 2999
    assert cut.startswith("ä\nä\n")
    assert "Cut here" in cut


def test_an_annotation_escapes_as_the_toolkit_does() -> None:
    """The escapes of actions/toolkit, packages/core/src/command.ts."""
    assert annotation("error", "a:b,c", "50%, x:y") == "::error title=a%3Ab%2Cc::50%25, x:y"


def test_annotations_beyond_what_github_shows_are_counted() -> None:
    many = made(*(judged(f"case{n}", 1.1, Verdict.REGRESSED) for n in range(20)))
    lines = gate_annotations(many)
    assert len(lines) == MOST + 1
    assert lines[-1].endswith("::11 more in the table")


def test_markdown_escapes_what_would_be_markup_and_leaves_code_alone() -> None:
    assert code("self_attention/a=1") == "`self_attention/a=1`"
    assert code("a|b") == r"a\|b"
    assert code("a`b") == r"a\`b"
    assert escape("~a~ $b$ &lt;") == r"\~a\~ \$b\$ \&lt;"


def test_the_rows_that_want_a_look_stand_before_the_fold() -> None:
    slow, same = judged("slow", 1.1, Verdict.REGRESSED), judged("same", 1.0, Verdict.SAME)
    seen, _, folded = gate_markdown(made(same, slow)).partition("<details>")
    assert "| `slow` | 2.00 ms | 2.20 ms | 1.100 | 1.089-1.111 | 3.0% | 4.2% | REGRESSED |" in seen
    assert "`same`" not in seen
    assert "`same`" in folded


def test_junit_fails_a_regression_skips_the_unsure_and_errs_on_a_crash() -> None:
    root = ET.fromstring(
        gate_junit(
            made(
                judged("slow", 1.1, Verdict.REGRESSED),
                judged("unsure", 1.02, Verdict.AMBIGUOUS),
                judged("same", 1.0, Verdict.SAME),
                GateCase(case_id="dead", threshold=0.03, status=Status.CRASH, reason="crash(9)"),
            )
        )
    )
    told = {one.attrib["name"]: [part.tag for part in one] for one in root.iter("testcase")}
    assert told == {"slow": ["failure"], "unsure": ["skipped"], "same": [], "dead": ["error"]}
    assert {root.attrib[key] for key in ("failures", "errors", "skipped")} == {"1"}


def test_where_the_null_control_fired_no_time_fails() -> None:
    fired = NullControl(case_id="conv", change=change(1.2), verdict=Verdict.REGRESSED)
    result = made(judged("slow", 1.1, Verdict.REGRESSED), nulls=(fired,))
    root = ET.fromstring(gate_junit(result))
    assert (root.attrib["failures"], root.attrib["errors"]) == ("0", "1")
    assert [line.partition(" ")[0] for line in gate_annotations(result)] == ["::warning"]
    assert headline(result) == "UNRELIABLE: the null control fired: conv against itself 1.200"


def test_a_risen_count_fails_in_junit_though_the_times_are_unreliable() -> None:
    fired = NullControl(case_id="conv", change=change(1.2), verdict=Verdict.REGRESSED)
    risen = CountChange(case_id="conv", metric="macs", base=1000.0, candidate=1001.0)
    result = made(nulls=(fired,), counts=(risen,), counted=("macs",))
    root = ET.fromstring(gate_junit(result))
    (failure,) = root.iter("failure")
    assert failure.attrib["message"] == "macs of conv: 1 000 -> 1 001 MAC, more than before"
    assert "1 001" in headline(result)


def test_a_count_that_is_told_no_more_errs_in_junit_and_is_told_everywhere() -> None:
    lost = CountLost(case_id="conv", metric="macs", base=1000.0)
    result = made(lost_counts=(lost,))
    told = "macs of conv: 1 000 MAC before, and the candidate does not tell it"
    (error,) = ET.fromstring(gate_junit(result)).iter("error")
    assert error.attrib["message"] == told
    assert headline(result) == f"FAILED: 1 count lost, the first: {told}"
    assert [line.partition("::not")[0][:8] for line in gate_annotations(result)] == ["::error "] * 2
    assert f"{told}." in " ".join(on_a_terminal(result, 200).split())


def test_a_count_that_differs_from_itself_is_told_and_fails_nothing() -> None:
    unsteady = CountChange(case_id="conv", metric="peak_allocated", base=8.0, candidate=16.0)
    result = made(unsteady=(unsteady,), counted=("macs",))
    told = "peak_allocated of conv: 8 B and 16 B in two processes of the base, so that it is not"
    assert any(line.startswith(told) for line in remarks(result))
    assert result.outcome is Outcome.PASSED


def test_a_case_that_the_candidate_alone_cannot_measure_fails_as_a_missing_one() -> None:
    lost = GateCase(
        **{"case_id": "big", "threshold": 0.03, "status": Status.OOM},
        **{"is_lost": True, "reason": "candidate: out of memory"},
    )
    result = made(judged("conv", 1.0, Verdict.SAME), lost)
    (failure,) = ET.fromstring(gate_junit(result)).iter("failure")
    assert "out of memory" in failure.attrib["message"]
    assert headline(result) == "REGRESSED: 1 case missing, the first big"
    assert gate_annotations(result)[1].startswith("::error title=missing%3A big::oom")
    assert not list(
        ET.fromstring(gate_junit(result.model_copy(update={"allow_missing": True}))).iter("failure")
    )


def test_what_broke_a_gate_off_is_told_first() -> None:
    told = headline(made(interrupted=True, broken_off="cpu: gone"))
    assert told.startswith("INTERRUPTED: cpu: gone; stopped before the end")


def test_the_file_whose_thresholds_ruled_is_named() -> None:
    text = gate_markdown(made(rules="../base/suites/gate.yaml"))
    assert "- Thresholds from ../base/suites/gate.yaml." in text


def test_a_fall_of_a_count_is_told_and_fails_nothing() -> None:
    fallen = CountChange(case_id="conv", metric="macs", base=1001.0, candidate=1000.0)
    result = made(counts=(fallen,), counted=("macs",))
    assert not list(ET.fromstring(gate_junit(result)).iter("failure"))
    assert "macs of conv: 1 001 -> 1 000 MAC, less than before." in remarks(result)
    assert result.outcome is Outcome.PASSED


def test_benchmark_json_has_the_candidate_in_seconds_with_half_its_interval() -> None:
    (row,) = benchmark_json(made(judged("conv", 1.0, Verdict.SAME)))
    half = (1.01 - 1 / 1.01) / 2
    assert row["value"] == pytest.approx(2e-3)
    assert (row["name"], row["unit"], row["range"]) == ("conv", "s", f"± {half:.2%}")


@pytest.mark.parametrize(
    "fields",
    [
        {"plant": 1.08, "planted": "a"},
        {"nulls": (NullControl(case_id="a", change=change(1.2), verdict=Verdict.REGRESSED),)},
    ],
    ids=["planted", "unreliable"],
)
def test_no_plot_gets_the_figures_of_a_planted_or_an_unreliable_gate(
    fields: dict[str, Any],
) -> None:
    assert benchmark_json(made(judged("a", 1.0, Verdict.SAME), **fields)) == []
    assert len(benchmark_json(made(judged("a", 1.0, Verdict.SAME)))) == 1


def test_figures_are_geometric_means_so_that_their_ratio_is_the_change() -> None:
    pairs = ((1e-3, 1e-3), (4e-3, 9e-3))
    two = change(1.5, 2).model_copy(update={"pairs": pairs})
    (row,) = benchmark_json(made(judged("a", 1.0, Verdict.SAME).model_copy(update={"screen": two})))
    assert row["value"] == pytest.approx(math.sqrt(1e-3 * 9e-3))


def test_the_measured_rate_is_told_as_it_was_measured() -> None:
    told = {"device": "cpu", "suite": "gate", "runs": 205, "red": 1, "ambiguous": 3}
    rate = Rate(**told, unreliable=2, failed=3, without_verdict=4, upper_bound=0.0234)
    assert false_alarms(made(false_alarms=rate)) == (
        "False alarms, measured on cpu with suite gate: 1 of 200 gates of unchanged code were red "
        "(95 %: at most 2.3%); 3 ended AMBIGUOUS, and 2 more UNRELIABLE, 3 FAILED, "
        "in 4 a case had no verdict."
    )
    assert "have not been measured" in false_alarms(made())


def test_history_mode_is_named_wherever_a_gate_is_shown() -> None:
    result = made(mode="history")
    for text in (on_a_terminal(result), gate_markdown(result), gate_junit(result)):
        assert "History mode" in " ".join(text.split())


def test_an_interrupted_gate_says_so_and_names_no_disturbed_case_as_its_fault() -> None:
    unread = GateCase(case_id="a", threshold=0.03, status=Status.CONTENDED, reason="too few blocks")
    told = headline(made(unread, interrupted=True))
    assert told.startswith("INTERRUPTED: stopped before the end")
    assert "too few blocks" not in told


def test_a_difference_between_the_environments_is_told() -> None:
    newer = SideTold(name=".", environment=environment(torch="2.13"))
    older = SideTold(name="..", environment=environment(torch="2.12"))
    assert "The sides differ in torch 2.12 -> 2.13." in remarks(made(base=older, candidate=newer))


def test_what_slowdown_would_have_been_found_is_the_worst_of_the_cases() -> None:
    near = judged("near", 1.0, Verdict.SAME)
    far = near.model_copy(update={"screen": change(1.0).model_copy(update={"detectable": 0.071})})
    told = " ".join(remarks(made(near, far)))
    assert "A slowdown of 7.1% would have been found in any of the measured cases" in told


@pytest.mark.parametrize(
    ("result", "strict", "code"),
    [
        (made(), False, ExitCode.OK),
        (made(judged("a", 1.1, Verdict.REGRESSED)), False, ExitCode.REGRESSION),
        (made(missing=("m",)), False, ExitCode.REGRESSION),
        (made(missing=("m",), allow_missing=True), False, ExitCode.OK),
        (made(judged("a", 1.02, Verdict.AMBIGUOUS)), False, ExitCode.OK),
        (made(judged("a", 1.02, Verdict.AMBIGUOUS)), True, ExitCode.UNRELIABLE),
        (made(judged("a", 1.1, Verdict.CLOCK_SUSPECT)), True, ExitCode.UNRELIABLE),
        (made(interrupted=True), False, ExitCode.INTERRUPTED),
    ],
)
def test_the_json_tells_the_exit_code(result: GateResult, strict: bool, code: ExitCode) -> None:
    assert gate_json(result, strict=strict)["exit_code"] == code
