"""Does a permutation of the pixels take from local layers what it leaves to others? A run, judged.

    python tools/check_permuted.py RUN

RUN is a run folder or a leaderboard of suite `permuted`. A layer that takes pixels for neighbours
has to lose accuracy by the permutation (95 % of the mean difference, seed by seed) and must not
surely be left above a perceptron, which knows no neighbours; global attention with free positions,
which knows none either, must not surely lose any. Needs the extra `train`. Exit code: 0 all of it
holds, 1 not, a failed training or a single seed among that, 77 no such pair of trainings.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from perceptron import reached
from verdicts import by_seed, layer_of, said

from sabench.cases.case import REDUCTIONS
from sabench.records import SHOWN
from sabench.store.figure import mean_interval
from sabench.store.leaderboard import Row, read_leaderboard

PLAIN, PERMUTED = "digits", "permuted_digits"
SEEDS = 5  # of the perceptron


def main() -> int:
    """Lines for each network that was trained on both; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    rows = read_leaderboard(parser.parse_args().run).rows
    pairs = list(on_both([row for row in rows if row.case.mode == "train"]))
    if not pairs:
        print("skipped: no network was trained on the digits and on the permuted ones")
        return 77
    level = statistics.fmean(reached(PERMUTED, SEEDS))
    print(f"told     a perceptron on the permuted digits, {SEEDS} seeds: {level:.4f}")
    held = [good for plain, permuted in pairs for good in holds(plain, permuted, level)]
    print(f"{sum(held)} of {len(held)} hold")
    return 0 if all(held) else 1


def on_both(rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Each network's training on the digits, and that on the permuted ones."""
    found = {(_network(row), row.case.data): row for row in rows}
    for network, data in found:
        if data == PLAIN and (network, PERMUTED) in found:
            yield found[network, PLAIN], found[network, PERMUTED]


def holds(plain: Row, permuted: Row, level: float) -> Iterator[bool]:
    """What a network is held to, `level` being the perceptron's accuracy."""
    mix = layer_of(plain.case)
    if failed := next((row for row in (plain, permuted) if row.status not in SHOWN), None):
        yield said(False, f"{mix}: on {failed.case.data} it ended {failed.status}")
        return
    before, after = (by_seed(row) for row in (plain, permuted))
    seeds = sorted(before.keys() & after.keys())
    if len(seeds) < 2:
        yield said(False, f"{mix}: {len(seeds)} seeds on both: 2 are the least that tell anything")
        return
    fall, _ = mean_interval([before[seed] - after[seed] for seed in seeds])
    means = [statistics.fmean(values[seed] for seed in seeds) for values in (before, after)]
    told = f"{mix}: {means[0]:.4f} to {means[1]:.4f}, falls by {fall.low:.4f}..{fall.high:.4f}"
    if plain.case.options.get(f"{mix}.position") == "free":
        yield said(fall.low <= 0.0, f"{told}: knows no neighbours, so not surely")
        return
    yield said(fall.low > 0.0, f"{told}: surely")
    left, _ = mean_interval([after[seed] for seed in seeds])
    yield said(
        left.low <= level, f"{mix}: is left {left.low:.4f} at least (95 %): not above {level:.4f}"
    )


def _network(row: Row) -> str:
    """What is trained, whatever on."""
    case = row.case
    reductions = [getattr(case, key) for key in REDUCTIONS]
    told = [case.subject, case.resolution, case.options, reductions, row.device]
    return json.dumps(told, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
