"""A whole gate through real child processes of two checkouts that only pretend to measure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkouts import CONV, HALO, SUITE, pretend
from sabench.cases.expand import expand
from sabench.cases.suite import load_suite
from sabench.compare.gate.folder import GateFolder, read_gate
from sabench.compare.gate.gate import bench_of, run_gate
from sabench.compare.gate.request import GateRequest, plan_gate
from sabench.compare.gate.result import GateResult, Outcome
from sabench.compare.gate.sides import Checkout
from sabench.compare.pair import Verdict
from sabench.errors import ConfigError, DeviceError, ExitCode
from sabench.launch.events import ignore
from sabench.launch.interruption import Interruption
from sabench.records import Status
from sabench.store import journal

Figures = dict[str, dict[str, Any]]
ALLOWED = [(False, ExitCode.REGRESSION), pytest.param(True, ExitCode.OK, marks=pytest.mark.slow)]


def gate(
    folder: Path,
    base: Figures | None,
    candidate: Figures | None,
    text: str = SUITE,
    **asked: Any,
) -> GateResult:
    request = GateRequest(
        base=pretend(folder / "base", base, suite=text),
        candidate=pretend(folder / "candidate", candidate, suite=text),
        suite=str(folder / "candidate" / "pair.yaml"),
        device="cpu",
        seed=1,
        out=folder / "out",
        **asked,
    )
    result, _ = run_gate(plan_gate(request))
    assert read_gate(folder / "out") == result
    return result


def verdicts(result: GateResult) -> dict[str, Verdict | None]:
    return {case.case_id: case.verdict for case in result.cases}


@pytest.mark.slow
def test_two_checkouts_that_are_alike_pass(tmp_path):
    result = gate(tmp_path, None, None)
    assert verdicts(result) == {CONV: Verdict.SAME, HALO: Verdict.SAME}
    assert (result.outcome, result.exit_code()) == (Outcome.PASSED, ExitCode.OK)
    assert result.rules == str(tmp_path / "base" / "pair.yaml")
    assert [null.verdict for null in result.nulls] == [Verdict.SAME, Verdict.SAME]
    assert all(case.confirm is None for case in result.cases)


@pytest.mark.slow
def test_a_slower_case_is_confirmed_on_eight_new_blocks_beside_a_control(tmp_path):
    result = gate(tmp_path, None, {CONV: {"candidate": 1.2}, HALO: {}})
    conv, halo = result.cases
    assert (conv.verdict, conv.is_suspect, halo.verdict) == (Verdict.REGRESSED, True, Verdict.SAME)
    assert conv.confirm is not None
    assert conv.confirm.blocks == 8
    assert conv.confirm.ratio == pytest.approx(1.2, rel=0.01)
    assert halo.is_control
    assert result.exit_code() is ExitCode.REGRESSION


@pytest.mark.slow
def test_the_records_of_both_stages_and_all_sides_lie_in_the_journal(tmp_path):
    gate(tmp_path, None, {CONV: {"candidate": 1.2}, HALO: {}})

    class Kept:
        journal_file, samples = tmp_path / "out" / "journal.jsonl", tmp_path / "out" / "samples"

    timed = [one for one in journal.read(Kept()) if "latency_warm" in one.readings]
    screened = 3 * 2 * 4 + 2 * 1 * 4  # sides, cases, blocks: the other case goes on to eight
    assert len(timed) == screened + 3 * 2 * 8
    assert {one.side for one in timed} == {"base", "candidate", "null"}
    assert {one.replicate for one in timed} == set(range(16))


@pytest.mark.slow
def test_a_faster_case_is_told_and_passes(tmp_path):
    result = gate(tmp_path, None, {CONV: {"candidate": 0.8}, HALO: {}})
    assert verdicts(result) == {CONV: Verdict.IMPROVED, HALO: Verdict.SAME}
    assert result.exit_code() is ExitCode.OK


def test_a_count_that_rises_by_one_is_a_regression_whatever_the_times_say(tmp_path):
    base: Figures = {CONV: {"macs": 1000.0}, HALO: {"null": 1.5}}
    result = gate(tmp_path, base, {CONV: {"macs": 1001.0}, HALO: {}})
    assert [(one.case_id, one.metric) for one in result.counts] == [(CONV, "macs")]
    assert result.unreliable_because
    assert result.exit_code() is ExitCode.REGRESSION


@pytest.mark.slow
def test_a_count_that_falls_is_told_and_passes(tmp_path):
    result = gate(tmp_path, {CONV: {"macs": 9.0}, HALO: {}}, {CONV: {"macs": 8.0}, HALO: {}})
    assert not result.counts[0].has_risen
    assert result.exit_code() is ExitCode.OK


def test_a_base_that_differs_from_itself_makes_the_gate_unreliable(tmp_path):
    result = gate(tmp_path, {CONV: {"null": 1.3}, HALO: {}}, {CONV: {"candidate": 1.5}, HALO: {}})
    assert result.outcome is Outcome.UNRELIABLE
    assert CONV in result.unreliable_because
    assert result.exit_code() is ExitCode.UNRELIABLE


@pytest.mark.parametrize(("allow", "code"), ALLOWED)
def test_a_case_that_the_candidate_lacks_counts_unless_it_may(tmp_path, allow, code):
    result = gate(tmp_path, None, {CONV: {}}, allow_missing=allow)
    assert result.missing == (HALO,)
    assert list(verdicts(result)) == [CONV]
    assert result.exit_code() is code


@pytest.mark.slow
def test_a_case_that_only_the_candidate_has_is_listed_and_not_measured(tmp_path):
    result = gate(tmp_path, {CONV: {}}, None)
    assert result.added == (HALO,)
    assert list(verdicts(result)) == [CONV]


def test_a_candidate_that_lost_every_case_is_red_and_lists_them(tmp_path):
    result = gate(tmp_path, {CONV: {}}, {HALO: {}})
    assert (result.missing, result.added, result.cases) == ((CONV,), (HALO,), ())
    assert result.exit_code() is ExitCode.REGRESSION


def test_sides_that_have_no_case_at_all_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no case on either side"):
        gate(tmp_path, {}, {})


@pytest.mark.slow
def test_a_case_that_fails_in_the_candidate_fails_the_gate_and_spares_the_others(tmp_path):
    failing = {"status": "error", "message": "ValueError: on purpose", "sides": ["candidate"]}
    result = gate(tmp_path, None, {CONV: failing, HALO: {}})
    assert verdicts(result) == {CONV: None, HALO: Verdict.SAME}
    assert result.cases[0].status is Status.ERROR
    assert result.cases[0].reason == "candidate: ValueError: on purpose"
    assert result.exit_code() is ExitCode.CASE_FAILED


WIDE = """name: pair
layers:
  - layer: halo
    size: 14
    threads: 2
