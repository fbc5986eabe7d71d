"""The page as text: whole, offline, inert, under its size; what Chromium makes of it is apart."""

import base64
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from making_rows import NOISY, board_of, figure_of, row_of
from making_runs import case, environment
from sabench.records import FLAG_MEANING, Flag, Status
from sabench.report.html.page import Page, page_html, page_of
from sabench.report.html.points import name_sources, points_of
from sabench.report.plain import plain
from sabench.store.leaderboard import Leaderboard, Row
from slowness import mostly_slow

MEGABYTE = 1_000_000

NAMES = {
    "script": "</script><script>alert(1)</script>",
    "quotes": "\"' onload='alert(1)' x=\"",
    "tag": "<img src=x onerror=alert(1)>",
    "comment": "<!-- --> ]]> &lt;b&gt; &amp;",
    "lines": "one\ntwo\r\nthree\u2028four\x85five",
    "long": "x" * 300,
    "path": "../../../escaped/../../etc/passwd",
    "formula": '=HYPERLINK("http://example.org"),"quoted"',
    "control": "\x1b[31mred\x1b]0;title\x07 \x00 tab\tbell",
    "right_to_left": "abc\u202egasem\u202c",
    "expression": "{{datum.x}} datum['x'] ${x} javascript:alert(1)",
}
USUAL = ("script", "expression")
each_name = pytest.mark.parametrize(
    "name", mostly_slow(NAMES.values(), {NAMES[one] for one in USUAL}.__contains__), ids=NAMES
)


class Seen(HTMLParser):
    """What a browser's parser would find."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.inside: list[str] = []
        self.scripts: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.inside.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "script":
            self.scripts[-1] += data
        elif not self.inside or self.inside[-1] != "style":
            self.words.append(data)


def seen_in(text: str) -> Seen:
    parser = Seen()
    parser.feed(text)
    parser.close()
    return parser


def rows(name: str = "") -> list[Row]:
    """Two layers over windows and sizes, with memory and MACs; one that failed."""
    found = []
    for size in (14, 28):
        for number, window in enumerate((3, 5, 7) if size == 14 else (3,), start=1):
            one = case("conv", size=size, options={"window": window} if window != 3 else {})
            found.append(with_memory(row_of(one, 1e-3 * number, NOISY, macs=1e6 * window**2)))
        other = case(name or "halo", size=size, options={"note": name} if name else {})
        found.append(with_memory(row_of(other, 5e-3 * size, NOISY, macs=3e6)))
    failed = case("halo", size=7)
    told = {"status": Status.OOM, "message": name or "oom: 3 GiB asked for", "figures": {}}
    return [*found, row_of(failed, 1.0, **told)]


def with_memory(row: Row) -> Row:
    memory = figure_of("peak_rss_growth", [row.median("macs") or 1.0])
    flags = (Flag.OUTLIERS,)
    return row.model_copy(
        update={"figures": row.figures | {"peak_rss_growth": memory}, "flags": flags}
    )


def board(name: str = "", **fields: Any) -> Leaderboard:
    told: dict[str, Any] = {}
    if name:
        told = {"title": name, "suite": name, "command_line": ("sabench", "profile", name)}
        told["where"] = environment(name, note=name)
    return board_of(rows(name), **told, **fields)


def page(name: str = "") -> Page:
    sources = name_sources([(name or "runs/tiny", board(name)), ("other", board())])
    return page_of(sources, points_of(sources, across=["threads"]), "latency_warm")


@cache
def page_of_name(name: str) -> str:
    return page_html(page(name))


@pytest.fixture(scope="module")
def written() -> str:
    return page_of_name("")


def test_the_page_is_under_three_megabytes(written: str) -> None:
    assert len(written.encode()) < 3 * MEGABYTE


def test_nothing_on_the_page_is_fetched(written: str) -> None:
    found = seen_in(written)
    outward = [
        value
        for name, value in found.attributes
        if name in ("src", "href", "action", "data", "srcset", "poster")
    ]
    assert {value for value in outward if value and not value.startswith("#")} == {"data:,"}
    assert not {"iframe", "object", "embed", "base", "form", "img"} & set(found.tags)
    style = re.search(r"<style>(.*?)</style>", written, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_policy_allows_the_two_scripts_of_the_page_and_no_other(written: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written)
    assert policy is not None
    code = [one for one in seen_in(written).scripts if not one.startswith("{")]
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in code]
    directives = dict(
        part.strip().split(" ", 1) for part in policy[1].replace("&#x27;", "'").split(";")
    )
    assert directives["default-src"] == "'none'"
    assert directives["script-src"].split() == [f"'sha256-{one}'" for one in hashes]
    assert len(hashes) == 2


def test_there_is_a_table_under_every_chart(written: str) -> None:
    sections = re.findall(r"<section id=\"(\w+)\">(.*?)</section>", written, re.DOTALL)
    drawn = {name: body for name, body in sections if 'class="chart"' in body}
    assert {"window", "size", "pareto", "reach", "macs", "residual"} <= set(drawn)
    for body in drawn.values():
        assert body.rindex("<table>") > body.rindex('class="chart"')


def test_every_point_that_is_drawn_stands_in_the_table_of_its_chart() -> None:
    for figure in page().figures:
        told = {number for line in figure.table.lines for number in line.numbers}
        for panel in figure.panels:
            values = data_of(panel.spec)
            assert values
            assert {value["id"] for value in values} <= told


def data_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of a chart's points."""
    values: list[dict[str, Any]] = spec["datasets"]["points"]
    return values


