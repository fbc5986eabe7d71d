"""Do the generated tasks tell local layers from global ones? A run of suite `tasks`, judged.

    python tools/check_tasks.py RUN

RUN is a run folder or a leaderboard. Of two marks at a distance, every seed of a layer of which no
position sees both has to stay below 77 % (75 % is all that can be learnt), and every seed of one
of which some position sees both wherever they lie has to reach 99 %; of a layer between the two
nothing is demanded. On the control, where all can learn, the layers may not differ: Friedman's
test over the seeds, p above 0.05. Ten seeds are wanted. Exit code: 0 all of it holds, 1 not, a
failed training or too few seeds among that, 77 no such training.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from scipy.stats import friedmanchisquare
from verdicts import by_seed, layer_of, said

from sabench.cases.case import Case
from sabench.catalog.data import XorOptions, parse_data
from sabench.catalog.fields import Field, always_together, fields, never_together
from sabench.catalog.layers import layers
from sabench.records import SHOWN
from sabench.store.leaderboard import Row, read_leaderboard

BEYOND, WITHIN, LEAST_P = 0.77, 0.99, 0.05
SEEDS = 10
FEWEST_LAYERS = 3  # that Friedman's test is of
CHANNELS = 16  # what a position sees does not depend on them


def main() -> int:
    """A line for each network on each task; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    rows = read_leaderboard(parser.parse_args().run).rows
    rows = tuple(row for row in rows if row.case.subject == "probe" and row.case.mode == "train")
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
        where = f"{layer_of(row.case)} at distance {distance}"
        if failed := why_not(row):
            yield said(False, f"{where}: {failed}")
            continue
        seen, found = seen_by(row.case, size), by_seed(row).values()
        told = f"{where}, {len(found)} seeds: {min(found):.4f} to {max(found):.4f}"
        if never_together(seen, distance):
            yield said(max(found) < BEYOND, f"{told}, never seen together: below {BEYOND}")
        elif always_together(seen, distance):
            yield said(min(found) >= WITHIN, f"{told}, always seen together: at least {WITHIN}")
        else:
            print(f"told     {told}, seen together at some places")


def control_holds(rows: Sequence[Row]) -> Iterator[bool]:
    """The control: whether the layers differ over the seeds that all have."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if parse_data(row.case.data).name == "counting":
            groups.setdefault(row.case.data, []).append(row)
    for data, here in groups.items():
        if unfit := [f"{layer_of(row.case)}: {told}" for row in here if (told := why_not(row))]:
            yield said(False, f"{data}: {', '.join(unfit)}")
        elif len(here) < FEWEST_LAYERS:
            yield said(False, f"{data}: {len(here)} networks, {FEWEST_LAYERS} can be compared")
        else:
            yield are_level(data, here)


def are_level(data: str, rows: Sequence[Row]) -> bool:
    """Whether the networks differ by no more than seeds do."""
    found = [by_seed(row) for row in rows]
    seeds = sorted(set.intersection(*({*each} for each in found)))
    if len(seeds) < SEEDS:
        return said(False, f"{data}: {len(seeds)} seeds in common, {SEEDS} are wanted")
    of_seeds = [[each[seed] for each in found] for seed in seeds]
    told = ", ".join(
        f"{layer_of(row.case)} {fmean(each.values()):.4f}"
        for row, each in zip(rows, found, strict=True)
    )
    all_tied = all(len({*each}) == 1 for each in of_seeds)  # of which there is no test
    p = 1.0 if all_tied else float(friedmanchisquare(*zip(*of_seeds, strict=True)).pvalue)
    return said(p > LEAST_P, f"{data}, {len(seeds)} seeds: {told}; p {p:.3f}, above {LEAST_P}")


def why_not(row: Row) -> str:
    """Why a training cannot be judged; "" where it can."""
    if row.status not in SHOWN:
        return f"it ended {row.status}"
    seeds = len(row.figures["accuracy"].process_medians)
    return f"{seeds} seeds, {SEEDS} are wanted" if seeds < SEEDS else ""


def seen_by(case: Case, size: int) -> tuple[Field, ...]:
    """What a position of a probe's only layer sees.

    Raises: ValueError for a probe of several layers.
    """
    if int(case.options.get("layers", 1)) != 1:
        raise ValueError(f"{case.case_id}: of several layers it is not known what a position sees")
    row = layers()[layer_of(case)]
    own = {key.partition(".")[2]: value for key, value in case.options.items() if "." in key}
    return fields(row, row.options(**own), CHANNELS, size)


if __name__ == "__main__":
    sys.exit(main())
