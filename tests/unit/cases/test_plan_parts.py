"""What has a process of its own: resident memory everywhere, a device's memory on CUDA."""

from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.cases.rates import lessons, wall_key
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import PRESETS
from sabench.records import Reading, Record, Status

CONV = Case(kind="layer", subject="conv", channels=64, size=56)
ASKED = ("latency_warm", "peak_allocated", "peak_rss_growth")


def parts(device: str, preset: str) -> list[tuple[bool, tuple[str, ...]]]:
    jobs = make_jobs([CONV], [device], ASKED, PRESETS[preset], seed=0)
    return sorted({(job.apart, job.metrics) for job in jobs})


def test_memory_of_a_cuda_device_has_its_own_process_where_one_is_granted() -> None:
    assert parts("cuda:0", "standard") == [
        (False, ("latency_warm",)),
        (True, ("peak_allocated", "peak_rss_growth")),
    ]
    assert parts("cpu", "standard") == [
        (False, ("latency_warm", "peak_allocated")),
        (True, ("peak_rss_growth",)),
    ]


def test_where_no_process_apart_is_granted_torchs_peak_is_measured_beside_the_rest() -> None:
    for device in ("cpu", "cuda:0"):
        assert parts(device, "quick") == [(False, ("latency_warm", "peak_allocated"))]


def test_every_metric_asked_for_is_measured_once_in_each_round_1() -> None:
    asked = tuple(METRICS)
    for device in ("cpu", "cuda:0"):
        jobs = make_jobs([CONV], [device], asked, PRESETS["standard"], seed=0)
        first = [name for job in jobs if job.replicate == 0 for name in job.metrics]
        assert sorted(first) == sorted(asked)


def wall_of(device: str, *metrics: str) -> str:
    record = Record(
        job_id="j",
        case_id=CONV.case_id,
        device=device,
        environment="e",
        suite="s",
        preset="standard",
        replicate=0,
        status=Status.OK,
        readings={name: Reading.of(METRICS[name].unit, [1.0]) for name in metrics},
        started_utc="2026-01-01T00:00:00Z",
        wall_s=2.5,
    )
    (lesson,) = lessons([CONV], [record])
    return lesson.wall_key


def test_a_process_apart_teaches_its_own_wall_time() -> None:
    main, apart = (wall_key(CONV.case_id, "standard", apart=one) for one in (False, True))
    assert wall_of("cuda:0", "peak_allocated", "peak_rss_growth") == apart
    assert wall_of("cuda:0", "peak_allocated", "latency_warm") == main
    assert wall_of("cpu", "peak_allocated") == main
