"""What a gate's result becomes: a table, Markdown, JSON for plots, and the words beside them."""

import math
from typing import Any

import pytest

from making_gates import change, judged, made, on_a_terminal
from making_runs import environment
from sabench.compare.gate.result import (
    CountChange,
    GateCase,
    GateResult,
    NullControl,
    Outcome,
    Rate,
    SideTold,
)
from sabench.compare.pair import Verdict
from sabench.errors import ExitCode
from sabench.records import Status
from sabench.report.benchmark_json import benchmark_json
from sabench.report.gate import gate_json
from sabench.report.gate_markdown import gate_markdown
from sabench.report.gate_words import false_alarms, headline, remarks
from sabench.report.junit import gate_junit
from sabench.report.markdown import code, escape


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


def test_a_count_that_differs_from_itself_is_told_and_fails_nothing() -> None:
    unsteady = CountChange(case_id="conv", metric="peak_allocated", base=8.0, candidate=16.0)
    result = made(unsteady=(unsteady,), counted=("macs",))
    told = "peak_allocated of conv: 8 B and 16 B in two processes of the base, so that it is not"
    assert any(line.startswith(told) for line in remarks(result))
    assert result.outcome is Outcome.PASSED


def test_no_case_is_called_slower_where_the_control_fired() -> None:
    """Counts rule whatever the times say; the times then say nothing."""
    fired = NullControl(case_id="conv", change=change(1.2), verdict=Verdict.REGRESSED)
    risen = CountChange(case_id="conv", metric="macs", base=1000.0, candidate=1001.0)
    told = headline(made(judged("conv", 1.5, Verdict.REGRESSED), nulls=(fired,), counts=(risen,)))
    assert told == (
        "REGRESSED: 1 count rose, the first: macs of conv: 1 000 -> 1 001 MAC, more than before; "
        "no time counts: the null control fired: conv against itself 1.200"
    )


@pytest.mark.parametrize(("ratio", "outcome"), [(1.1, Outcome.UNRELIABLE), (1.02, Outcome.PASSED)])
def test_a_control_that_changed_after_its_screen_spoils_the_times(
    ratio: float, outcome: Outcome
) -> None:
    """It was SAME in the screen; 2 % is sure, and less than counts."""
    same = judged("conv", 1.0, Verdict.SAME, is_control=True)
    result = made(same.model_copy(update={"confirm": change(ratio)}))
    assert result.outcome is outcome
    assert ("SAME in the screen" in headline(result)) is (outcome is Outcome.UNRELIABLE)


def test_what_broke_a_gate_off_is_told_first() -> None:
    told = headline(made(interrupted=True, broken_off="cpu: gone"))
    assert told.startswith("INTERRUPTED: cpu: gone; stopped before the end")


def test_the_file_whose_thresholds_ruled_is_named() -> None:
    text = gate_markdown(made(rules="../base/suites/gate.yaml"))
    assert "- Thresholds from ../base/suites/gate.yaml." in text


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
    once = near.model_copy(update={"screen": change(1.0).model_copy(update={"detectable": None})})
    told = " ".join(remarks(made(near, once)))
    assert "A slowdown of 4.2% would have been found in 1 of the 2 measured cases" in told


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
