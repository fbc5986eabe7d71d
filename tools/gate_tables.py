"""The tables of docs/false-alarms.md, from the simulations that were recorded.

    .venv/bin/python tools/gate_tables.py [--results results/amd-epyc]

Each line of gate-simulation.jsonl is one setting, one true change and one rule, as
tools/simulate_gate.py --record tallied it. Of equal ones the last counts. A test holds the page to
what this prints.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gate_noise import RESULTS
from simulate_gate import CASES, CHANGES, RECORD

from sabench import jsonl
from sabench.compare import pair
from sabench.compare.gate import driver

Tallies = dict[tuple[Any, ...], dict[str, Any]]
"""What was found, by setting, change, cases a gate, `most`, `same` and `sure`."""

OURS = (CASES, driver.SCREEN_MOST, driver.SAME_BLOCKS, pair.SURELY_SAME)
OTHERS = {
    "as it is": OURS,
    "12 blocks at most": (CASES, 12, driver.SAME_BLOCKS, pair.SURELY_SAME),
    "SAME on 4 blocks": (CASES, driver.SCREEN_MOST, 4, pair.SURELY_SAME),
    "SAME held to 99 %": (CASES, driver.SCREEN_MOST, driver.SAME_BLOCKS, pair.CONFIDENCE),
    "24 cases a gate": (24, *OURS[1:]),
}
WHO = ("quiet", "all")
QUIET, ALL = "recorded, quiet", "recorded"
SETTINGS = {
    QUIET: "quiet cases",
    "quiet, drift 2 %": "quiet, all becoming 2 % slower meanwhile",
    "quiet, heavy tails": "quiet, offsets by Student's t of 3 degrees",
    "disturbed 5%": "quiet, a process in twenty disturbed",
    "disturbed 25%": "quiet, a process in four disturbed",
    ALL: "all recorded cases",
    "processes 1.0%": "processes that differ by 1 %",
    "processes 2.0%": "processes that differ by 2 %",
    "processes 3.0%": "processes that differ by 3 %",
}


def read(file: Path) -> Tallies:
    """The tallies of today's rule."""
    return {
        (
            *(line["setting"], line["found"]["change"], line["cases"]),
            *(line["most"], line["same"], line["sure"]),
        ): line["found"]
        for line in jsonl.read(file)
        if line["rule"] == driver.RULE
    }


def tables(found: Tallies) -> Iterator[str]:
    """Found and missed by the true change; gates by their noise; what other rules would do."""
    yield row("true change", *(f"{what}, {who} cases" for what in ("red", "SAME") for who in WHO))
    yield "| --- | ---: | ---: | ---: | ---: |"
    for change in CHANGES:
        sides = [found[name, change, *OURS] for name in (QUIET, ALL)]
        cells = [
            share(one["verdicts"].get(verdict, 0), one["cases"])
            for verdict in ("REGRESSED", "SAME")
            for one in sides
        ]
        yield row(f"+{100 * change:.0f} %" if change else "none", *cells)
    yield ""
    yield "| noise, nothing changed | gates with an AMBIGUOUS case | UNRELIABLE | blocks |"
    yield "| --- | ---: | ---: | ---: |"
    for setting, told in SETTINGS.items():
        if (setting, 0.0, *OURS) in found:
            yield row(told, *gates(found[setting, 0.0, *OURS]))
    yield ""
    yield (
        "| rule, quiet cases | gates with an AMBIGUOUS case | UNRELIABLE | blocks "
        "| +3 % called SAME |"
    )
    yield "| --- | ---: | ---: | ---: | ---: |"
    for told, rule in OTHERS.items():
        three = found[QUIET, 0.03, *rule]
        same = share(three["verdicts"].get("SAME", 0), three["cases"])
        yield row(told, *gates(found[QUIET, 0.0, *rule]), same)


def gates(one: dict[str, Any]) -> tuple[str, str, str]:
    """AMBIGUOUS, UNRELIABLE, blocks a gate."""
    return (
        share(one["ambiguous"], one["gates"]),
        share(one["outcomes"].get("UNRELIABLE", 0), one["gates"]),
        f"{one['blocks'] / one['gates']:.1f}",
    )


def share(hits: int, n: int) -> str:
    """A share; counts where it would be rounded to all or none."""
    told = f"{hits / n:.1%}".replace("%", " %")
    return f"{hits:,} of {n:,}" if told in ("0.0 %", "100.0 %") else told


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    print("\n".join(tables(read(asked.results / RECORD))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
