"""The checks: what each holds against what, where it applies, the fault that turns it red.

Torch-free.
"""

from dataclasses import dataclass
from typing import Literal

from sabench.catalog.presets import Preset, find_preset
from sabench.errors import ConfigError
from sabench.stats import Interval

Kind = Literal["cpu", "cuda"]
TURNS = 9  # undisturbed; an order-statistic interval at 95 % needs six
MOST_TURNS = 90  # where the ratios spread, or turns are disturbed


@dataclass(frozen=True, slots=True)
class Ratio:
    """What the median of a check's ratios must be, and how wide an interval still tells."""

    expected: float
    tolerance: float  # as a share of the expected
    widest: float  # half of the interval's width, as a share of the expected

    def is_sharp(self, interval: Interval | None) -> bool:
        """Whether an interval is narrow enough to tell."""
        if interval is None:
            return False
        return interval.high - interval.low <= 2 * self.widest * self.expected


RATIOS = {
    "fixed_work": Ratio(2.0, 0.01, 0.01),
    "two_clocks": Ratio(1.0, 0.01, 0.01),
    "own_cpu": Ratio(1.0, 0.02, 0.02),
    "aa_pair": Ratio(1.0, 0.01, 0.02),
    "planted_slowdown": Ratio(1.1, 0.02 / 1.1, 0.02),
    "spin": Ratio(2.0, 0.02, 0.02),
}
"""Of the checks that hold a ratio against a known one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the instrument. `plant` names the fault that must turn it red."""

    name: str
    asks: str
    plant: str
    planted: str
    elsewhere: str = ""  # why it does not apply on the other kind of device
    kinds: tuple[Kind, ...] = ("cpu", "cuda")
    threads: int = 1


CHECKS: dict[str, Check] = {
    row.name: row
    for row in (
        Check(
            "fixed_work",
            "2n units of work take twice the time of n",
            "short-work",
            "2n does only 1.9n units",
            "the spin check does this with cycles",
            kinds=("cpu",),
        ),
        Check(
            "two_clocks",
            "the timer agrees with a clock read outside it",
            "slow-clock",
            "the timer's clock runs 5 % slow",
        ),
        Check(
            "own_cpu",
            "one thread's processor time equals its wall time",
            "resting-work",
            "each call sleeps for a tenth of its time",
            "a kernel's time is not processor time",
            kinds=("cpu",),
        ),
        Check(
            "aa_pair",
            "the same work measured twice, interleaved, differs by nothing",
            "uneven-pair",
            "the second side does 5 % more",
        ),
        Check(
            "planted_slowdown",
            "10 % more of the same work is seen as 10 %",
            "same-work",
            "the 10 % are left out",
        ),
        Check(
            "neighbour",
            "beside a busy process no figure above 1.1 times its quiet median is ranked",
            "blind-load",
            "no block is judged by its load",
            "others on a GPU are looked for by NVML; docs/gpu-checks.md has that check",
            kinds=("cpu",),
        ),
        Check(
            "wait_policy",
            "beside a busy process, waiting threads of a pool leave their core alone",
            "active-wait",
            "the child starts with OMP_WAIT_POLICY=ACTIVE",
            "it is the CPU's thread pool that waits",
            kinds=("cpu",),
            threads=2,
        ),
        Check(
            "cold_warm",
            "a copy of half the L2 cache takes at least 1.3 times as long cold as warm",
            "warm-flush",
            "the flush before cold samples is left out",
            "a CPU has no portable flush: it is measured warm only",
            kinds=("cuda",),
        ),
        Check(
            "spin",
            "a kernel that counts 2n cycles takes twice the time of n",
            "short-spin",
            "2n counts only 1.9n cycles",
            "there are no device cycles to count",
            kinds=("cuda",),
        ),
        Check(
            "energy",
            "the energy counter moves, and agrees with power integrated over the same time",
            "frozen-counter",
            "the counter repeats its first reading",
        ),
    )
}

PLANTS: dict[str, Check] = {row.plant: row for row in CHECKS.values()}

PRESET: Preset = find_preset("quick").model_copy(
    update={
        "name": "selftest",
        "warmup_min_s": 0.02,
        "warmup_max_s": 0.15,
        "half_width": 0.003,
        "budget_s": 0.15,
        "energy_windows": 0,
    }
)
"""Many short measurements in turns: drift is the enemy here, not the width of one of them."""


def find_checks(names: list[str], plant: str = "", kind: str = "") -> list[Check]:
    """The checks of those names, all if none is named.

    Raises: ConfigError for a name or a plant that is none, for a plant without its check, and for
    one that a device of that kind cannot have.
    """
    for name in names:
        if name not in CHECKS:
            raise ConfigError(f"check {name!r} is not known; there are {', '.join(CHECKS)}")
    if plant and plant not in PLANTS:
        raise ConfigError(f"plant {plant!r} is not known; there are {', '.join(PLANTS)}")
    if plant and names and PLANTS[plant].name not in names:
        raise ConfigError(f"plant {plant} turns {PLANTS[plant].name} red: --check it too")
    if plant and kind and kind not in PLANTS[plant].kinds:
        raise ConfigError(f"plant {plant} needs --device {PLANTS[plant].kinds[0]}, not {kind}")
    return [row for name, row in CHECKS.items() if name in names or not names]
