"""What a suite asks of a gate: the least slowdown of each case that anybody minds."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from pydantic import Field

from sabench.records import Frozen

THRESHOLD = 0.03
MOST = 1.0  # a gate that lets a case take twice its time is none


class GateRules(Frozen):
    """Shares: 0.03 is 3 %. `thresholds` by a glob of case ids; of several that fit, the last."""

    threshold: float = THRESHOLD
    thresholds: dict[str, float] = Field(default_factory=dict)

    def threshold_of(self, case_id: str) -> float:
        """The share that a case may become slower by without anybody minding."""
        fitting = [share for glob, share in self.thresholds.items() if fnmatchcase(case_id, glob)]
        return fitting[-1] if fitting else self.threshold

    def idle(self, case_ids: Collection[str]) -> tuple[str, ...]:
        """The globs that fit none of these cases: misspelt, or left behind."""
        return tuple(
            glob
            for glob in self.thresholds
            if not any(fnmatchcase(case_id, glob) for case_id in case_ids)
        )
