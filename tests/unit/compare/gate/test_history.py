"""History mode: what is measured, what a stored case says beside it, and its own null control."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import pytest
from scipy import stats

from checkouts import CONV, HALO, SUITE, pretend
from making_runs import case, preset, record_of, run_info
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.driver import SPARE_BLOCKS, Step
from sabench.compare.gate.history import (
    PROCESSES,
    THRESHOLD,
    Alone,
    judged_alone,
    measure_alone,
    own_null,
    plan_history,
    run_history,
)
from sabench.compare.gate.request import GateRequest
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict
from sabench.errors import ResultError
from sabench.measure.environment import environment
from sabench.records import Reading, Record, Status
from sabench.store.leaderboard import Leaderboard, Row, make_leaderboard, write_leaderboard

STEADY = (1.000e-3, 1.001e-3, 0.999e-3, 1.002e-3, 0.998e-3)


def board(seconds: Sequence[float] = STEADY, **ended: Any) -> Leaderboard:
    """Conv and halo, a process a figure; what is told of the end is halo's."""
    cases = (case(), case("halo", implementation="sdpa"))
    here = environment("cpu")
    info = run_info(
        cases, suite="pair", preset=preset(processes=len(seconds)), environments={"cpu": here}
    )
    records = []
    for job in info.jobs():
        one = record_of(job, samples=(seconds[job.replicate],) * 10, environment=here.id)
        macs = one.readings | {"macs": Reading.of("MAC", (1000.0,))}
        told = ended if job.case.subject == "halo" else {}
        records.append(one.model_copy(update={"readings": macs} | told))
    return make_leaderboard(info, records)


def row(**ended: Any) -> Row:
    return next(one for one in board(**ended).rows if one.case_id == HALO)


def told(*seconds: float) -> Alone:
    return Alone([{HALO: one} for one in seconds])


class Scripted:
    """A bench whose processes end as the script says, the last entry for ever."""

    def __init__(self, *processes: dict[str, Status]) -> None:
        self.processes, self.asked = processes, list[tuple[str, int, tuple[str, ...]]]()

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> dict[SideName, list[Record]]:
        return {side: self.one(side, block, case_ids) for side in sides}

    def one(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        self.asked.append((side, block, tuple(case_ids)))
        ends = self.processes[min(block, len(self.processes) - 1)]
        cases = {CONV: case(), HALO: case("halo", implementation="sdpa")}
        records = []
        for one in case_ids:
            (job,) = run_info((cases[one],), preset=preset(processes=1)).jobs()
            records.append(record_of(job, status=ends.get(one, Status.OK)))
        return records


def quiet(step: Step) -> None:
    """Nobody listens."""


def test_eight_processes_of_the_candidate_are_measured_and_nothing_of_the_base() -> None:
    bench, alone = Scripted({}), Alone()
    measure_alone(bench, [CONV, HALO], alone, quiet)
    assert bench.asked == [("candidate", n, (CONV, HALO)) for n in range(PROCESSES)]
    assert (len(alone.medians(CONV)), alone.lost) == (8, {})


def test_a_disturbed_process_is_made_up_for_as_far_as_spare_ones_go() -> None:
    once, always = Scripted({HALO: Status.CONTENDED}, {}), Scripted({HALO: Status.CONTENDED})
    first, second = Alone(), Alone()
    measure_alone(once, [CONV, HALO], first, quiet)
    measure_alone(always, [CONV, HALO], second, quiet)
    assert (len(once.asked), len(first.medians(HALO))) == (9, 8)
    assert (len(always.asked), second.medians(HALO)) == (PROCESSES + SPARE_BLOCKS, [])


def test_a_case_that_fails_is_asked_for_no_more() -> None:
    bench, alone = Scripted({HALO: Status.ERROR}), Alone()
    measure_alone(bench, [CONV, HALO], alone, quiet)
    assert [asked for _, _, asked in bench.asked] == [(CONV, HALO)] + [(CONV,)] * 7
    assert list(alone.lost) == [HALO]


def test_the_interval_is_welchs_on_the_logs() -> None:
    new = (1.20e-3, 1.21e-3, 1.19e-3, 1.22e-3, 1.18e-3, 1.2e-3, 1.21e-3, 1.2e-3)
    found = judged_alone(row(), told(*new), THRESHOLD)
    assert found.verdict is Verdict.REGRESSED
    assert found.screen is not None
    oracle = stats.ttest_ind(np.log(new), np.log(STEADY), equal_var=False).confidence_interval(0.99)
    assert found.screen.low == pytest.approx(np.exp(oracle.low))
    assert found.screen.high == pytest.approx(np.exp(oracle.high))
    assert found.screen.ratio == pytest.approx(geometric_mean(new) / geometric_mean(STEADY))


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (1.04, Verdict.SAME),
        (1.098, Verdict.AMBIGUOUS),
        (1.12, Verdict.REGRESSED),
        (0.85, Verdict.IMPROVED),
    ],
)
def test_only_what_exceeds_a_tenth_counts(factor: float, verdict: Verdict) -> None:
    new = [factor * 1e-3 * (1 + 1e-4 * n) for n in range(8)]
    assert judged_alone(row(), told(*new), THRESHOLD).verdict is verdict


def test_a_case_that_one_side_lacks_has_a_reason_and_no_verdict() -> None:
    crashed = row(status=Status.CRASH, message="crash(9)")
    assert judged_alone(crashed, told(*STEADY), THRESHOLD).reason == "base: crash(9)"
    few = judged_alone(row(), told(1e-3), THRESHOLD)
    assert (few.verdict, few.status) == (None, Status.CONTENDED)
    (record,) = Scripted({HALO: Status.ERROR}).one("candidate", 0, [HALO])
    lost = judged_alone(row(), Alone([], {HALO: record}), THRESHOLD)
    assert (lost.status, lost.reason) == (Status.ERROR, "candidate: error")


