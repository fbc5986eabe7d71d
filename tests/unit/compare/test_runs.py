"""Two results of one device: what is said of each case, of all together, and the exit code."""

import math

import pytest
from scipy import stats

from making_rows import EXACT, NOISY, board_of, figure_of, row_of
from making_runs import case, environment
from sabench.compare.join import Side, sides_of
from sabench.compare.pair import Verdict
from sabench.compare.runs import Comparison, compare_runs, overall_of, worst
from sabench.errors import ConfigError, ExitCode, ResultError
from sabench.records import FAILED, Status
from sabench.store.figure import Figure
from sabench.store.leaderboard import Row

A, B, C = (case(subject) for subject in ("conv", "halo", "augmented"))
QUIET = (0.999, 1.0, 1.001, 1.0, 1.0)


def side(*rows: Row, **fields) -> Side:
    (only,) = sides_of("some run", board_of(rows, **fields))
    return only


def one(base: Row, new: Row, **asked) -> Comparison:
    return compare_runs(side(base), side(new), **asked)


def verdict(base: Row, new: Row, **asked) -> Verdict | None:
    (found,) = one(base, new, **asked).cases
    return found.verdict


@pytest.mark.parametrize(
    ("ratio", "factors", "expected"),
    [
        (1.10, QUIET, Verdict.REGRESSED),
        (0.90, QUIET, Verdict.IMPROVED),
        (1.00, QUIET, Verdict.SAME),
        (1.02, QUIET, Verdict.SAME),
        (1.00, NOISY, Verdict.AMBIGUOUS),
    ],
)
def test_each_verdict(ratio: float, factors: tuple[float, ...], expected: Verdict) -> None:
    assert verdict(row_of(A, 2.0, factors), row_of(A, 2.0 * ratio, factors)) is expected


def test_of_a_rate_less_is_a_regression() -> None:
    base, half = (row_of(A, value, QUIET, metric="throughput") for value in (2.0, 1.0))
    assert verdict(base, half, metric="throughput") is Verdict.REGRESSED
    assert verdict(half, base, metric="throughput") is Verdict.IMPROVED


def test_an_ambiguous_case_says_how_many_processes_would_settle_it() -> None:
    (found,) = one(row_of(A, 2.0, NOISY), row_of(A, 2.0, NOISY)).cases
    sd = math.sqrt(sum(math.log(f) ** 2 for f in NOISY) / 4 - 5 / 4 * _mean(NOISY) ** 2)
    wanted = next(
        n
        for n in range(2, 99)
        if stats.t.ppf(0.995, 2 * n - 2) * sd * math.sqrt(2 / n) <= math.log(1.03)
    )
    assert found.needed == wanted


def _mean(factors: tuple[float, ...]) -> float:
    return sum(map(math.log, factors)) / len(factors)


@pytest.mark.parametrize("more", [1.0, 1.001])
def test_a_count_is_held_exactly_even_of_one_process(more: float) -> None:
    base, new = (row_of(A, value, (1.0,), metric="macs") for value in (1000.0, 1000.0 * more))
    there = Verdict.REGRESSED if more > 1.0 else Verdict.SAME
    back = Verdict.IMPROVED if more > 1.0 else Verdict.SAME
    assert (verdict(base, new, metric="macs"), verdict(new, base, metric="macs")) == (there, back)


def test_a_count_may_be_zero_and_a_rise_from_it_is_a_regression() -> None:
    none, some = (row_of(A, value, metric="graph_breaks") for value in (0.0, 2.0))
    assert verdict(none, none, metric="graph_breaks") is Verdict.SAME
    assert verdict(none, some, metric="graph_breaks") is Verdict.REGRESSED
    assert verdict(some, none, metric="graph_breaks") is Verdict.IMPROVED
    assert one(none, some, metric="graph_breaks").overall is None


def test_a_count_that_processes_disagree_in_is_told_with_its_noise() -> None:
    base = row_of(A, 1000.0, QUIET, metric="peak_allocated")
    assert verdict(base, base, metric="peak_allocated") is Verdict.SAME
    zero = row_of(A, 1.0, (0.0, 1.0), metric="peak_allocated")
    (found,) = one(base, zero, metric="peak_allocated").cases
    assert (found.verdict, found.reason) == (None, "new: not above zero")


