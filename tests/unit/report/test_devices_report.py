"""The tables of a comparison of devices: fitted, inert whatever the names, complete as JSON."""

import io
import json

import pytest
from rich.console import Console

from making_rows import NOISY, board_of, row_of
from making_runs import case, environment
from sabench.compare.devices import DeviceComparison, compare_devices
from sabench.compare.join import sides_of
from sabench.records import Status
from sabench.report.device_words import factor, letter, share, span
from sabench.report.devices import DevicesTable, devices_json, devices_markdown
from sabench.stats import Interval
from sabench.store.leaderboard import Row

BLOCKS = (4, 7, 8, 14)


def rows(halo: float, conv: float, subject: str = "halo") -> list[Row]:
    """Convolution, and four blocks of a layer, at two sizes; the layer wins on large maps."""
    found = []
    for size in (14, 56):
        found.append(row_of(case(size=size), conv * size**2, NOISY, macs=10.0 * size**2))
        for place, block in enumerate(BLOCKS, start=1):
            layer = case(subject, size=size, options={"block": block})
            time = halo * size * (1 + place / 10)
            found.append(row_of(layer, time, NOISY, macs=float(place * size)))
    return found


def comparison(
    subject: str = "halo", names: tuple[str, ...] = ("A 9000", "B 9000")
) -> DeviceComparison:
    sides = []
    for place, name in enumerate(names):
        board = board_of(rows(20.0e-6, 1e-6 + place * 0.3e-6, subject), environment(name))
        sides += sides_of(f"results/{name}.json", board)
    return compare_devices(sides)


