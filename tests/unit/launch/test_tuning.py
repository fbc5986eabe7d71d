"""What `auto` becomes after a run: the fastest of each setting, by hand."""

from pathlib import Path

import pytest

from making_rows import board_of, row_of
from making_runs import case, environment
from sabench.cases.choosing import chooser_of
from sabench.cases.expand import expand
from sabench.cases.suite import parse_suite
from sabench.catalog.choices import Choice, Setting
from sabench.known import load_choices, load_known, save_known
from sabench.launch.tune import MARGIN, Found, fastest, keep_choices
from sabench.records import Flag, Status
from sabench.report.tune import choices_lines
from sabench.store.leaderboard import Row

FORWARD = Setting("halo", "fp32", backward=False, size=14)
BLOCKED = Choice("blocked")
APART = (0.999, 1.0, 1.001)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path / "state"))


def timed(**seconds: tuple[float, ...]) -> list[Row]:
    """Of halo of 64, 128, ... channels: each implementation's times."""
    return [
        row_of(case("halo", channels=64 * place, implementation=name), one, APART)
        for name, times in seconds.items()
        for place, one in enumerate(times, start=1)
    ]


def test_the_fastest_is_that_of_the_least_geometric_mean() -> None:
    """4 x and 1 x of the first are as fast as twice 2 x."""
    rows = timed(blocked=(1.0, 9.0), sdpa=(2.0, 4.0), chunked=(4.0, 8.0))
    found = fastest(FORWARD, rows, BLOCKED)
    assert (found.setting, found.implementation, found.open) == (FORWARD, "sdpa", "")
    assert found.others == pytest.approx({"blocked": (9 / 8) ** 0.5, "chunked": 2.0})
    assert list(found.others) == ["blocked", "chunked"]


@pytest.mark.parametrize("end", [Status.CONTENDED, Status.THROTTLED, Status.INTERRUPTED])
def test_where_one_was_disturbed_all_stays_as_it_was(end: Status) -> None:
    rows = timed(blocked=(2.0, 2.0), sdpa=(1.0, 1.0))
    rows.append(row_of(case("halo", implementation="chunked"), 3.0, status=end))
    rows.append(row_of(case("halo", channels=128, implementation="chunked"), 3.0))
    told = "disturbed: chunked"
    assert fastest(FORWARD, rows, BLOCKED) == Found(FORWARD, "blocked", {}, "blocked", told)


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        ({"status": Status.OK_FLAGGED}, "sdpa"),
        ({"status": Status.OOM}, "blocked"),
        ({"status": Status.PARITY_FAILED}, "blocked"),
        ({"status": Status.OK_FLAGGED, "flags": (Flag.PARITY_UNVERIFIED,)}, "blocked"),
        ({"status": Status.OK_FLAGGED, "flags": (Flag.DEVICE_DIRTY,)}, "blocked"),
    ],
)
def test_what_failed_or_is_unfit_is_out(change: dict[str, object], chosen: str) -> None:
    rows = timed(blocked=(2.0, 2.0), chunked=(3.0, 3.0), sdpa=(1.0,))
    rows.append(row_of(case("halo", channels=128, implementation="sdpa"), 1.0, APART, **change))
    found = fastest(FORWARD, rows, BLOCKED)
    assert (found.implementation, "sdpa" in found.others) == (chosen, False)


@pytest.mark.parametrize(
    ("seconds", "factors", "chosen"),
    [
        (MARGIN + 0.01, APART, "sdpa"),
        (MARGIN - 0.01, APART, "blocked"),
        (MARGIN + 0.01, (0.98, 1.0, 1.02), "sdpa"),
        (MARGIN + 0.01, (0.96, 1.0, 1.04), "blocked"),
    ],
)
def test_what_stands_gives_way_only_to_what_is_clearly_faster(
    seconds: float, factors: tuple[float, ...], chosen: str
) -> None:
    rows = [
        row_of(case("halo", implementation=name), value, factors)
        for name, value in (("blocked", seconds), ("sdpa", 1.0))
    ]
    found = fastest(FORWARD, rows, BLOCKED)
    assert (found.implementation, found.before) == (chosen, "blocked")


@pytest.mark.parametrize("stands", [{}, {"blocked": (9.0,)}])
def test_what_stands_gives_way_only_where_it_was_timed(stands: dict[str, tuple[float]]) -> None:
    found = fastest(FORWARD, timed(sdpa=(1.0, 1.0), chunked=(2.0, 2.0), **stands), BLOCKED)
    told = "blocked was not timed in all of its cases"
    assert found == Found(FORWARD, "blocked", {}, "blocked", told)


def test_what_stands_gives_way_where_it_failed() -> None:
    rows = timed(sdpa=(1.0,), chunked=(2.0,))
    rows.append(row_of(case("halo", implementation="blocked"), 0.1, status=Status.OOM))
    assert fastest(FORWARD, rows, BLOCKED).implementation == "sdpa"


