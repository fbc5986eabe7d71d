"""The noise that a simulated gate draws: that of every case that was accepted, kept in a file.

    .venv/bin/python tools/gate_noise.py [--results results/amd-epyc]    # read it anew

Each case of the leaderboards gives a line in `gate-noise.jsonl` beside them: how far the medians
of its processes lie apart, and its samples within one process, both as shares of its median. The
file is kept, so that the tables of docs/false-alarms.md can be made again when there are more
leaderboards.
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sabench import jsonl
from sabench.catalog.presets import PRESETS
from sabench.store.leaderboard import read_leaderboard

METRIC = "latency_warm"
FILE = "gate-noise.jsonl"
RESULTS = Path(__file__).parent.parent / "results" / "amd-epyc"
MEDIAN_ERROR = math.sqrt(math.pi / 2)  # of a normal sample's median, over that of its mean


@dataclass(frozen=True, slots=True)
class Spread:
    """What a leaderboard tells of a case: shares of its median."""

    board: str
    case_id: str
    between: float  # standard deviation of the medians of its processes
    within: float  # of the samples of one process
    samples: float  # of a process


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations as shares of the figure: of a process's offset, of a sample in it."""

    process: float
    sample: float
    samples: int = PRESETS["gate"].samples_min

    @property
    def between(self) -> float:
        """Of process medians."""
        return math.hypot(self.process, MEDIAN_ERROR * self.sample / math.sqrt(self.samples))

    @classmethod
    def of(cls, spread: Spread) -> "Noise":
        """A case's noise at the gate's number of samples.

        What the median's own error explains of the spread between processes is the samples'.
        """
        root = math.sqrt(spread.samples) / MEDIAN_ERROR
        sample = min(spread.within, spread.between * root)
        return cls(math.sqrt(max(0.0, spread.between**2 - (sample / root) ** 2)), sample)


def spreads(results: Path) -> Iterator[Spread]:
    """Of each case of a folder's leaderboards that was measured in several processes."""
    for path in sorted(results.glob("*.json")):
        for row in read_leaderboard(path).rows:
            figure = row.figures.get(METRIC)
            if figure is None or not figure.median or not figure.between_sd:
                continue
            yield Spread(
                board=path.name,
                case_id=row.case_id,
                between=figure.between_sd / figure.median,
                within=(figure.in_process_sd or 0.0) / figure.median,
                samples=statistics.median(figure.process_samples),
            )


def recorded(file: Path = RESULTS / FILE) -> tuple[Noise, ...]:
    """The noise of each case of the file."""
    return tuple(Noise.of(Spread(**line)) for line in jsonl.read(file))


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    lines = [json.dumps(asdict(one)) for one in spreads(asked.results)]
    jsonl.write_atomically(asked.results / FILE, "".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} cases in {asked.results / FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