def test_slower_in_time_and_not_in_cycles_is_a_matter_of_the_clock() -> None:
    def row(seconds: float, cycles: float) -> Row:
        figures = {
            name: figure_of(name, [value * factor for factor in QUIET])
            for name, value in (("latency_warm", seconds), ("latency_cycles", cycles))
        }
        return row_of(A, 1.0, figures=figures)

    base = row(1e-3, 1e6)
    assert verdict(base, row(1.1e-3, 1e6)) is Verdict.CLOCK_SUSPECT
    assert verdict(base, row(1.1e-3, 0.98e6)) is Verdict.CLOCK_SUSPECT
    assert verdict(base, row(1.1e-3, 1.1e6)) is Verdict.REGRESSED
    assert verdict(base, row(0.9e-3, 1e6)) is Verdict.IMPROVED


def test_cycles_that_may_have_risen_as_well_leave_a_regression_one() -> None:
    """NOISY has an error of 0.7 % a side: +-3.3 % of the cycles is no proof that they stayed."""

    def row(seconds: float) -> Row:
        figures = {
            "latency_warm": figure_of("latency_warm", [seconds * factor for factor in QUIET]),
            "latency_cycles": figure_of("latency_cycles", [1e6 * factor for factor in NOISY]),
        }
        return row_of(A, 1.0, figures=figures)

    assert verdict(row(1e-3), row(1e-3), metric="latency_cycles") is Verdict.AMBIGUOUS
    assert verdict(row(1e-3), row(1.1e-3)) is Verdict.REGRESSED


def test_where_cycles_are_not_known_time_decides() -> None:
    slow = row_of(A, 2.0, QUIET)
    absent = Figure(unit="1", reason="no clock to be read")
    for row in (slow, row_of(A, 2.0, figures=slow.figures | {"latency_cycles": absent})):
        assert verdict(row_of(A, 1.0, QUIET), row) is Verdict.REGRESSED


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": Status.OOM}, "oom"),
        ({"status": Status.CONTENDED}, "contended"),
        ({"environments": ("1", "2")}, "measured in 2 environments"),
        ({"environments": ("1",)}, "measured in another environment than its result tells"),
        ({"figures": {}}, "not measured"),
        ({"figures": {"latency_warm": Figure(unit="s", reason="no clock")}}, "no clock"),
        ({"figures": {"latency_warm": figure_of("latency_warm", [0.0, 1.0])}}, "not above zero"),
    ],
)
def test_what_has_no_figure_that_counts_is_not_compared_with_the_reason(fields, reason) -> None:
    fine, other = row_of(A, 1.0), row_of(A, 1.0, **fields)
    for name, pair in (("new", (fine, other)), ("base", (other, fine))):
        (found,) = one(*pair).cases
        assert (found.effect, found.verdict, found.reason) == (None, None, f"{name}: {reason}")


def test_the_neighbours_of_a_case_that_runs_out_of_memory_are_the_same() -> None:
    alone = side(row_of(A, 1.0, QUIET), row_of(C, 3.0, QUIET))
    beside = side(
        row_of(A, 1.001, QUIET),
        row_of(B, 1.0, status=Status.OOM, figures={}, message="oom: asked for 10 TiB"),
        row_of(C, 2.999, QUIET),
    )
    told = compare_runs(alone, beside)
    assert [found.verdict for found in told.cases] == [Verdict.SAME] * 2
    assert told.added == (B.case_id,)
    assert told.exit_code(strict=True) is ExitCode.OK


def test_across_environments_there_are_ratios_and_no_verdicts() -> None:
    base = side(row_of(A, 1.0, QUIET), where=environment(torch="2.9"))
    new = side(row_of(A, 2.0, QUIET), where=environment(torch="2.13"))
    with pytest.raises(ResultError, match="--across-env"):
        compare_runs(base, new)
    told = compare_runs(base, new, across_env=True)
    (found,) = told.cases
    assert found.effect is not None
    assert found.effect.ratio == pytest.approx(2.0)
    assert (found.verdict, told.judged) == (None, False)
    assert told.exit_code(strict=True) is ExitCode.OK