def test_one_disturbed_size_leaves_all_sizes_as_they_were() -> None:
    """Else the size that was decided would be the nearest to the one that was not."""
    rows = [
        row_of(case("halo", size=size, implementation=name), seconds, status=status)
        for size, name, seconds, status in (
            (14, "blocked", 1.0, Status.CONTENDED),
            (14, "sdpa", 2.0, Status.OK),
            (28, "blocked", 1.0, Status.OK),
            (28, "sdpa", 2.0, Status.OK),
        )
    ]
    board = board_of(rows)
    (tuned,) = keep_choices(board)
    assert not tuned.is_decided
    assert choices_lines([tuned]).splitlines() == [
        "auto on Plain CPU 9000 stays as it was:",
        "  halo, fp32, forward, 14 px: sdpa, as before: disturbed: blocked",
        "  halo, fp32, forward, 28 px: sdpa, as before: disturbed: blocked",
    ]
    assert not load_choices(board.environments["cpu"]).choices


def test_of_several_versions_of_torch_this_one_tells_then_the_latest() -> None:
    for version, size in (("2.10", 14), ("2.9", 28), ("2.11", 56)):
        rows = [
            row_of(case("halo", size=size, implementation=name), one)
            for name, one in (("sdpa", 2e-3), ("blocked", 1e-3), ("chunked", 3e-3))
        ]
        keep_choices(board_of(rows, environment(torch=version)))
    for version, told in (("2.9", "2.9"), ("2.10", "2.10"), ("3.0", "2.11")):
        (device,) = chooser_of([environment(torch=version)]).devices
        choice = device.choice(FORWARD)
        assert choice is not None
        assert choice.why.endswith(f"with torch {told}")


def test_directions_precisions_sizes_and_layers_are_chosen_apart() -> None:
    rows = [
        row_of(case("halo", implementation=name, **fields), seconds)
        for fields, times in (
            ({}, (1.0, 2.0)),
            ({"size": 28}, (2.0, 1.0)),
            ({"mode": "forward_backward"}, (2.0, 1.0)),
            ({"autocast": "bf16"}, (2.0, 1.0)),
            ({"dtype": "fp16", "mode": "step"}, (1.0, 2.0)),
            ({"dtype": "tf32"}, (2.0, 1.0)),
        )
        for name, seconds in zip(("blocked", "sdpa"), times, strict=True)
    ]
    rows += [row_of(case("conv"), 1.0), row_of(case("augmented"), 1.0)]
    (tuned,) = keep_choices(board_of(rows))
    assert {one.setting.key: one.implementation for one in tuned.found if not one.open} == {
        "halo, fp32, forward, 14 px": "blocked",
        "halo, fp32, forward, 28 px": "sdpa",
        "halo, fp32, forward and backward, 14 px": "sdpa",
        "halo, half, forward, 14 px": "sdpa",
        "halo, half, forward and backward, 14 px": "blocked",
        "halo, tf32, forward, 14 px": "sdpa",
    }


def halo_board(**seconds: float):
    return board_of(
        [row_of(case("halo", implementation=name), one) for name, one in seconds.items()],
        environment(torch="9.8.7"),
    )


def test_a_choice_is_kept_and_auto_is_it_from_then_on() -> None:
    """A peer that is faster still is shown in the table, and is no choice."""
    board = halo_board(blocked=2e-3, chunked=1e-3, sdpa=3e-3, timm=1e-4)
    (tuned,) = keep_choices(board)
    assert tuned.is_kept
    assert tuned.is_decided
    suite = parse_suite(b"name: x\nlayers: [{layer: halo, size: 28}]", "x.yaml")
    found = expand(suite, chooser=chooser_of(board.environments.values()))
    (one,) = found.cases
    assert one.implementation == "chunked"
    (why,) = found.auto.values()
    assert why == (
        "halo, fp32, forward: the fastest at 14 px on Plain CPU 9000, "
        "measured by sabench tune with torch 9.8.7"
    )


def test_an_earlier_choice_stands_where_a_later_run_is_disturbed() -> None:
    keep_choices(halo_board(sdpa=3e-3, blocked=2e-3, chunked=1e-3))
    rows = [
        row_of(case("halo", implementation="blocked"), 1e-4),
        row_of(case("halo", implementation="chunked"), 1e-3, status=Status.CONTENDED),
    ]
    (tuned,) = keep_choices(board_of(rows))
    assert not tuned.is_decided
    assert [(one.implementation, one.open) for one in tuned.found] == [
        ("chunked", "disturbed: chunked")
    ]
    (chosen,) = load_choices(board_of(rows).environments["cpu"]).choices.values()
    assert chosen.implementation == "chunked"


def test_what_else_is_known_is_kept_apart() -> None:
    """An earlier sabench writes what is known of a device anew, and knows of no choices."""
    board = halo_board(sdpa=2e-3, chunked=1e-3)
    keep_choices(board)
    (here,) = board.environments.values()
    save_known(here, load_known(here).raise_ceilings({"matmul": 1.0}))
    assert load_choices(here).choices
    assert load_known(here).ceilings == {"matmul": (1.0,)}