def test_the_kind_of_an_interval_stands_beside_it_in_every_record() -> None:
    told = [entry.cells[3].text for entry in page().records.entries]
    assert told[0] == "980 us to 1.02 ms (range)"
    assert [one.endswith("(range)") for one in told] == [*[True] * 6, False] * 2


def test_every_button_and_every_head_of_a_table_has_a_name() -> None:
    written = page_of_name("tag")  # two places: the settings are held against each other
    buttons = re.findall(r"<button[^>]*>(.*?)</button>", written)
    assert len(buttons) > 40
    assert all(one.strip() for one in buttons)
    assert written.count("<th ") + 1 == len(buttons)  # the other turns light to dark


def test_there_is_a_command_under_every_record(written: str) -> None:
    records = re.findall(r"<tbody.*?</tbody>", written, re.DOTALL)
    commands = [one for one in records if 'class="record"' in one]
    assert len(commands) == 2 * len(rows())
    assert all("<code>sabench profile " in one and "--filter" in one for one in commands)


def test_flags_are_explained_and_a_failure_says_what_happened(written: str) -> None:
    words = " ".join(seen_in(written).words)
    assert FLAG_MEANING[Flag.OUTLIERS] in words
    assert FLAG_MEANING[Flag.BIMODAL] not in words
    assert "oom: 3 GiB asked for" in words


def test_a_name_that_were_not_escaped_would_be_seen() -> None:
    assert "script" in seen_in(f"<td>{NAMES['script']}</td>").tags
    assert "onload" in dict(seen_in(f'<td title="{NAMES["quotes"]}">').attributes)


@each_name
def test_a_hostile_name_adds_no_element_and_no_attribute(name: str, written: str) -> None:
    hostile, harmless = seen_in(page_of_name(name)), seen_in(written)
    assert set(hostile.tags) <= set(harmless.tags)
    assert hostile.tags.count("script") == harmless.tags.count("script")
    assert {key for key, _ in hostile.attributes} <= {key for key, _ in harmless.attributes}
    assert [one for one in hostile.scripts if not one.startswith("{")] == [
        one for one in harmless.scripts if not one.startswith("{")
    ]


@each_name
def test_the_charts_of_a_hostile_name_are_still_read(name: str) -> None:
    found = seen_in(page_of_name(name))
    (data,) = [json.loads(one) for one in found.scripts if one.startswith("{")]
    told = {value["layer"] for one in data["figures"]["size"] for value in data_of(one)}
    assert told == {"conv", "halo", plain(name)}


@pytest.mark.parametrize(
    "size",
    mostly_slow([-5, 0, 10**30, 10**400], (-5, 10**400).__contains__),
    ids=["below", "none", "vast", "absurd"],
)
@pytest.mark.parametrize("time", [1e-300, 1e300], ids=["nothing", "for ever"])
def test_numbers_that_no_axis_has_room_for_are_left_out_of_the_charts(
    size: int, time: float
) -> None:
    odd = row_of(case("conv", size=size, threads=-1), time, macs=1e300)
    huge = row_of(case("augmented", size=size), 1e-3, macs=2e6)
    sources = name_sources([("odd", board_of([*rows(), odd, huge]))])
    made = page_of(sources, points_of(sources), "latency_warm")
    page_html(made)  # refuses what is not finite
    window = next(figure for figure in made.figures if figure.name == "window")
    drawn = {value["id"] for panel in window.panels for value in data_of(panel.spec)}
    assert len(made.records.entries) == len(rows()) + 2
    assert not drawn & {len(rows()), len(rows()) + 1}


@pytest.mark.parametrize(
    "size", mostly_slow([10**30, 10**150], (10**150).__eq__), ids=["vast", "no float"]
)
def test_a_vast_map_measured_in_no_time_spoils_no_figure(size: int) -> None:
    vast = [row_of(case(one, size=size), 1e-3, macs=2e6) for one in ("conv", "halo", "augmented")]
    sources = name_sources([("odd", board_of([*vast, *rows()]))])
    made = page_of(sources, points_of(sources, across=["threads"]), "latency_warm")
    page_html(made)  # refuses what is not finite
    assert {figure.name for figure in page().figures} <= {figure.name for figure in made.figures}
    for figure in made.figures:
        for panel in figure.panels:
            for value in data_of(panel.spec):
                told = [value[key] for key in ("x", "y", "y0", "y1", "x0", "x1") if key in value]
                assert all(1e-18 < one < 1e18 for one in told)


def test_the_roof_of_disturbed_cases_is_that_of_their_own_group() -> None:
    disturbed = [
        row_of(case("conv", channels=channels), 1e-3, status=Status.CONTENDED)
        for channels in (16, 32, 64)
    ]
    fast = [
        row_of(case("conv", channels=channels, threads=2), 1e-6) for channels in (256, 512, 1024)
    ]
    sources = name_sources([("a", board_of([*disturbed, *fast]))])
    made = page_of(sources, points_of(sources), "latency_warm")
    (figure,) = (one for one in made.figures if one.name == "roofline")
    shares = {line.numbers[0]: line.cells[4].sort or 0.0 for line in figure.table.lines}
    assert max(shares[number] for number in (0, 1, 2)) == pytest.approx(1.0)


def test_a_tab_or_a_terminal_code_in_a_name_is_spelled_out() -> None:
    written = page_of_name(NAMES["control"])
    body = written[written.index("<body>") : written.index("<script")]
    assert {mark for mark in body if not mark.isprintable()} <= {"\n"}
    assert "\\x1b[31mred" in body