def printed(told: DeviceComparison, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(DevicesTable(told))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("names", [("A 9000", "B 9000"), ("A 9000", "B 9000", "C 9000")])
def test_no_line_is_wider_than_the_terminal(width, names) -> None:
    lines = printed(comparison(names=names), width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)


def test_the_table_tells_gains_winners_orders_and_crossovers() -> None:
    shown = printed(comparison(), 120)
    assert "A  results/A 9000.json: A 9000, torch unknown" in shown
    assert "speed-up" in shown
    assert "fastest: 64 channels, 14 px" in shown
    assert "A and B" in shown
    assert "MACs and B" in shown
    # conv costs 1 us x n^2, halo of block 4 22 us x n: they meet at 22 px; on B at 22 / 1.3 = 16.9
    assert "first to 14, second from 56 (near 2" in shown
    assert "(near 16" in shown


def test_what_all_figures_lack_is_told_once_and_is_no_status() -> None:
    sides = []
    for place, name in enumerate(("A 9000", "B 9000")):
        board = board_of(rows(20.0e-6, 1e-6 + place), environment(name))
        sides += sides_of(f"{name}.json", board)
    shown = printed(compare_devices(sides, metric="energy"), 120)
    assert shown.count("not measured") == 1
    assert "20 figures: not measured" in shown
    assert "ok" not in shown.split()


def test_markdown_has_a_row_for_every_row_of_the_terminal() -> None:
    told = comparison()
    text = devices_markdown(told)
    assert text.count("| conv |") >= 2
    assert "## crossovers along size" in text
    assert text.endswith("\n")


HOSTILE = (
    "<script>alert(1)</script>",
    "quote\"'`",
    "line\nfeed\r\x1b[31mred",
    "x" * 300,
    "../../etc/passwd",
    "=cmd|'/c calc'!A1",
    "[bold]markup[/bold]",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_inert_everywhere(name) -> None:
    told = comparison(name, (f"A {name}", f"B {name}"))
    shown = printed(told, 100)
    assert "\x1b" not in shown
    if "bold" in name:
        assert name in shown  # as it stands: no markup
    text = devices_markdown(told)
    assert "\x1b" not in text
    assert "<script>" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = {line.replace("\\|", "").count("|") for line in tables}
    assert widths <= {5, 6, 7, 8}  # no name adds a column
    item = json.loads(json.dumps(devices_json(told), allow_nan=False))
    assert name in {one["second"]["subject"] for one in item["crossovers"]}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_groups_and_reasons_are_inert(name) -> None:
    failed = row_of(case(), 1.0, status=Status.ERROR, message=f"error: {name}", figures={})
    boards = [
        board_of([row_of(case(), 1.0, group={"mix": name, "device": "cpu"})], environment("A9")),
        board_of([failed], environment("B9")),
    ]
    told = compare_devices([side for board in boards for side in sides_of(f"x {name}", board)])
    shown = printed(told, 100)
    assert "\x1b" not in shown
    assert "error: " in shown
    if "\n" in name:
        assert r"mix line feed \x1b[31mred" in shown
    text = devices_markdown(told)
    assert "\x1b" not in text
    assert "<script>" not in text
    assert len([line for line in text.splitlines() if line.startswith("#")]) == 3


def test_json_has_every_side_group_and_crossing() -> None:
    item = devices_json(comparison())
    json.dumps(item, allow_nan=False)
    assert [one["letter"] for one in item["sides"]] == ["A", "B"]
    assert len(item["groups"]) == 2
    assert len(item["groups"][0]["cases"]) == 5
    gain = item["groups"][0]["cases"][0]["gains"][0]
    assert gain["low"] < gain["times"] < gain["high"]
    assert gain["times"] == pytest.approx(1 / 1.3)
    assert item["together"]["rankings"][0]["cases"] == 10
    assert {one["axis"] for one in item["crossovers"]} == {"size"}
    near = item["crossovers"][0]["courses"][0]["crossovers"][0]["near"]
    assert near["low"] < 22.0 < near["high"]


def test_one_process_is_told_plainly() -> None:
    quick = [row_of(case(size=n), 1.0, (1.0,)) for n in (1, 2, 3, 4)]
    boards = [board_of(quick, environment(name), evidence="smoke") for name in ("A9", "B9")]
    told = compare_devices([side for board in boards for side in sides_of("x", board)])
    shown = printed(told, 80)
    assert "One process a case" in shown
    assert "-" in shown.split("99 %")[1].splitlines()[2]


def test_cases_that_differ_in_how_they_are_computed_are_pointed_at() -> None:
    one = [row_of(case(), 1.0), row_of(case("halo", implementation="blocked"), 1.0)]
    other = [row_of(case(), 1.0), row_of(case("halo", implementation="sdpa"), 1.0)]
    boards = [board_of(one, environment("A9")), board_of(other, environment("B9"))]
    told = compare_devices([side for board in boards for side in sides_of("x", board)])
    shown = printed(told, 120)
    assert "is in A alone" in shown
    assert "--across implementation" in shown


def test_implementations_of_one_side_alone_are_not_pointed_at() -> None:
    ways = [row_of(case("halo", implementation=name), 1.0) for name in ("blocked", "sdpa")]
    strange = row_of(case("conv", size=3), 1.0, case_id="no.id")
    boards = [
        board_of([row_of(case(), 1.0), *ways, strange], environment("A9")),
        board_of([row_of(case(), 1.0)], environment("B9")),
    ]
    told = compare_devices([side for board in boards for side in sides_of("x", board)])
    shown = printed(told, 120)
    assert "no.id is in A alone" in shown
    assert "--across implementation" not in shown


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (factor(0.98234), "0.982"),
        (factor(1.518), "1.52"),
        (factor(15.18), "15.2"),
        (factor(151.8), "152"),
        (share(None), "-"),
        (share(1.0), "100%"),
        (share(0.999), ">99%"),
        (share(0.004), "<1%"),
        (share(0.0), "0%"),
        (span(None), "-"),
        (span(Interval(-0.5, 0.25)), "-0.50..0.25"),
        (letter(0), "A"),
        (letter(26), "S27"),
    ],
)
def test_figures_are_short_and_never_say_more_than_is_known(shown, expected) -> None:
    assert shown == expected
