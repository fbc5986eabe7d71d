"""What `auto` becomes after a run: the fastest of each setting, by hand."""

import pytest

from making_rows import board_of, row_of
from making_runs import case
from sabench.cases.choosing import chooser_of
from sabench.cases.expand import expand
from sabench.cases.suite import parse_suite
from sabench.catalog.choices import Setting
from sabench.known import Known, load_known
from sabench.launch.tune import fastest, keep_choices
from sabench.records import Status

FORWARD = Setting("halo", is_half=False, backward=False)


def timed(**seconds: tuple[float, ...]):
    """Of halo at sizes 14, 28, ...: each implementation's times."""
    return [
        (case("halo", size=14 * place, implementation=name), one)
        for name, times in seconds.items()
        for place, one in enumerate(times, start=1)
    ]


def test_the_fastest_is_that_of_the_least_geometric_mean() -> None:
    """4 x and 1 x of the first are as fast as twice 2 x."""
    (found,) = fastest(timed(blocked=(1.0, 9.0), sdpa=(2.0, 4.0), chunked=(4.0, 8.0)))
    assert (found.setting, found.implementation) == (FORWARD, "sdpa")
    assert found.others == pytest.approx({"blocked": (9 / 8) ** 0.5, "chunked": 2.0})


def test_what_was_not_timed_everywhere_is_held_against_nothing() -> None:
    (found,) = fastest(timed(blocked=(3.0, 9.0), sdpa=(1.0,), chunked=(4.0, 9.0)))
    assert (found.implementation, list(found.others)) == ("blocked", ["chunked"])
    assert list(fastest(timed(blocked=(1.0,)))) == []


def test_directions_precisions_and_layers_are_chosen_apart() -> None:
    rows = [
        (case("halo", implementation=name, **fields), seconds)
        for fields, times in (
            ({}, (1.0, 2.0)),
            ({"mode": "forward_backward"}, (2.0, 1.0)),
            ({"autocast": "bf16"}, (2.0, 1.0)),
            ({"dtype": "fp16", "mode": "step"}, (1.0, 2.0)),
        )
        for name, seconds in zip(("blocked", "sdpa"), times, strict=True)
    ]
    rows.append((case("conv"), 1.0))
    assert {one.setting.key: one.implementation for one in fastest(rows)} == {
        "halo, fp32, forward": "blocked",
        "halo, fp32, forward and backward": "sdpa",
        "halo, half, forward": "sdpa",
        "halo, half, forward and backward": "blocked",
    }


def test_a_choice_is_kept_and_auto_is_it_from_then_on() -> None:
    board = board_of(
        [
            row_of(case("halo", implementation="blocked"), 2e-3),
            row_of(case("halo", implementation="chunked"), 1e-3),
            row_of(case("halo", implementation="sdpa"), 1e-4, status=Status.CONTENDED),
        ]
    )
    (tuned,) = keep_choices(board)
    assert tuned.is_kept
    known = {device: load_known(one) for device, one in board.environments.items()}
    suite = parse_suite(b"name: x\nlayers: [{layer: halo, size: 14}]", "x.yaml")
    found = expand(suite, chooser=chooser_of(board.environments, known))
    (one,) = found.cases
    assert one.implementation == "chunked"
    (why,) = found.auto.values()
    assert why == "halo, fp32, forward: the fastest on Plain CPU 9000, measured by sabench tune"


def test_a_choice_of_an_implementation_that_is_no_more_is_passed_over() -> None:
    environments = board_of([row_of(case("halo"), 1.0)]).environments
    known = {"cpu": Known(device="x", choices={FORWARD.key: "abandoned"})}
    choice = chooser_of(environments, known).choose(FORWARD)
    assert choice.implementation != "abandoned"
