"""What `sabench doctor` shows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.measure.doctor import Finding, Light

STYLES = {
    Light.GREEN: "green",
    Light.YELLOW: "yellow",
    Light.RED: "bold red",
    Light.NOT_APPLICABLE: "dim",
}
WORDS = {light: light.value for light in Light} | {Light.NOT_APPLICABLE: "n/a"}
CLOSING = {
    Light.RED: "Not fit to measure until the red lines are mended.",
    Light.YELLOW: "Fit to measure; the yellow lines cost precision or a kind of figure.",
    Light.GREEN: "Fit to measure.",
}


def doctor_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """All findings, and the worst light of all."""
    return {
        "verdict": worst(findings).value,
        "checks": [
            {
                "check": one.name,
                "light": one.light.value,
                "value": one.value,
                "why": one.why,
                "mend": one.mend,
            }
            for one in findings
        ],
    }


def doctor_table(findings: Sequence[Finding]) -> RenderableType:
    """A row a check; below what is yellow or red, why it matters."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for one in findings:
        told = Text(one.value)
        if one.light in (Light.RED, Light.YELLOW):
            told.append(f"\n{one.why}", style="dim")
        table.add_row(Text(WORDS[one.light], style=STYLES[one.light]), one.name, told)
    return Group(Text("Is this machine fit to measure?\n", style="bold"), table, Text())


def mend_lines(findings: Sequence[Finding]) -> list[str]:
    """A command a line, the red ones first. Not to be wrapped: they are there to be copied."""
    mended = [one for light in (Light.RED, Light.YELLOW) for one in findings if one.light is light]
    commands = [f"  {one.name}: {one.mend}" for one in mended if one.mend]
    return ["To mend:", *commands, ""] if commands else []


def closing(findings: Sequence[Finding]) -> Text:
    """How many of each light there are, and what that comes to."""
    counts = Counter(one.light for one in findings)
    counted = ", ".join(f"{counts[light]} {WORDS[light]}" for light in Light if counts[light])
    end = worst(findings)
    return Text(f"{counted}. {CLOSING[end]}", style=STYLES[end])


def worst(findings: Sequence[Finding]) -> Light:
    """Red if any is red, else yellow if any is."""
    lights = {one.light for one in findings}
    return next((light for light in (Light.RED, Light.YELLOW) if light in lights), Light.GREEN)
