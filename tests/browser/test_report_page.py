"""What Chromium makes of the page: drawn, offline, filtered, sorted, told, inert."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from making_rows import NOISY, board_of, row_of
from making_runs import case, environment
from sabench.records import Status
from sabench.report.html.page import page_html, page_of
from sabench.report.html.points import name_sources, points_of
from sabench.store.leaderboard import Leaderboard

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
ALARM = "<img src=x onerror=\"document.title='alarm'\"><script>document.title='alarm'</script>"
BLACK_ON_WHITE, WHITE_ON_BLACK = "rgb(255, 255, 255)", "rgb(22, 24, 27)"


def board(threads: int, faster: float, name: str = "") -> Leaderboard:
    """Convolutions over windows, halo attention over sizes, a case that ran out of memory."""
    rows = []
    for size in (14, 28):
        for window, time in ((3, 1e-3), (5, 2e-3), (7, 4e-3)):
            options = {"window": window} if window != 3 else {}
            one = case("conv", size=size, threads=threads, options=options)
            rows.append(row_of(one, time * size / 14 / faster, NOISY, macs=1e6 * window**2))
        halo = case(name or "halo", size=size, threads=threads)
        rows.append(row_of(halo, 8e-3 / faster, NOISY, macs=5e6))
    failed = case("halo", size=7, threads=threads)
    told = {"status": Status.OOM, "message": f"oom: 3 GiB {name}", "figures": {}}
    where = environment(name, note=name) if name else environment()
    return board_of([*rows, row_of(failed, 1.0, **told)], where, title=name or "A tiny suite")


def write(folder: Path, name: str = "") -> str:
    sources = name_sources([("one", board(1, 1.0, name)), ("two", board(2, 1.7, name))])
    page = page_of(sources, points_of(sources, across=["threads"]), "latency_warm")
    path = folder / "report.html"
    path.write_text(page_html(page))
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("page"))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context


def opened(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_drawn_without_a_request_or_a_word_on_the_console(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    ) as context:
        page, said, asked = context.new_page(), [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]", state="attached")
        assert said == []
        assert asked == [address]
        assert page.locator(".chart svg").count() == page.locator(".chart").count() > 8
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert back == {"light": BLACK_ON_WHITE, "dark": WHITE_ON_BLACK}[scheme]


def test_the_filter_leaves_what_is_asked_for_in_tables_and_charts(
    context: BrowserContext, address: str
) -> None:
    page = opened(context, address)
    window = page.locator("#window .chart").first
    dots = window.locator("path[aria-roledescription=point]")
    expect(dots).to_have_count(4)  # three windows of conv, and halo
    page.locator("select[data-key=layer]").select_option("halo")
    expect(page.locator("#count")).to_have_text("6 of 18 records")
    expect(dots).to_have_count(1)
    shown = page.locator("tbody.record:visible").evaluate_all(
        "all => all.map(o => o.dataset.layer)"
    )
    assert shown == ["halo"] * 6
    lines = page.locator("#window tbody tr:not([hidden])")
    assert lines.count() == 4
    assert all("halo" in text for text in lines.all_text_contents())
    page.locator("#filter-text").fill("size=28")
    expect(page.locator("#count")).to_have_text("2 of 18 records")
    page.locator("#filter-text").fill("")
    page.locator("select[data-key=layer]").select_option("")
    expect(page.locator("#count")).to_have_text("18 of 18 records")
    expect(dots).to_have_count(4)


def test_the_environment_is_seen_whatever_the_filter_leaves(
    context: BrowserContext, address: str
) -> None:
    page = opened(context, address)
    lines = page.locator("#environment > .wide tbody tr")
    settings = len(environment().settings) + 1  # with the device's name
    assert lines.filter(visible=True).count() == lines.count() == settings + 2  # and two runs
    page.locator("#environment summary").click()
    facts = page.locator("#environment details tbody tr")
    assert facts.filter(visible=True).count() == facts.count() == len(environment().facts)
    page.locator("#filter-text").fill("no case is called so")
    expect(page.locator("#count")).to_have_text("0 of 18 records")
    assert lines.filter(visible=True).count() == settings + 2
    assert facts.filter(visible=True).count() == len(environment().facts)


def test_every_line_under_a_chart_is_seen_once_its_table_is_opened(
    context: BrowserContext, address: str
) -> None:
    page = opened(context, address)
    for details in page.locator("section:has(.chart) > details").all():
        lines = details.locator("tbody tr")
        assert lines.filter(visible=True).count() == 0
        details.locator("summary").click()
        assert lines.filter(visible=True).count() == lines.count() > 2
    assert page.locator("section:has(.chart) > details[open]").count() > 5


def test_a_click_on_a_title_sorts_by_the_number_and_leaves_what_has_none_last(
    context: BrowserContext, address: str
) -> None:
    page = opened(context, address)
    head = page.locator("#all th", has_text="latency")
    place = head.evaluate("head => [...head.parentElement.children].indexOf(head)")
    read = "(all, place) => all.map(body => body.rows[0].cells[place].dataset.sort || '')"
    for is_up in (True, False):
        head.locator("button").click()
        told = page.locator("#all tbody.record").evaluate_all(read, place)
        numbers = [float(one) for one in told if one]
        assert told[-2:] == ["", ""]  # out of memory
        assert numbers == sorted(numbers, reverse=not is_up)
        assert len(set(numbers)) > 4
        assert head.get_attribute("aria-sort") == ("ascending" if is_up else "descending")
    assert page.locator("#all tbody.record tr.again").count() == 18  # each beside its record


def test_a_pale_dot_has_a_rim_of_full_strength(context: BrowserContext, address: str) -> None:
    page = opened(context, address)
    dots = page.locator("#devices path[aria-roledescription=point]")
    read = "dot => [getComputedStyle(dot).fill, getComputedStyle(dot).stroke]"
    assert dots.count() > 5
    for dot in dots.all():
        fill, stroke = dot.evaluate(read)
        assert fill == stroke != "none"
        assert dot.get_attribute("stroke-opacity") in (None, "1")


def test_a_dot_tells_its_case_and_interval(context: BrowserContext, address: str) -> None:
    page = opened(context, address)
    dot = page.locator("#window .chart").first.locator("path[aria-roledescription=point]").first
    dot.hover()
    told = page.locator("#vg-tooltip-element")
    expect(told).to_be_visible()
    text = told.inner_text()
    assert "conv/channels=64,size=14/forward.fp32.reference.eager" in text
    assert "1.00 ms" in text
    assert "980 us to 1.02 ms" in text


def test_the_button_turns_light_to_dark_and_the_charts_with_it(
    context: BrowserContext, address: str
) -> None:
    page = opened(context, address)
    fill = (
        "getComputedStyle(document.querySelector('#window path[aria-roledescription=point]')).fill"
    )
    before = page.evaluate(fill)
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == WHITE_ON_BLACK
    assert page.evaluate(fill) != before


def test_print_is_light_and_shows_what_is_folded_away(browser: Browser, address: str) -> None:
    with browser.new_context(color_scheme="dark") as context:
        page = opened(context, address)
        page.emulate_media(media="print", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == BLACK_ON_WHITE
        assert page.locator("details:not([open])").count() == 0
        assert page.locator("#window table").is_visible()
        assert not page.locator(".filter").is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_without_a_script_every_table_is_there(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        assert "without it the tables are whole" in page.inner_text("body")
        assert page.locator("tbody.record").count() == 18
        page.locator("#window summary").click()
        assert page.locator("#window table").is_visible()


def test_hostile_names_are_shown_and_do_nothing(context: BrowserContext, tmp_path: Path) -> None:
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(write(tmp_path, ALARM))
    page.wait_for_selector("html[data-ready]", state="attached")
    layers = page.locator("#size .chart").first.locator("path[aria-roledescription=point]")
    layers.last.hover()
    told = page.locator("#vg-tooltip-element")
    expect(told).to_be_visible()
    assert page.title() != "alarm"
    assert page.locator("body img").count() == 0
    assert said == []
    assert ALARM in page.locator("h1").inner_text()


def test_a_script_that_got_in_would_not_run(context: BrowserContext, address: str) -> None:
    insert = (
        "() => { const one = document.createElement('script');"
        "one.textContent = \"document.title = 'alarm'\"; document.body.append(one); }"
    )
    page, elsewhere = opened(context, address), context.new_page()
    for one in (page, elsewhere):
        one.evaluate(insert)
    assert elsewhere.title() == "alarm"
    assert page.title() == "A tiny suite"
