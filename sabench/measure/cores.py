"""Which hardware threads share a core. Torch-free."""

from pathlib import Path

CPU = Path("/sys/devices/system/cpu")


def hardware_siblings(core: int, cpu: Path | None = None) -> frozenset[int]:
    """The hardware threads that share a core, itself among them."""
    try:
        text = ((cpu or CPU) / f"cpu{core}/topology/thread_siblings_list").read_text()
        parts = [part.partition("-") for part in text.strip().split(",")]
        return frozenset(n for low, _, high in parts for n in range(int(low), int(high or low) + 1))
    except (OSError, ValueError):
        return frozenset({core})
