"""What is known of a network for nothing: its size, its operations, and what its paper prints."""

from collections.abc import Mapping

from sabench.cases.case import Case
from sabench.cases.cost import CaseCost, case_cost
from sabench.compare.trust.indicators import Indicator
from sabench.papers.rows import published_top1

PARAMS, MACS, PUBLISHED = "params", "macs", "published top-1"


def counts(networks: Mapping[str, Case], classes: int | None = None) -> tuple[Indicator, ...]:
    """Parameters and MACs, of the networks that have closed forms.

    `classes`: that the networks were trained to tell apart; else as many as their papers' have.
    """
    found = ((key, case_cost(case, classes=classes)) for key, case in networks.items())
    costs = {key: cost for key, cost in found if cost is not None}

    def of(name: str) -> Indicator:
        values = {key: (float(_count(cost, name)),) for key, cost in costs.items()}
        return Indicator(name, "count", "neither", values)

    return of(PARAMS), of(MACS)


def published(networks: Mapping[str, Case]) -> Indicator:
    """Top-1 accuracy as the papers print it, as a share; of most networks none is printed."""
    printed = {
        key: published_top1(case.subject, case.options, case.resolution)
        for key, case in networks.items()
    }
    values = {key: (float(top1) / 100.0,) for key, top1 in printed.items() if top1 is not None}
    return Indicator(PUBLISHED, "published", "more", values)


def _count(cost: CaseCost, name: str) -> int:
    return cost.params if name == PARAMS else cost.macs
