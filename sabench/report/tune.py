"""What `sabench tune` found, in words and as JSON."""

from collections.abc import Sequence
from typing import Any

from sabench.launch.tune import Found, Tuned
from sabench.report.plain import plain


def choices_lines(tuned: Sequence[Tuned]) -> str:
    """A line a setting: what `auto` is from now on, and how much longer the others take."""
    lines = []
    for one in tuned:
        device = plain(one.device)
        if not one.found:
            lines.append(f"auto on {device} stays as it was: no two were timed to choose between")
            continue
        lines.append(f"auto on {device} {'from now on' if one.is_decided else 'stays as it was'}:")
        lines += [f"  {found.setting.key}: {_told(found)}" for found in one.found]
        if not one.is_kept:
            lines.append("  not kept: the state folder cannot be written to; sabench doctor")
    return "\n".join(lines)


def choices_json(tuned: Sequence[Tuned]) -> list[dict[str, Any]]:
    """An item a setting."""
    return [
        {
            "device": one.device,
            "setting": found.setting.key,
            "implementation": found.implementation,
            "before": found.before,
            "times_its_time": dict(found.others),
            "open": found.open,
            "is_kept": one.is_kept and not found.open,
        }
        for one in tuned
        for found in one.found
    ]


def _told(found: Found) -> str:
    if found.open:
        return f"{found.implementation}, as before: {found.open}"
    others = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found.others.items())
    told = ", as before: not clearly slower" if min(found.others.values()) < 1 else ""
    return f"{found.implementation}{told} (x its time: {others})"