networks:
  - network: halonet_h0
    resolution: 64
"""


def test_a_claim_that_parity_disproves_ends_every_case_that_rests_on_it(tmp_path):
    """The check has one thread and a layer; the cases have two threads, or a whole network."""
    file = tmp_path / "wide.yaml"
    file.write_text(WIDE)
    wide = [case.case_id for case in expand(load_suite(str(file))).cases]
    figures: Figures = {one: {} for one in wide}
    broken = {"status": "parity_failed", "message": "off by 3.0"}
    result = gate(tmp_path, figures, figures | {"parity": broken}, WIDE)
    assert {case.case_id: case.status for case in result.cases} == dict.fromkeys(
        wide, Status.PARITY_FAILED
    )
    assert {case.reason for case in result.cases} == {"candidate: not measured: off by 3.0"}
    assert result.exit_code() is ExitCode.CASE_FAILED
    assert all(case.screen is None for case in result.cases)


@pytest.mark.parametrize(("allow", "code"), ALLOWED)
def test_a_case_that_no_longer_fits_the_memory_counts_as_missing(tmp_path, allow, code):
    result = gate(tmp_path, None, {CONV: {}, HALO: {"status": "oom"}}, allow_missing=allow)
    assert (result.missing, result.gone) == ((), (HALO,))
    assert result.exit_code() is code
    assert result.exit_code(strict=True) is (code or ExitCode.CASE_FAILED)


@pytest.mark.slow
def test_a_case_that_neither_side_can_measure_passes_unless_strict(tmp_path):
    figures: Figures = {CONV: {}, HALO: {"status": "unsupported"}}
    result = gate(tmp_path, figures, figures)
    assert (result.gone, result.exit_code()) == ((), ExitCode.OK)
    assert result.exit_code(strict=True) is ExitCode.CASE_FAILED


@pytest.mark.slow
def test_a_case_that_was_always_disturbed_is_minded_by_strict_as_unreliable(tmp_path):
    result = gate(tmp_path, None, {CONV: {"status": "throttled"}, HALO: {}})
    assert result.exit_code() is ExitCode.OK
    assert result.exit_code(strict=True) is ExitCode.UNRELIABLE


@pytest.mark.slow
def test_a_failure_is_told_though_the_null_control_fired(tmp_path):
    base: Figures = {CONV: {}, HALO: {"null": 1.3}}
    result = gate(tmp_path, base, {CONV: {"status": "crash"}, HALO: {}})
    assert result.unreliable_because
    assert result.exit_code() is ExitCode.CASE_FAILED


@pytest.mark.slow
def test_a_count_that_differs_from_itself_in_the_base_is_told_and_not_held(tmp_path):
    base: Figures = {CONV: {"macs": 9.0, "null-macs": 8.0, "params": 3.0}, HALO: {"macs": 5.0}}
    result = gate(tmp_path, base, {CONV: {"macs": 10.0, "params": 3.0}, HALO: {"macs": 5.0}})
    assert [(one.base, one.candidate) for one in result.unsteady] == [(9.0, 8.0)]
    assert (result.counts, result.outcome) == ((), Outcome.PASSED)


@pytest.mark.slow
def test_a_count_that_the_candidate_no_longer_tells_fails_the_gate(tmp_path):
    base: Figures = {CONV: {"macs": 9.0, "params": 3.0}, HALO: {"macs": 5.0}}
    result = gate(tmp_path, base, {CONV: {"params": 3.0}, HALO: {"macs": 5.0}})
    assert [(one.case_id, one.metric) for one in result.lost_counts] == [(CONV, "macs")]
    assert result.counted == ("params",)
    assert result.exit_code() is ExitCode.CASE_FAILED


@pytest.mark.slow
def test_blocks_that_were_disturbed_are_made_up_for(tmp_path):
    disturbed = {"status": "contended", "blocks": [1, 2]}
    result = gate(tmp_path, None, {CONV: disturbed, HALO: {}})
    assert verdicts(result) == {CONV: Verdict.SAME, HALO: Verdict.SAME}
    assert result.cases[0].screen is not None
    assert result.cases[0].screen.blocks == 8


@pytest.mark.slow
def test_a_case_that_is_always_disturbed_has_no_verdict_and_says_why(tmp_path):
    result = gate(tmp_path, None, {CONV: {"status": "contended"}, HALO: {}})
    assert verdicts(result) == {CONV: None, HALO: Verdict.SAME}
    assert result.cases[0].status is Status.CONTENDED
    assert "quiet machine" in result.cases[0].reason


def test_a_side_whose_children_do_not_start_ends_the_gate_with_what_they_said(tmp_path):
    with pytest.raises(DeviceError, match="nothing works here"):
        gate(tmp_path, None, {CONV: {"dead_from": 0}, HALO: {}})


def test_a_gate_that_an_error_ends_keeps_what_was_measured_before(tmp_path):
    with pytest.raises(DeviceError, match="nothing works here"):
        gate(tmp_path, None, {CONV: {"dead_from": 3}, HALO: {}})
    kept = read_gate(tmp_path / "out")
    assert "nothing works here" in kept.broken_off
    assert kept.exit_code() is ExitCode.INTERRUPTED
    assert [case.screen.blocks for case in kept.cases if case.screen] == [3, 3]


@pytest.mark.slow
def test_a_side_is_asked_what_it_is_before_anything_is_measured(tmp_path):
    """What its folder becomes meanwhile, or whether its Python still starts, is no matter."""
    request = GateRequest(
        base=pretend(tmp_path / "base"),
        candidate=pretend(tmp_path / "candidate"),
        suite=str(tmp_path / "candidate" / "pair.yaml"),
        device="cpu",
        out=tmp_path / "out",
    )
    plan = plan_gate(request)
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkout, "told", lambda self, device: asked.append(device))
        result, _ = run_gate(plan)
    assert (asked, result.base.name) == ([], str(tmp_path / "base"))


@pytest.mark.slow
def test_a_planted_slowdown_is_found_in_one_case_alone(tmp_path):
    result = gate(tmp_path, None, None, plant=1.08)
    slower = [one.case_id for one in result.cases if one.verdict is Verdict.REGRESSED]
    assert slower == [result.planted]
    assert result.exit_code() is ExitCode.REGRESSION


def test_what_is_measured_is_told_no_secret_of_the_workflow(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("MINE", "plain")
    sides = [pretend(tmp_path / name) for name in ("base", "candidate")]
    for side in sides:
        seen = "import os, pathlib\npathlib.Path('seen').write_text(' '.join(os.environ))\n"
        (side / "sabench" / "measure" / "__init__.py").write_text(seen)
    asked = GateRequest(*sides, suite=str(sides[0] / "pair.yaml"), device="cpu", filter="conv")
    run_gate(plan_gate(replace(asked, out=tmp_path / "out")))
    for side in sides:
        assert {"GITHUB_TOKEN", "MINE"} & {*(side / "seen").read_text().split()} == {"MINE"}


@pytest.mark.parametrize("plant", [1.0, 0.5, 9.0])
def test_a_plant_that_is_no_slowdown_is_refused(tmp_path, plant):
    with pytest.raises(ConfigError, match="--plant"):
        gate(tmp_path, None, None, plant=plant)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_a_gpus_gate_asks_for_cycles_of_the_sides_that_know_them(tmp_path, kind):
    request = GateRequest(
        base=pretend(tmp_path / "base", metrics=["macs", "latency_warm"]),
        candidate=pretend(tmp_path / "candidate"),
        suite=str(tmp_path / "candidate" / "pair.yaml"),
        device="cpu",
        out=tmp_path / "out",
    )
    plan = plan_gate(request)
    device = plan.environment.model_copy(update={"device_kind": kind})
    folder = GateFolder.create("pair", "here", tmp_path / "out", tmp_path)
    with Interruption() as stop:
        bench = bench_of(replace(plan, environment=device), folder, ignore, stop)
        asked = {side: bench.known_to(side, bench.metrics) for side in plan.checkouts}
    cycles = ("latency_cycles",) if kind == "cuda" else ()
    assert asked == {"base": ("latency_warm",), "candidate": ("latency_warm", *cycles)}
