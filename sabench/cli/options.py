"""Options that several commands have, each declared once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

LARGEST_SEED = 2**63 - 1  # of a job: what torch takes

SuiteName = Annotated[str, typer.Option("--suite", help="A suite's name or file.")]
Devices = Annotated[
    str | None,
    typer.Option("--device", help=r"auto, cpu, cuda, cuda:0,cuda:1 or all.  \[default: auto]"),
]
Preset = Annotated[str, typer.Option("--preset", help="quick, standard or strict.")]
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Alter a constant of the preset: half_width=0.02. `accept` refuses the run."
    ),
]
Axes = Annotated[
    list[str] | None,
    typer.Option("--axis", help="Replace an axis: window=3,5,7 or 'mix=conv;conv,conv,halo,halo'."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=LARGEST_SEED, help="Order of jobs, weights, inputs."),
]
OrderSeed = Annotated[
    int | None, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Order of jobs.")
]
Filter = Annotated[str, typer.Option("--filter", help="Keep case ids with this text or glob.")]
RunOut = Annotated[Path | None, typer.Option("--out", help="The run folder to make.")]
Resume = Annotated[
    Path | None, typer.Option("--resume", help="Go on with an interrupted run folder.")
]
AcrossEnvironments = Annotated[
    bool, typer.Option("--across-env", help="Resume although the environment has changed.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show cases, what is dropped and why, and the time.")
]
Isolated = Annotated[
    Literal["suite", "case"] | None,
    typer.Option("--isolation", help=r"What shares a process.  \[default: suite; at strict: case]"),
]
Ordered = Annotated[
    Literal["random", "grouped"],
    typer.Option("--order", help="Of cases: random and seeded, or as in the suite, for debugging."),
]
OnContention = Annotated[
    str,
    typer.Option(
        "--on-contention", help="When others use the device: warn, wait:60s or fail (exit 5)."
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another sabench on the device.")]
NoLock = Annotated[
    bool, typer.Option("--no-lock", help="Measure beside another sabench on the device.")
]
LauncherName = Annotated[str, typer.Option("--launcher", help="process, or inline for debugging.")]
MemoryLimit = Annotated[
    str | None,
    typer.Option("--memory-limit", help="Address space of a CPU child: 8GiB, or none."),
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write the table as CSV.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Also write it as Markdown.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit 6 unless every case is ok or ok_flagged.")
]
Identify = Annotated[bool, typer.Option("--identify", help="Also keep the host's name.")]
Beside = Annotated[
    Path | None,
    typer.Option("--with", help="Trainings whose accuracy stands beside these networks."),
]
RanksFile = Annotated[
    Path | None,
    typer.Option("--ranks", help="What `ranks --out` kept: how far to trust an accuracy."),
]
Best = Annotated[bool, typer.Option("--best", help="Each layer once, in its best implementation.")]
