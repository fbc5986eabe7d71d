"""What torch's compiler counted: breaks in the graph, and compilations after the first call."""

from collections import Counter
from dataclasses import dataclass, field


def _counters() -> dict[str, Counter[str]]:
    from torch._dynamo.utils import counters  # importing it takes 1.5 s: only who compiles pays

    return counters


def _compiled_frames() -> int:
    return _counters()["frames"]["ok"]


@dataclass(slots=True)
class Compilation:
    """Counts of one module's compiling; made when its first call is over.

    `breaks`: how often each reason broke the graph, by the reason's first line.
    """

    breaks: dict[str, int] = field(default_factory=dict)
    frames: int = 0

    @classmethod
    def counted(cls) -> "Compilation":
        """What was counted since `forget_counts`."""
        breaks: dict[str, int] = {}
        for reason, count in _counters()["graph_break"].items():
            line = str(reason).partition("\n")[0]
            breaks[line] = breaks.get(line, 0) + count
        return cls(breaks, _compiled_frames())

    @property
    def recompiles(self) -> int:
        """Frames compiled since then: until now."""
        return _compiled_frames() - self.frames


def forget_counts() -> None:
    """Count from zero: an earlier case's compiling is none of this one's."""
    _counters().clear()
