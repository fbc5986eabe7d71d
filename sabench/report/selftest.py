"""What `sabench selftest` shows."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from sabench.measure.selftest.judge import Finding, Verdict, tally
from sabench.measure.selftest.table import CHECKS, PLANTS

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.UNRELIABLE: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
}

CLOSING = {
    Verdict.PASS: "The instrument tells the truth here, as far as these checks can see.",
    Verdict.FAIL: "Figures taken here are not to be trusted.",
    Verdict.NOT_APPLICABLE: "None of these checks applies here: nothing was learnt.",
    Verdict.UNRELIABLE: "Too much else ran to tell: try again on a quiet machine.",
}


def selftest_json(findings: Sequence[Finding], device: str, plant: str) -> dict[str, Any]:
    """All findings, and the worst of them as the verdict."""
    return {
        "device": device,
        "plant": plant,
        "verdict": tally(findings).value,
        "checks": [
            {
                "check": finding.check,
                "asks": CHECKS[finding.check].asks,
                "verdict": finding.verdict.value,
                "read": finding.read,
                "allowed": finding.allowed,
            }
            for finding in findings
        ],
    }


def selftest_lines(findings: Sequence[Finding], device: str, plant: str) -> RenderableType:
    """A check, what it asks, what was read: three lines each, at any width."""
    lines: list[RenderableType] = [
        Text(f"Does the instrument tell the truth on {device}?", style="bold")
    ]
    if plant:
        lines.append(Text(_planted(findings, plant), style="yellow"))
    for finding in findings:
        head = Text()
        head.append(f"{finding.verdict.value:<16}", style=STYLES[finding.verdict])
        head.append(finding.check, style="bold")
        lines += [Text(), head, _indented(CHECKS[finding.check].asks, "dim")]
        lines.append(_indented(finding.read))
        if finding.allowed:
            lines.append(_indented(f"allowed: {finding.allowed}"))
    worst = tally(findings)
    return Group(*lines, Text(), Text(CLOSING[worst], style=STYLES[worst]))


def _planted(findings: Sequence[Finding], plant: str) -> str:
    told = f"Planted: {plant}: {PLANTS[plant].planted}."
    if any(one.check == PLANTS[plant].name and not one.answered for one in findings):
        told += " Its check gave no answer, so it has not seen the fault."
    return told


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, 2), expand=False)
