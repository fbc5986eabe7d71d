"""Is this machine fit to measure? Every check reads one thing and says why it matters.

Torch-free; takes two seconds, which it spends watching who else works here.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sabench.measure.core_speed import slow_share
from sabench.measure.doctor.cpu import SMT, examine_cpu
from sabench.measure.doctor.finding import Finding, Light
from sabench.measure.doctor.gpu import driver_version, examine_gpu
from sabench.measure.doctor.host import Host
from sabench.measure.doctor.load import (
    busy_shares,
    examine_load,
    others_at_work,
    sample,
    shared_core,
)
from sabench.measure.doctor.package_energy import package_energy
from sabench.measure.doctor.places import examine_places
from sabench.measure.doctor.software import examine_software
from sabench.measure.gpus import Gpu

WATCH_S = 1.0
SPEED_S = 0.5  # of readings of a child's core

__all__ = ["WATCH_S", "Finding", "Host", "Light", "examine"]


def examine(
    host: Host,
    gpus: Sequence[Gpu] = (),
    sleep: Callable[[float], None] = time.sleep,
    core_best: float = 0.0,
) -> list[Finding]:
    """All checks of the host, then those of each device.

    `core_best`: how fast earlier runs saw a core; 0: not known.
    """
    places, software = examine_places(host), examine_software(host.variables, driver_version())
    with ThreadPoolExecutor(max_workers=max(1, len(gpus))) as pool:
        before = sample(host)
        looked_at = [pool.submit(examine_gpu, gpu) for gpu in gpus]
        sleep(WATCH_S)
        after = sample(host)
    load = examine_load(host, before, after)
    cpu = examine_cpu(host, busy_shares(before, after))
    threads = next(one for one in cpu if one.name == SMT.name)
    told = others_at_work(load, threads)
    load.append(shared_core(None if told else slow_share(host.cores, SPEED_S, core_best)))
    devices = [finding for one in looked_at for finding in one.result()]
    return [*cpu, *load, *places, *software, package_energy(host), *devices]
