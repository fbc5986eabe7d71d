"""tools/simulate_gate.py in small: what the gate's rule promises, and plants that break it."""

import json
import math
import sys

import numpy as np
import pytest

from loading_tools import TOOLS, load_tool
from sabench import jsonl
from sabench.compare import pair
from sabench.compare.gate import driver
from sabench.compare.gate.driver import Plan, follow
from sabench.compare.gate.judge import judged_case
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict

sys.path.insert(0, str(TOOLS))  # a tool imports another
tool = load_tool("simulate_gate")
gate_noise = sys.modules["gate_noise"]
RECORDED = gate_noise.recorded()
QUIET = next(one for one in tool.settings(RECORDED) if one.name == "recorded, quiet")


def tally(change: float, cases: int, setting=QUIET):
    return tool.simulate(setting, change, cases, threshold=0.03, seed=5)


@pytest.mark.slow
def test_three_thousand_unchanged_cases_raise_no_more_than_three_alarms() -> None:
    found = tally(0.0, 3000)
    assert found.cases == 3000
    assert found.verdicts[Verdict.REGRESSED] <= 3


def test_gates_of_unchanged_quiet_cases_are_seldom_ambiguous_or_unreliable() -> None:
    found = tally(0.0, 450)
    assert found.verdicts[Verdict.REGRESSED] <= 1
    assert found.ambiguous <= 0.1 * found.gates
    assert found.outcomes[Outcome.UNRELIABLE] <= 0.1 * found.gates


@pytest.mark.slow
def test_ten_percent_is_found_in_95_of_100_and_a_quarter_always() -> None:
    ten, quarter = tally(0.10, 300), tally(0.25, 300)
    assert ten.verdicts[Verdict.REGRESSED] >= 285
    assert quarter.verdicts[Verdict.REGRESSED] == 300


@pytest.mark.slow
def test_ten_percent_is_mostly_found_among_all_recorded_cases_too() -> None:
    everything = next(one for one in tool.settings(RECORDED) if one.name == "recorded")
    assert tally(0.10, 300, everything).verdicts[Verdict.REGRESSED] >= 0.85 * 300


@pytest.mark.slow
def test_three_percent_is_hardly_ever_called_the_same() -> None:
    assert tally(0.03, 300).share(Verdict.SAME) <= 0.05


def test_five_percent_is_never_called_the_same() -> None:
    assert tally(0.05, 100).share(Verdict.SAME) == 0.0


def test_the_noise_of_a_case_is_that_of_its_leaderboard() -> None:
    board = json.loads((TOOLS.parent / "results/amd-epyc/halo.json").read_text())
    row, figure = board["rows"][0], board["rows"][0]["figures"]["latency_warm"]
    (line,) = (
        line
        for line in jsonl.read(TOOLS.parent / "results/amd-epyc/gate-noise.jsonl")
        if (line["board"], line["case_id"]) == ("halo.json", row["case_id"])
    )
    between = figure["between_sd"] / figure["median"]
    assert line["between"] == between
    noise = gate_noise.Noise.of(gate_noise.Spread(**line))
    samples = np.median(figure["process_samples"])
    again = math.hypot(noise.process, gate_noise.MEDIAN_ERROR * noise.sample / math.sqrt(samples))
    assert again == pytest.approx(between)


def test_drawn_processes_spread_as_their_noise_says() -> None:
    noise = tool.Noise(process=0.02, sample=0.05)
    bench = tool.DrawnBench(
        {"a": noise}, 0.0, tool.Setting("one", (noise,)), np.random.default_rng(3)
    )
    drawn = [
        math.log(bench.measure(("base",), 0, ["a"])["base"][0].readings[tool.METRIC].median)
        for _ in range(4000)
    ]
    assert np.std(drawn) == pytest.approx(noise.between, rel=0.05)


def test_a_bench_that_favours_the_base_is_seen_as_false_alarms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The candidate is slower by 8 % though the tally believes that nothing changed."""
    honest = tool.record_of
    monkeypatch.setattr(
        tool,
        "record_of",
        lambda one, side, block, change: honest(
            one, side, block, change + (0.08 if side == "candidate" else 0.0)
        ),
    )
    assert tool.broken(QUIET, tally(0.0, 60)) != []


def test_a_verdict_on_the_data_that_raised_the_suspicion_breaks_the_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Any rise is suspect, and the screen itself convicts."""
    monkeypatch.setattr(driver, "_is_suspect", lambda course, one: course.screen.pairs(one) != [])
    monkeypatch.setattr(driver.Course, "effect", lambda course, one: course.screen.effect(one, 0.0))
    monkeypatch.setattr(pair, "NOISE", 0.0)
    assert tool.broken(QUIET, tally(0.0, 300)) != []


def test_a_blind_gate_breaks_the_promise_of_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "NOISE", 1000.0)
    assert tool.broken(QUIET, tally(0.25, 60)) != []


@pytest.mark.slow
def test_a_heavy_tail_keeps_the_standard_deviation() -> None:
    noise = tool.Noise(process=0.02, sample=0.0)
    setting = tool.Setting("tails", (noise,), degrees=3.0)
    bench = tool.DrawnBench({"a": noise}, 0.0, setting, np.random.default_rng(4))
    drawn = [bench._draw("a") for _ in range(40_000)]
    assert np.std(drawn) == pytest.approx(0.02, rel=0.15)
    # the quartiles of a scaled t with three degrees lie nearer: 0.7649 / sqrt(3) of the spread
    quartile = float(np.quantile(np.abs(drawn), 0.5))
    assert quartile == pytest.approx(0.02 * 0.7649 / math.sqrt(3), rel=0.05)


@pytest.mark.slow
def test_disturbed_blocks_cost_verdicts_and_raise_no_alarm() -> None:
    """Of a pair's two processes one in four is spoilt: 12 new blocks have 8 sound ones seldom.

    Each block is sound with 9 chances in 16, so that at least 8 of 12 are with 33.6 %.
    """
    (few, many) = (one for one in tool.settings(RECORDED) if one.disturbed)
    calm, slow = tally(0.0, 300, many), tally(0.25, 300, many)
    assert calm.verdicts[Verdict.REGRESSED] == 0
    told = slow.verdicts[Verdict.REGRESSED] / slow.cases
    assert told == pytest.approx(0.336, abs=0.1)
    assert slow.untold + slow.verdicts[Verdict.REGRESSED] == slow.cases
    assert tally(0.25, 150, few).share(Verdict.REGRESSED) >= 0.97


@pytest.mark.parametrize("spread", [0.003, 0.01, 0.03])
@pytest.mark.slow
def test_the_slowdown_that_a_gate_says_it_finds_is_found_four_times_in_five(spread: float) -> None:
    """It is told by gates without a change; what each tells is planted in another one."""
    noise = tool.Noise(spread, 0.0)
    setting = tool.Setting("one", (noise,))

    def judged(change: float, seed: int):
        bench = tool.DrawnBench(
            {"a": noise}, math.log1p(change), setting, np.random.default_rng(seed)
        )
        return judged_case(follow(Plan(("a",), {"a": 0.03}, seed=seed), bench), "a")

    finds = [judged(0.0, seed).decisive.detectable for seed in range(200)]
    found = sum(judged(one, 200 + k).verdict is Verdict.REGRESSED for k, one in enumerate(finds))
    assert 0.72 * 200 <= found <= 0.89 * 200  # the sd of 0.8 of 200 is 0.028
