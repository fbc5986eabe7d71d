"""Whether counting is ranking: how far the order by MACs agrees with the order by latency."""

from dataclasses import dataclass

from sabench.stats import RankAgreement, kendall_tau
from sabench.store.leaderboard import Group, Leaderboard, Row
from sabench.store.published import published_in

LEAST_NETWORKS = 4
MACS, PUBLISHED = "macs", "published_flops"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One count of a group's ranked networks against their latency, by the medians."""

    group: Group
    count: str  # MACS or PUBLISHED
    networks: int
    found: RankAgreement | None  # None: all counts are equal, or all latencies


def agreements(leaderboard: Leaderboard) -> list[Agreement]:
    """For each group with at least four ranked networks: MACs, then FLOPs as published."""
    published = {case_id: one.flops for case_id, one in published_in(leaderboard).items()}
    found = []
    for group, rows in leaderboard.groups():
        networks = [row for row in rows if row.case.kind == "network" and row.rank is not None]
        macs = [(row, row.median("macs")) for row in networks]
        printed = [(row, published.get(row.case_id)) for row in networks]
        for count, counted in ((MACS, macs), (PUBLISHED, printed)):
            agreement = _agreement(group, count, counted)
            if agreement:
                found.append(agreement)
    return found


def _agreement(
    group: Group, count: str, counted: list[tuple[Row, float | None]]
) -> Agreement | None:
    """Over the networks that have both figures; None where they are too few."""
    pairs = [
        (value, latency)
        for row, value in counted
        if value is not None and (latency := row.median("latency_warm")) is not None
    ]
    if len(pairs) < LEAST_NETWORKS:
        return None
    tau = kendall_tau([value for value, _ in pairs], [latency for _, latency in pairs])
    return Agreement(group, count, len(pairs), tau)