@pytest.mark.parametrize("metric", ["speed", "power", "macs_fvcore"])
def test_a_metric_that_is_none_or_better_neither_way_is_refused(metric: str) -> None:
    with pytest.raises(ConfigError, match=f"--metric {metric}: "):
        one(row_of(A, 1.0), row_of(A, 1.0), metric=metric)


def test_results_without_a_common_case_are_not_comparable() -> None:
    with pytest.raises(ResultError, match="share no case"):
        one(row_of(A, 1.0), row_of(B, 1.0))


def test_the_overall_ratio_is_the_geometric_mean_with_its_t_interval() -> None:
    changes = [0.1, 0.2, 0.6]
    low, high = stats.t.interval(0.95, 2, loc=0.3, scale=stats.sem(changes))
    found = overall_of([*changes, math.inf])
    assert found is not None
    assert (found.ratio, found.cases) == (pytest.approx(math.exp(0.3)), 3)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_the_overall_ratio_of_two_cases_has_no_interval_and_of_none_is_none() -> None:
    found = overall_of([0.0, 0.2])
    assert found is not None
    assert (found.ratio, found.low, found.high) == (pytest.approx(math.exp(0.1)), None, None)
    assert overall_of([]) is None


def code(new: list[Row], **asked) -> ExitCode:
    base = side(row_of(A, 1.0, QUIET), row_of(B, 1.0, QUIET))
    return compare_runs(base, side(*new)).exit_code(**asked)


SAME = row_of(A, 1.0, QUIET)


def test_exit_code_of_nothing_worse() -> None:
    assert code([SAME, row_of(B, 0.5, QUIET)], strict=True) is ExitCode.OK


def test_exit_code_of_a_regression() -> None:
    slow = row_of(B, 1.5, QUIET)
    assert code([SAME, slow], allow_missing=True) is ExitCode.REGRESSION


@pytest.mark.parametrize(
    "new", [[SAME], [SAME, row_of(B, 1.0, status=Status.OOM)]], ids=["missing", "oom"]
)
def test_exit_code_of_a_case_that_the_new_result_lacks(new: list[Row]) -> None:
    assert code(new) is ExitCode.REGRESSION
    assert code(new, allow_missing=True) is ExitCode.OK


@pytest.mark.parametrize("status", sorted(FAILED))
def test_exit_code_of_a_case_that_fails_now(status: Status) -> None:
    assert code([SAME, row_of(B, 1.0, status=status)]) is ExitCode.CASE_FAILED


def test_a_case_that_failed_before_is_no_news() -> None:
    broken = row_of(A, 1.0, status=Status.CRASH)
    told = compare_runs(side(broken, row_of(B, 1.0)), side(broken, row_of(B, 1.0)))
    assert told.exit_code() is ExitCode.OK


@pytest.mark.parametrize(
    "unsure", [row_of(B, 1.0, NOISY), row_of(B, 1.0, EXACT, status=Status.CONTENDED)]
)
def test_exit_code_of_what_could_not_be_told(unsure: Row) -> None:
    assert code([SAME, unsure]) is ExitCode.OK
    assert code([SAME, unsure], strict=True) is ExitCode.UNRELIABLE


def test_exit_code_where_no_case_was_measured_on_both_sides() -> None:
    nothing = [row_of(one, 1.0, status=Status.CONTENDED) for one in (A, B)]
    assert code(nothing) is ExitCode.UNRELIABLE


def test_of_several_comparisons_the_worst_counts() -> None:
    codes = [ExitCode.OK, ExitCode.UNRELIABLE, ExitCode.CASE_FAILED, ExitCode.REGRESSION]
    assert [worst(codes[:n]) for n in (1, 2, 3, 4)] == codes


@pytest.mark.parametrize(
    ("ratios", "together"),
    [([0.95] * 8, True), ([1.05] * 8, True), ([0.95] * 7, False), ([0.95] * 7 + [1.01], False)],
)
def test_it_is_told_where_every_case_changed_the_same_way(ratios, together: bool) -> None:
    cases = [case(size=size) for size in range(1, len(ratios) + 1)]
    base = side(*(row_of(one, 1.0, QUIET) for one in cases))
    new = side(*(row_of(one, t, QUIET) for one, t in zip(cases, ratios, strict=True)))
    assert compare_runs(base, new).moved_together is together
