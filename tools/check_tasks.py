"""Do the generated tasks tell local layers from global ones? A run of suite `tasks`, judged.

    python tools/check_tasks.py RUN

RUN is a run folder or a leaderboard. Of two marks at a distance, every seed of a layer of which no
position sees both has to stay below 77 % (75 % is all that can be learnt), and every seed of one
of which some position sees both wherever they lie has to reach 99 %; of a layer between the two
nothing is demanded. On the control, where all can learn, the layers may not differ: Friedman's
test over the seeds, p above 0.05. Exit code: 0 all of it holds, 1 not, 77 no such training.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scipy.stats import friedmanchisquare

from sabench.cases.case import Case
from sabench.catalog.data import XorOptions, parse_data
from sabench.catalog.fields import Field, always_together, fields, never_together
from sabench.catalog.layers import layers
from sabench.records import SHOWN
from sabench.store.leaderboard import Row, read_leaderboard

BEYOND, WITHIN, LEAST_P = 0.77, 0.99, 0.05
CHANNELS = 16  # what a position sees does not depend on them


def main() -> int:
    """A line for each network on each task; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    rows = [row for row in read_leaderboard(parser.parse_args().run).rows if row.status in SHOWN]
    rows = [row for row in rows if row.case.subject == "probe" and row.case.mode == "train"]
    held = [*marks_hold(rows), *control_holds(rows)]
    if not held:
        print("skipped: no training of two marks or of the control is in it")
        return 77
    print(f"{sum(held)} of {len(held)} hold")
    return 0 if all(held) else 1


def marks_hold(rows: Sequence[Row]) -> Iterator[bool]:
    """Two marks at a distance: what each network is held to."""
    for row in rows:
        task = parse_data(row.case.data)
        if task.name != "xor":
            continue
        options = XorOptions.model_validate(task.options)
        distance, size = int(options.distance), int(options.size)
        seen, found = seen_by(row.case, size), accuracies(row)
        where = f"{row.case.options.get('mix', 'conv')} at distance {distance}, {len(found)} seeds"
        told = f"{min(found):.4f} to {max(found):.4f}"
        if never_together(seen, distance):
            good = max(found) < BEYOND
            print(f"{word(good)} {where}: {told}, never seen together: below {BEYOND}")
        elif always_together(seen, distance):
            good = min(found) >= WITHIN
            print(f"{word(good)} {where}: {told}, always seen together: at least {WITHIN}")
        else:
            print(f"told     {where}: {told}, seen together at some places")
            continue
        yield good


def control_holds(rows: Sequence[Row]) -> Iterator[bool]:
    """The control: whether the layers differ over the seeds that all have."""
    groups: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if parse_data(row.case.data).name == "counting":
            here = groups.setdefault(row.case.data, {})
            here[str(row.case.options.get("mix", "conv"))] = accuracies(row)
    for data, found in groups.items():
        of_seeds = list(zip(*found.values(), strict=False))
        are_level = all(len({*each}) == 1 for each in of_seeds)  # of which there is no test
        means = ", ".join(f"{mix} {sum(each) / len(each):.4f}" for mix, each in found.items())
        p = 1.0 if are_level else float(friedmanchisquare(*zip(*of_seeds, strict=True)).pvalue)
        good = p > LEAST_P
        print(f"{word(good)} {data}, {len(of_seeds)} seeds: {means}; p {p:.3f}, above {LEAST_P}")
        yield good


def seen_by(case: Case, size: int) -> tuple[Field, ...]:
    """What a position of a probe's only layer sees.

    Raises: ValueError for a probe of several layers.
    """
    if int(case.options.get("layers", 1)) != 1:
        raise ValueError(f"{case.case_id}: of several layers it is not known what a position sees")
    mix = str(case.options.get("mix", "conv"))
    row = layers()[mix]
    own = {key.partition(".")[2]: value for key, value in case.options.items() if "." in key}
    return fields(row, row.options(**own), CHANNELS, size)


def accuracies(row: Row) -> list[float]:
    """Of each seed."""
    return [float(one) for one in row.figures["accuracy"].process_medians]


def word(good: bool) -> str:
    """How a line begins."""
    return "held    " if good else "NOT HELD"


if __name__ == "__main__":
    sys.exit(main())