def test_the_null_control_holds_even_processes_against_odd_ones() -> None:
    alike = own_null(HALO, told(*(1e-3, 1.001e-3) * 4), THRESHOLD)
    apart = own_null(HALO, told(*(1e-3, 1.3e-3, 1.001e-3, 1.301e-3) * 2), THRESHOLD)
    assert alike is not None
    assert apart is not None
    assert (alike.has_fired, apart.has_fired) == (False, True)
    assert own_null(HALO, told(1e-3, 1e-3, 1e-3), THRESHOLD) is None


@pytest.fixture
def asked(tmp_path: Path) -> GateRequest:
    """A candidate that has halo alone, with one MAC more than is stored."""
    pretend(tmp_path / "candidate", {HALO: {"macs": 1001.0}})
    (tmp_path / "pair.yaml").write_text(SUITE)
    return GateRequest(
        base=Path(),
        candidate=tmp_path / "candidate",
        suite=str(tmp_path / "pair.yaml"),
        device="cpu",
        seed=1,
        out=tmp_path / "out",
    )


def test_stored_counts_are_held_exactly_and_a_missing_case_is_told(
    asked: GateRequest, tmp_path: Path
) -> None:
    write_leaderboard(tmp_path / "base.json", board())
    result, _ = run_history(plan_history(asked, tmp_path / "base.json"))
    assert [(one.case_id, one.metric, one.base, one.candidate) for one in result.counts] == [
        (HALO, "macs", 1000.0, 1001.0)
    ]
    assert (result.counted, result.missing, result.outcome) == (
        ("macs",),
        (CONV,),
        Outcome.REGRESSED,
    )
    assert [one.verdict for one in result.cases] == [Verdict.SAME]


def test_a_count_that_the_candidate_knows_and_does_not_tell_is_lost(
    asked: GateRequest, tmp_path: Path
) -> None:
    pretend(tmp_path / "again", {CONV: {"macs": 1000.0}, HALO: {}})
    write_leaderboard(tmp_path / "base.json", board())
    request = replace(asked, candidate=tmp_path / "again")
    result, _ = run_history(plan_history(request, tmp_path / "base.json"))
    assert [(one.case_id, one.metric, one.base) for one in result.lost_counts] == [
        (HALO, "macs", 1000.0)
    ]
    assert (result.counted, result.outcome) == ((), Outcome.FAILED)


def test_a_stored_count_whose_processes_disagree_is_told_and_not_held(
    asked: GateRequest, tmp_path: Path
) -> None:
    stored = board()
    halo = next(one for one in stored.rows if one.case_id == HALO)
    unsteady = halo.figures["macs"].model_copy(
        update={"process_medians": (1000.0, 990.0, 1000.0, 1000.0, 1000.0)}
    )
    rows = [
        one.model_copy(update={"figures": one.figures | {"macs": unsteady}}) if one is halo else one
        for one in stored.rows
    ]
    write_leaderboard(tmp_path / "base.json", stored.model_copy(update={"rows": tuple(rows)}))
    result, _ = run_history(plan_history(asked, tmp_path / "base.json"))
    assert (result.counts, result.counted, result.lost_counts) == ((), (), ())
    assert [(one.base, one.candidate) for one in result.unsteady] == [(990.0, 1000.0)]


@pytest.mark.parametrize(("fields", "slow_core"), [({}, 0.0), ({"slow_core": 1}, 1.25)])
def test_a_candidate_that_knows_how_reads_its_cores_as_the_base_did(
    asked: GateRequest, tmp_path: Path, fields: dict[str, int], slow_core: float
) -> None:
    """An older child takes no constant that it does not know."""
    known = f"class Preset:\n    model_fields = {fields!r}\n"
    (tmp_path / "candidate" / "sabench" / "catalog" / "presets.py").write_text(known)
    write_leaderboard(tmp_path / "base.json", board())
    result, _ = run_history(plan_history(asked, tmp_path / "base.json"))
    assert result.preset == preset(processes=5).model_copy(update={"slow_core": slow_core})


def test_the_suites_threshold_widens_the_margin_and_never_narrows_it(
    asked: GateRequest, tmp_path: Path
) -> None:
    write_leaderboard(tmp_path / "base.json", board())
    history = plan_history(asked, tmp_path / "base.json")
    assert history.threshold_of(HALO) == 0.10
    (tmp_path / "pair.yaml").write_text(SUITE + 'gate: {thresholds: {"halo/*": 0.2}}\n')
    history = plan_history(asked, tmp_path / "base.json")
    assert (history.threshold_of(HALO), history.threshold_of(CONV)) == (0.2, 0.10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence": "smoke"}, "one process a case"),
        ({"suite": "another"}, "of suite another, and this gate of pair"),
        ({"environments": {}}, "nothing measured on cpu"),
        ({"rows": ()}, "no case that the candidate has"),
    ],
)
def test_a_base_that_cannot_be_held_against_it_is_refused_with_the_reason(
    changes: dict[str, Any], said: str, asked: GateRequest, tmp_path: Path
) -> None:
    write_leaderboard(tmp_path / "base.json", board().model_copy(update=changes))
    with pytest.raises(ResultError, match=said):
        plan_history(asked, tmp_path / "base.json")
