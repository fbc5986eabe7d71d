"""Records of a case put together."""

import math
import statistics

import pytest

from making_runs import case, preset, record_of, run_info
from sabench.cases.plan import Job
from sabench.records import SHOWN, Flag, Reading, Record, Status
from sabench.store.figure import figure_of, figure_over_seeds, process_interval
from sabench.store.summary import SEVERITY, Summary, summarise


def jobs(processes: int, *, apart: bool = False) -> list[Job]:
    metrics = ("latency_warm", "peak_rss_growth") if apart else ("latency_warm",)
    plan = run_info(
        (case(),), metrics=metrics, preset=preset(processes=processes, memory_apart=apart)
    )
    return plan.jobs()


def summary_of(records: list[Record], planned: int | None = None) -> Summary:
    return summarise(case(), "cpu", records, len(records) if planned is None else planned)


def medians(values: list[float]) -> list[Reading]:
    return [Reading.of("s", [value] * 11) for value in values]


def test_five_processes_give_a_t_interval_on_their_log_medians() -> None:
    values = [1.0, 1.02, 0.99, 1.01, 1.05]
    figure = figure_of(medians(values))
    logs = [math.log(value) for value in values]
    half = 2.7764451 * statistics.stdev(logs) / math.sqrt(5)  # t(0.975, 4)
    assert figure.interval_kind == "t"
    assert figure.median == 1.01
    assert figure.low == pytest.approx(math.exp(statistics.fmean(logs) - half), rel=1e-7)
    assert figure.high == pytest.approx(math.exp(statistics.fmean(logs) + half), rel=1e-7)


def test_fewer_than_five_processes_give_the_range_of_their_medians() -> None:
    figure = figure_of(medians([3.0, 1.0, 2.0]))
    assert (figure.median, figure.low, figure.high) == (2.0, 1.0, 3.0)
    assert (figure.minimum, figure.maximum, figure.between_sd) == (1.0, 3.0, 1.0)
    assert figure.interval_kind == "range"


def test_one_process_gives_the_order_statistic_interval_of_its_samples() -> None:
    mixed = [1.0, 10.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0]  # no rise: each counts
    figure = figure_of([Reading.of("s", mixed)])
    assert (figure.low, figure.high) == (2.0, 9.0)  # P(Binomial(10, 1/2) < 2) = 0.011
    assert figure.interval_kind == "order"
    assert figure.between_sd is None


def test_one_process_with_few_samples_gives_their_range() -> None:
    figure = figure_of([Reading.of("s", [1.0, 2.0, 4.0])])
    assert (figure.low, figure.high, figure.interval_kind) == (1.0, 4.0, "range")


def test_a_constant_has_an_interval_without_width() -> None:
    figure = figure_of(medians([512.0] * 5))
    assert figure.low == pytest.approx(512.0)
    assert figure.high == pytest.approx(512.0)
    assert figure.between_sd == 0.0


def test_a_median_of_zero_has_no_logarithm_and_gives_the_range() -> None:
    interval, kind = process_interval([0.0, 1.0, 2.0, 3.0, 4.0])
    assert (interval.low, interval.high, kind) == (0.0, 4.0, "range")


def test_the_interval_always_holds_the_median_beside_it() -> None:
    skewed = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0]
    figure = figure_of(medians(skewed))
    assert figure.median is not None
    assert figure.interval is not None
    assert figure.interval.low <= figure.median <= figure.interval.high


def test_a_reading_without_samples_gives_its_reason() -> None:
    figure = figure_of([Reading.absent("B", "not on this device")])
    assert (figure.median, figure.interval, figure.reason) == (None, None, "not on this device")


def test_processes_without_a_reading_do_not_count() -> None:
    figure = figure_of([*medians([1.0, 3.0]), Reading.absent("s", "no time left")])
    assert figure.process_medians == (1.0, 3.0)


def test_over_seeds_the_figure_is_a_mean_and_names_its_seeds() -> None:
    """Student's t with two degrees of freedom: 4.303 sd / sqrt 3."""
    details = {"seen": 5, "unseen": 2, "unseen_weights": [["rows", "never called"]]}
    told = {
        seed: Reading.of("1", [value], details=details)
        for seed, value in ((0, 0.9), (2, 0.8), (3, 1.0))
    }
    told[0] = Reading.of("1", [0.9], details={"seen": 5, "unseen": 2})  # of an earlier version
    figure = figure_over_seeds({**told, 1: Reading.absent("1", "undefined")})
    assert figure.mean == pytest.approx(0.9)
    assert figure.high == pytest.approx(0.9 + 4.302652729911275 * 0.1 / 3**0.5)
    assert (figure.seeds, figure.process_medians) == ((0, 2, 3), (0.9, 0.8, 1.0))
    assert (figure.seen, figure.unseen) == (5, 2)
    assert figure.unseen_weights == (("rows", "never called"),)


def test_flags_are_united_in_one_order() -> None:
    first, second = jobs(2)
    records = [
        record_of(first, flags=[Flag.HOST_NOISY, Flag.PREEMPTED]),
        record_of(
            second, readings={"latency_warm": Reading.of("s", [1.0] * 10, flags=(Flag.OUTLIERS,))}
        ),
    ]
    assert summary_of(records).flags == (Flag.PREEMPTED, Flag.OUTLIERS, Flag.HOST_NOISY)


def test_jobs_apart_add_their_metrics_to_the_same_summary() -> None:
    main, apart = jobs(1, apart=True)
    growth = record_of(apart, readings={"peak_rss_growth": Reading.of("B", [4096.0])})
    summary = summary_of([record_of(main), growth])
    assert summary.median("latency_warm") == 1.0
    assert summary.median("peak_rss_growth") == 4096.0
    assert summary.processes == 2


@pytest.mark.parametrize("worse", list(Status))
def test_the_worst_status_rules(worse: Status) -> None:
    for better in SEVERITY[: SEVERITY.index(worse)]:
        first, second = jobs(2)
        records = [record_of(first, status=better), record_of(second, status=worse)]
        assert summary_of(records).status is worse


def test_every_status_has_its_place_among_the_severities() -> None:
    assert sorted(SEVERITY) == sorted(Status)


def test_a_case_with_some_good_processes_says_how_many() -> None:
    first, second, third = jobs(3)
    records = [
        record_of(first),
        record_of(second),
        record_of(third, (), Status.CRASH, message="crash(11): ended by SIGSEGV"),
    ]
    summary = summary_of(records)
    assert summary.message == "2 of 3 processes measured; crash(11): ended by SIGSEGV"
    assert summary.processes == 2


def test_jobs_that_are_still_to_come_make_a_case_interrupted() -> None:
    first, *_ = jobs(3)
    summary = summary_of([record_of(first)], planned=3)
    assert summary.status is Status.INTERRUPTED
    assert summary.message.startswith("1 of 3 processes measured")
    assert summary_of([], planned=3).figures == {}


def test_figures_of_processes_that_failed_are_left_out() -> None:
    for status in set(Status) - SHOWN:
        first, second = jobs(2)
        records = [record_of(first), record_of(second, (9.0,) * 10, status)]
        assert summary_of(records).median("latency_warm") == 1.0
