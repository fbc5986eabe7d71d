"""A gate as a report of tests: what fails, what errs, what is skipped."""

from xml.etree import ElementTree as ET

from making_gates import change, judged, made, on_a_terminal
from sabench.compare.gate.result import (
    CountChange,
    CountLost,
    GateCase,
    NullControl,
    Outcome,
)
from sabench.compare.pair import Verdict
from sabench.records import Status
from sabench.report.annotations import gate_annotations
from sabench.report.gate_words import headline, remarks
from sabench.report.junit import gate_junit


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


def test_a_fall_of_a_count_is_told_and_fails_nothing() -> None:
    fallen = CountChange(case_id="conv", metric="macs", base=1001.0, candidate=1000.0)
    result = made(counts=(fallen,), counted=("macs",))
    assert not list(ET.fromstring(gate_junit(result)).iter("failure"))
    assert "macs of conv: 1 001 -> 1 000 MAC, less than before." in remarks(result)
    assert result.outcome is Outcome.PASSED
