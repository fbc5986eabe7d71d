"""What a paper prints of the networks of a leaderboard: looked up, never kept beside figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sabench.papers.rows import PAPERS, load_paper, published_flops
from sabench.store.leaderboard import Leaderboard

OPERATIONS = {"MAC": 2, "2 x MAC": 1}
"""What turns a figure of each convention into FLOPs, two a multiply-accumulate."""


@dataclass(frozen=True, slots=True)
class Published:
    """FLOPs of a network as a paper prints them, in 1e9, two a multiply-accumulate."""

    flops_b: Decimal  # with the printed digits
    table: str
    is_certain: bool  # else the paper's rows say what speaks against it

    @property
    def flops(self) -> float:
        """The figure in FLOPs."""
        return float(self.flops_b * 10**9)


def published_in(leaderboard: Leaderboard) -> dict[str, Published]:
    """The figure of each case that the leaderboard's paper has one for, by case id.

    Where several tables print one network, the first table's. None for a paper not known here.
    """
    return dict(_found(leaderboard)) if leaderboard.published in PAPERS else {}


def _found(leaderboard: Leaderboard) -> Iterator[tuple[str, Published]]:
    printed = load_paper(leaderboard.published).rows
    for row in leaderboard.rows:
        case = row.case
        if case.kind != "network":
            continue
        about = published_flops(case.subject, case.options, case.resolution)
        first = next((one for one in about if one in printed), None)
        if first and first.flops_b and first.convention:
            flops_b = first.flops_b.value * OPERATIONS[first.convention]
            yield row.case_id, Published(flops_b, first.table, not first.flops_b.uncertain)
