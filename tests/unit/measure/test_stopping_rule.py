"""tools/check_stopping.py in small, and each of its promises broken by a planted fault."""

from collections.abc import Callable

import numpy as np
import pytest

from loading_tools import load_tool
from sabench.catalog.presets import Preset, find_preset
from sabench.measure import judging, stopping, warm_up
from sabench.stats import Interval

STANDARD = find_preset("standard")


tool = load_tool("check_stopping")


def broken(streams: int) -> list[str]:
    """The promises that do not hold, without what was read."""
    made = tool.check(STANDARD, streams, seed=1, told=lambda _: None)
    return [promise.text for promise in made if not promise.holds]


@pytest.mark.parametrize("streams", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_every_promise_holds(streams: int) -> None:
    assert broken(streams) == []


@pytest.mark.parametrize(
    ("name", "fault", "told"),
    [
        ("drifts", lambda *_: False, "drifting: flagged drift in 95%"),
        ("drifts", lambda *_: True, "white: flagged drift in no more than 5%"),
        ("is_bimodal", lambda *_: False, "bimodal: flagged bimodal in 95%"),
        ("is_bimodal", lambda *_: True, "constant: flagged bimodal in no more than 5%"),
    ],
)
@pytest.mark.slow
def test_a_detector_that_sees_nothing_or_everything_is_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, fault: Callable[..., bool], told: str
) -> None:
    monkeypatch.setattr(judging, name, fault)
    assert told in broken(40)


@pytest.mark.slow
def test_an_interval_that_is_too_narrow_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def third(samples, **_: object) -> Interval:
        found = tool_interval(samples)
        middle = float(np.median(samples))
        return Interval(middle - (middle - found.low) / 3, middle + (found.high - middle) / 3)

    tool_interval = tool.median_interval
    monkeypatch.setattr(tool, "median_interval", third)
    assert "white: the 95 % interval covers the true median in 93%" in broken(60)


def test_a_rule_that_does_not_count_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    unbounded = STANDARD.model_copy(update={"samples_max": 10_000, "budget_s": 1e6})

    def never_settles(progress: stopping.Progress, _: object) -> stopping.Stop | None:
        return stopping.Stop.BUDGET if len(progress.samples) > 2100 else None

    assert unbounded.samples_max > STANDARD.samples_max
    monkeypatch.setattr(stopping, "should_stop", never_settles)
    found = broken(2)
    assert "bimodal: ends within 2000 samples" in found
    assert "constant: ends at 30 samples with an interval of width 0" in found


@pytest.mark.slow
def test_a_rule_that_looks_only_for_luck_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look after every sample, and the end as soon as the interval lies off the middle."""

    def lucky(progress: stopping.Progress, preset: Preset) -> stopping.Stop | None:
        n = len(progress.samples)
        interval = stopping.median_interval(progress.samples) if n >= 30 else None
        is_off = interval is not None and not interval.low <= tool.CALL_S <= interval.high
        return stopping.Stop.PRECISE if is_off or n >= preset.samples_max else None

    monkeypatch.setattr(stopping, "should_stop", lucky)
    monkeypatch.setattr(warm_up, "chunk_size", lambda *_: 1)
    assert "white: the 95 % interval covers the true median in 93%" in broken(20)
