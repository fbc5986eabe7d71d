"""Numbers as a person reads and writes them. Inside, everything is in base units."""

import re

from sabench.errors import ConfigError

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ENERGIES = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "uJ"), (1e-9, "nJ"))
_BYTES = ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def show_time(seconds: float) -> str:
    """Three figures with the unit that fits: '1.07 ms'."""
    if seconds == 0:
        return "0 s"
    for scale, unit in _TIMES:
        if abs(seconds) >= scale:
            return f"{_three_figures(seconds / scale)} {unit}"
    return f"{seconds / 1e-9:.2g} ns"


def show_energy(joules: float) -> str:
    """Three figures with the unit that fits: '4.20 mJ'."""
    for scale, unit in _ENERGIES:
        if abs(joules) >= scale:
            return f"{_three_figures(joules / scale)} {unit}"
    return f"{joules / 1e-9:.2g} nJ"


def show_count(value: float) -> str:
    """Three figures with an SI suffix: '115.6 M' is written '116 M'."""
    for scale, suffix in _COUNTS:
        if abs(value) >= scale:
            return f"{_three_figures(value / scale)} {suffix}"
    return f"{_three_figures(value)}" if value % 1 else f"{value:.0f}"


def show_bytes(value: float) -> str:
    """Three figures with a binary suffix: '3.06 MiB'."""
    for scale, suffix in _BYTES:
        if abs(value) >= scale:
            return f"{_three_figures(value / scale)} {suffix}"
    return f"{value:.0f} B"


def parse_bytes(text: str) -> int:
    """'8GiB', '500 MiB', '4096' to bytes; 'none' is 0.

    Raises: ConfigError for anything else.
    """
    if text == "none":
        return 0
    sizes = {suffix.lower(): scale for scale, suffix in _BYTES} | {"": 1, "b": 1}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or match[2] not in sizes:
        raise ConfigError(f"{text!r} is no size in bytes: write 8GiB, 500MiB, 4096 or none")
    size = float(match[1]) * sizes[match[2]]
    if size >= 2**63:
        raise ConfigError(f"{text[:40]!r} is more than any machine has: write 8GiB or none")
    return int(size)


def show_duration(seconds: float) -> str:
    """A waiting time: '45 s', '3 min 20 s', '2 h 05 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _three_figures(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if magnitude >= 9.995 else f"{value:.2f}"
