"""Energy of one image, from a counter read over windows of seconds."""

from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Joules per image and mean power, or why they cannot be told."""
    reason = f"no energy counter is read on {subject.device}"
    return {
        "energy": Reading.absent("J", reason),
        "energy_net": Reading.absent("J", reason),
        "power": Reading.absent("W", reason),
    }
