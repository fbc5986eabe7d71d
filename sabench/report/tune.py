"""What `sabench tune` found, in words."""

from collections.abc import Sequence

from sabench.launch.tune import Tuned
from sabench.report.plain import plain


def choices_lines(tuned: Sequence[Tuned]) -> str:
    """A line a setting: what `auto` is from now on, and how much longer the others take."""
    lines = []
    for one in tuned:
        device = plain(one.device)
        lines += ["", f"auto on {device} from now on:"]
        for found in one.found:
            others = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found.others.items())
            lines.append(f"  {found.setting.key}: {found.implementation} (x its time: {others})")
        if not one.found:
            lines[-1] = f"auto on {device} stays as it was: nothing was timed to choose by"
        elif not one.is_kept:
            lines.append("  not kept: the state folder cannot be written to; sabench doctor")
    return "\n".join(lines[1:])
