"""What brings a file of an older major schema to the next one."""

from collections.abc import Callable
from typing import Any

Item = dict[str, Any]

RENAMED_IN_2 = {"latency": "latency_warm"}
"""Metrics that 1.x called otherwise: the cache state came into the name."""


def _renamed(names: list[str]) -> list[str]:
    return [RENAMED_IN_2.get(name, name) for name in names]


def _renamed_keys(item: Item) -> Item:
    return {RENAMED_IN_2.get(name, name): value for name, value in item.items()}


def _record_to_2(item: Item) -> Item:
    return item | {"readings": _renamed_keys(item.get("readings", {}))}


def _run_to_2(item: Item) -> Item:
    metrics = _renamed(item["metrics"])
    return item | {"metrics": metrics, "rank_by": _renamed([item["rank_by"]])[0]}


def _leaderboard_to_2(item: Item) -> Item:
    rows = [row | {"figures": _renamed_keys(row.get("figures", {}))} for row in item["rows"]]
    return _run_to_2(item) | {"rows": rows}


MIGRATIONS: dict[tuple[str, int], Callable[[Item], Item]] = {
    ("sabench.record", 1): _record_to_2,
    ("sabench.run", 1): _run_to_2,
    ("sabench.leaderboard", 1): _leaderboard_to_2,
}
"""(schema, major) -> what brings an item of that major to the next one."""


def earlier_name(metric: str) -> str:
    """What 1.x called a metric: its samples' files keep that name."""
    earlier = {new: old for old, new in RENAMED_IN_2.items()}
    return earlier.get(metric, metric)
