"""A gate as JUnit XML: a test a case, one for the exact counts of each, one for the control."""

from xml.etree import ElementTree as ET

from sabench.compare.gate.result import GateCase, GateResult, Outcome
from sabench.compare.pair import Verdict
from sabench.records import FAILED
from sabench.report import gate_words as words
from sabench.report.plain import plain

UNSURE = (Verdict.AMBIGUOUS, Verdict.CLOCK_SUSPECT)


def gate_junit(result: GateResult) -> str:
    """What every server of continuous integration reads. A case that cannot be told is skipped.

    Its own failures are the gate's: where the times are unreliable no time fails, the control does.
    """
    suite = ET.Element("testsuite", {"name": plain(f"sabench gate {result.suite}")})
    for case in result.cases:
        _judge(result, case, _test(suite, "latency", case.case_id))
    _counts(result, suite)
    for one in result.missing:
        test = _test(suite, "presence", one)
        kind = "skipped" if result.allow_missing else "failure"
        _say(test, kind, "the base has it and the candidate has not")
    if result.nulls or result.outcome is Outcome.UNRELIABLE:
        control = _test(suite, "control", "null control")
        if result.unreliable_because:
            _say(control, "error", result.unreliable_because)
    if result.interrupted:
        _say(_test(suite, "gate", "ran to its end"), "error", words.headline(result))
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    tallies = {name: str(len(suite.findall(f"*/{kind}"))) for name, kind in kinds.items()}
    tallies |= {"tests": str(len(suite)), "time": f"{result.wall_s:.3f}"}
    suite.attrib.update(tallies | {"timestamp": plain(result.started_utc).rstrip("Z")})
    out = ET.SubElement(suite, "system-out")
    out.text = "\n".join(map(plain, [*words.setting(result), *words.remarks(result)]))
    root = ET.Element("testsuites", {"name": "sabench", **tallies})
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _judge(result: GateResult, case: GateCase, test: ET.Element) -> None:
    line = words.case_line(result, case)
    told = f"{line.verdict}: {line.base} -> {line.candidate}, x {line.ratio} ({line.interval})"
    if case.verdict is None:
        is_gone = case.is_lost and not result.allow_missing
        kind = "error" if case.status in FAILED else "failure" if is_gone else "skipped"
        _say(test, kind, words.case_note(case))
    elif case.verdict in UNSURE:
        _say(test, "skipped", told)
    elif case.verdict is Verdict.REGRESSED:
        is_trusted = not result.unreliable_because
        _say(test, "failure" if is_trusted else "skipped", told)


def _counts(result: GateResult, suite: ET.Element) -> None:
    """One test a case: whether any of its counts rose."""
    for case in result.cases if result.counted or result.lost_counts else ():
        changed = [change for change in result.counts if change.case_id == case.case_id]
        test = _test(suite, "counts", case.case_id)
        if any(change.has_risen for change in changed):
            _say(test, "failure", "; ".join(map(words.count_line, changed)))
        elif lost := [one for one in result.lost_counts if one.case_id == case.case_id]:
            _say(test, "error", "; ".join(map(words.lost_count_line, lost)))
        elif case.status in FAILED:
            _say(test, "skipped", f"the case ended in {case.status}")


def _test(suite: ET.Element, kind: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", {"classname": f"sabench.{kind}", "name": plain(name)})


def _say(test: ET.Element, kind: str, message: str) -> None:
    ET.SubElement(test, kind, {"message": plain(message)})
