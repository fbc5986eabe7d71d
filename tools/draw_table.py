"""Draw a leaderboard's table as an SVG for the README: draw_table.py LEADERBOARD OUT.svg."""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from sabench.report.tables import LeaderboardTable
from sabench.store.leaderboard import read_leaderboard

WIDTH = 100


def main(source: str, out: str) -> None:
    """Write the picture; the font is the reader's own, nothing is fetched."""
    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False)
    console.print(LeaderboardTable(read_leaderboard(Path(source))))
    svg = console.export_svg(title=f"sabench show {source}", unique_id="sabench")
    Path(out).write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    main(*sys.argv[1:])
