"""Hold planted slowdowns to their truth, by wall time and by processor time, each by itself.

    .venv/bin/python tools/check_plant.py [RATIO ...]

For each case and ratio a planted call is fitted as in a gate; then it and the call alone are
timed in turns, on one thread. Exit 1 if a ratio of processor times is off by more than one part
in a hundred; that of wall times is as true only where nothing else runs.
"""

import argparse
import sys
import time

import torch

from sabench.cases.case import Case
from sabench.cases.plan import Job
from sabench.measure.building import build_subject
from sabench.measure.execution import Execution
from sabench.measure.instruments import make_timer
from sabench.measure.plant import plant
from sabench.measure.runtimes.eager import prepare
from sabench.measure.selftest.bench import raw_ns
from sabench.measure.timer import Call
from sabench.stats import quantile

RATIOS = (1.03, 1.10, 1.25)
TRUE = 0.01
TURNS, TURN_S = 101, 0.01
CASES = (
    Case(kind="layer", subject="conv", channels=64, size=14),
    Case(kind="layer", subject="conv", channels=64, size=56),
    Case(kind="layer", subject="halo", channels=64, size=56, implementation="blocked"),
    Case(kind="layer", subject="conv", channels=64, size=28, mode="forward_backward"),
)


def main(ratios: tuple[float, ...]) -> int:
    """One line for each case and ratio."""
    torch.set_num_threads(1)
    worst = 0.0
    for case in CASES:
        for ratio in ratios:
            job = Job(
                job_id="plant",
                kind=case.kind,
                case=case,
                metrics=(),
                device="cpu",
                replicate=0,
                plant=ratio,
                seed=1,
            )
            execution = prepare(build_subject(job))
            with execution.context():
                execution.call()
                told = plant(job, execution, make_timer(job.device, job.case.threads))
                wall, own = truth(execution)
            off = own / ratio - 1.0
            worst = max(worst, abs(off))
            shown = f"asked {ratio:.2f}, is {own:.4f} ({off:+.2%}), by the wall {wall:.4f}"
            print(f"{case.case_id}: {shown}; {told}")
    print(f"worst: {worst:.2%} of {TRUE:.0%}")
    return int(worst > TRUE)


def truth(execution: Execution) -> tuple[float, float]:
    """The median ratios of turns of at least a hundredth of a second a side: wall, processor."""
    own, planted = execution.own_call, execution.call
    calls = max(1, round(TURN_S / (_seconds(own, 3)[0] / 3)))
    walls, owns = [], []
    for turn in range(TURNS):
        if turn % 2:
            more, base = _seconds(planted, calls), _seconds(own, calls)
        else:
            base, more = _seconds(own, calls), _seconds(planted, calls)
        walls.append(more[0] / base[0])
        owns.append(more[1] / base[1])
    return quantile(walls, 0.5), quantile(owns, 0.5)


def _seconds(call: Call, calls: int) -> tuple[float, float]:
    wall, own = raw_ns(), time.process_time_ns()
    for _ in range(calls):
        call()
    return (raw_ns() - wall) * 1e-9, (time.process_time_ns() - own) * 1e-9


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratios", nargs="*", type=float, default=RATIOS, metavar="RATIO")
    sys.exit(main(tuple(parser.parse_args().ratios)))
