"""What a check of the machine says."""

from dataclasses import dataclass
from enum import StrEnum


class Light(StrEnum):
    """How fit a part of the machine is."""

    GREEN = "green"
    YELLOW = "yellow"  # figures can be taken; they spread more, or one kind is missing
    RED = "red"  # figures taken now are spoilt, or cannot be taken
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: the value read, why it matters, and the command that mends it."""

    name: str
    light: Light
    value: str
    why: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What a check is called and why it matters: its findings differ in the rest."""

    name: str
    why: str

    def green(self, value: str) -> Finding:
        """Fit."""
        return Finding(self.name, Light.GREEN, value, self.why)

    def yellow(self, value: str, mend: str = "") -> Finding:
        """Fit, with a cost."""
        return Finding(self.name, Light.YELLOW, value, self.why, mend)

    def red(self, value: str, mend: str) -> Finding:
        """Unfit until it is mended."""
        return Finding(self.name, Light.RED, value, self.why, mend)

    def absent(self, reason: str) -> Finding:
        """There is no such thing here, or it is not told."""
        return Finding(self.name, Light.NOT_APPLICABLE, reason, self.why)
