"""Published FLOPs and rank agreement: as lines, and as JSON."""

from typing import Any

from sabench.report.trainings import untrusted
from sabench.stats import RankAgreement
from sabench.store.agreement import MACS, PUBLISHED, Agreement, agreements
from sabench.store.leaderboard import Leaderboard
from sabench.store.published import published_in

TITLES = {MACS: "MACs", PUBLISHED: "published FLOPs"}

METHOD = "tau-b of the medians; 95 % by Fieller's normal approximation of artanh(tau)"


def agreement_line(agreement: Agreement) -> str:
    """'Kendall's tau of MACs against latency: 0.71 (95 % 0.43..0.87, 14 networks): ...'."""
    title, tau = TITLES[agreement.count], agreement.found
    head = f"Kendall's tau of {title} against latency"
    if tau is None:
        return f"{head}: none, as all {agreement.networks} networks are level in one of the two."
    percent = 100 * tau.concordant / (tau.concordant + tau.discordant)
    return (
        f"{head}: {tau.tau:.2f} ({_sure(tau)}{agreement.networks} networks): of two networks, the "
        f"one with fewer {title} is faster in {percent:.0f} % of pairs."
    )


def leaderboard_json(leaderboard: Leaderboard) -> dict[str, Any]:
    """The leaderboard with what is looked up or follows from it: published FLOPs, agreement."""
    item = leaderboard.dump()
    published = published_in(leaderboard)
    for row in item["rows"]:
        if one := published.get(row["case_id"]):
            row["published"] = {
                "flops": one.flops,
                "printed": f"{one.flops_b}e9",
                "table": one.table,
                "is_certain": one.is_certain,
            }
    if notes := leaderboard.notes or untrusted(leaderboard):
        item["notes"] = [*notes]
    if found := agreements(leaderboard):
        item["agreements"] = [_item(one) for one in found]
    return item


def _sure(tau: RankAgreement) -> str:
    if tau.interval is None:
        return "too few for an interval, "
    return f"95 % {tau.interval.low:.2f}..{tau.interval.high:.2f}, "


def _item(agreement: Agreement) -> dict[str, Any]:
    tau = agreement.found
    item: dict[str, Any] = {
        "group": agreement.group,
        "of": agreement.count,
        "against": "latency_warm",
        "networks": agreement.networks,
        "tau": tau.tau if tau else None,
    }
    if tau:
        low, high = (tau.interval.low, tau.interval.high) if tau.interval else (None, None)
        item |= {"low": low, "high": high, "method": METHOD}
        item |= {"concordant": tau.concordant, "discordant": tau.discordant}
    return item
