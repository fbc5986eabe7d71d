"""Whatever a file or a user calls a thing: every output of a gate shows it, and none obeys it."""

import io
import json
import re
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from making_gates import change, judged, made, on_a_terminal
from making_runs import environment
from sabench.compare.gate.driver import Step
from sabench.compare.gate.result import (
    CountChange,
    CountLost,
    GateCase,
    GateResult,
    NullControl,
    Rate,
    SideTold,
)
from sabench.compare.pair import Verdict
from sabench.launch.events import Notice
from sabench.records import Status
from sabench.report.annotations import gate_annotations
from sabench.report.benchmark_json import benchmark_json
from sabench.report.gate import gate_json
from sabench.report.gate_markdown import gate_markdown
from sabench.report.gate_progress import GateProgress
from sabench.report.junit import gate_junit
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
