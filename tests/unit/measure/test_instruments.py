"""What a job is measured with: the device's, those of a script, or those that leave turns out."""

from pathlib import Path

import pytest

from faking import fake_case, write_script
from making_runs import case, preset
from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.instruments import make_instruments
from sabench.measure.load import machine_usage
from sabench.measure.turns import Alone, Awake


def job_of(one: Case) -> Job:
    return make_jobs([one], ["cpu"], ["latency_warm"], preset(processes=1), seed=0)[0]


def test_a_job_on_the_cpu_reads_the_machines_own_counters() -> None:
    tools = make_instruments(job_of(case(threads=2)), preset())
    assert isinstance(tools.timer, CpuTimer)
    assert tools.usage is machine_usage


def test_a_job_that_takes_turns_reads_counters_that_leave_the_sleep_out() -> None:
    awake = Awake(Alone(), 2)
    tools = make_instruments(job_of(case(threads=2)), preset(), awake)
    assert isinstance(tools.timer, CpuTimer)
    assert tools.usage == awake.machine_usage


@pytest.mark.parametrize(("slow_core", "is_read"), [(1.25, True), (0.0, False)])
def test_the_core_is_read_where_the_preset_says_so(slow_core: float, is_read: bool) -> None:
    asked = preset().model_copy(update={"slow_core": slow_core})
    for awake in (None, Awake(Alone(), 1)):
        tools = make_instruments(job_of(case()), asked, awake)
        assert (tools.timer.details["core_best"] is not None) is is_read


def test_a_fake_job_is_measured_by_its_script_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in write_script(tmp_path / "script.json", {"seconds_per_mac": 1e-9}).items():
        monkeypatch.setenv(key, value)
    tools = make_instruments(job_of(fake_case(1)), preset())
    assert tools.usage() is None
    before = tools.clock()
    tools.sleep(3.0)
    assert tools.clock() - before == pytest.approx(3.0)
