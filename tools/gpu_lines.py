"""One line for each row of docs/gpu-checks.md that a file of GPU tests has: pass, FAIL or skipped.

    python tools/gpu_lines.py tests/gpu/test_timing_truth.py REPORT.xml

REPORT.xml is what pytest's --junitxml tells of that file. A row is skipped where all of its tests
were, and fails where none of them ran; so does a test that no row names. Exit code: 0 no line
failed, 1 one did.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs" / "gpu-checks.md"
ROW = re.compile(
    r"^\| `(?P<name>[^`]+)` \|.*\| `pytest (?P<file>tests/gpu/\w+\.py)"
    r'(?: -k (?P<words>\w+|"\w+(?: or \w+)*"))?` \|',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, and which tests of its file it holds: those with one of the words."""

    name: str
    words: tuple[str, ...]

    def holds(self, test: str) -> bool:
        """Whether a test is one of its own."""
        return any(word in test for word in self.words)


@dataclass(frozen=True, slots=True)
class Ended:
    """A test by its name, how it ended and why it was skipped."""

    name: str
    end: str  # "passed", "failed" or "skipped"
    reason: str
    seconds: float


def main(file: str, report: str) -> int:
    """Print the lines of a file's rows."""
    rows, tests = rows_of(file), tests_of(Path(report))
    lines = [line_of(row.name, [one for one in tests if row.holds(one.name)]) for row in rows]
    lines += [
        f"FAIL: {one.name} (no row of docs/gpu-checks.md names it)"
        for one in tests
        if not any(row.holds(one.name) for row in rows)
    ]
    print("\n".join(lines))
    return 1 if any(line.startswith("FAIL") for line in lines) else 0


def rows_of(file: str) -> list[Row]:
    """The rows whose command is pytest on that file; without -k all of its tests are a row's."""
    found = (match for match in ROW.finditer(DOCS.read_text()) if match["file"] == file)
    return [Row(one["name"], tuple((one["words"] or "").strip('"').split(" or "))) for one in found]


def tests_of(report: Path) -> list[Ended]:
    """Every test of a report; none if pytest ended before it wrote one."""
    with suppress(OSError, ElementTree.ParseError):
        return [_ended(case) for case in ElementTree.parse(report).iter("testcase")]
    return []


def _ended(case: ElementTree.Element) -> Ended:
    end, reason = "passed", ""
    for child in case:
        if child.tag in ("failure", "error"):
            end = "failed"
        elif child.tag == "skipped":
            end, reason = "skipped", " ".join(child.get("message", "").split())
    return Ended(case.get("name", ""), end, reason, float(case.get("time", 0)))


def line_of(name: str, tests: Sequence[Ended]) -> str:
    """How a row ended, how many of its tests did so, and what is not as it should be."""
    told = {
        end: [one for one in tests if one.end == end] for end in ("passed", "failed", "skipped")
    }
    counts = ", ".join(f"{len(some)} {end}" for end, some in told.items() if some)
    seconds = f"{sum(one.seconds for one in tests):.0f} s"
    why = "; ".join(sorted({one.reason for one in told["skipped"]}))
    if not tests:
        return f"FAIL: {name} (no test ran)"
    if told["failed"]:
        names = ", ".join(one.name for one in told["failed"])
        return f"FAIL: {name} ({counts}, {seconds}: {names})"
    word = "pass" if told["passed"] else "skipped"
    return f"{word}: {name} ({counts}, {seconds}{': ' + why if why else ''})"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
