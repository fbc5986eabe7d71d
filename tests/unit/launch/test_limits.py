"""Cores of a child."""

import pytest

from sabench.errors import ConfigError
from sabench.launch.limits import allowed_cores, choose_cores, parse_memory_limit
from sabench.measure.cores import hardware_siblings


def pairs(core: int) -> frozenset[int]:
    """Cores 0-7 as four cores of two hardware threads: 0 and 4, 1 and 5, ..."""
    return frozenset({core % 4, core % 4 + 4})


@pytest.mark.parametrize(
    ("threads", "allowed", "chosen"),
    [
        (1, range(8), (7,)),
        (2, range(8), (6, 7)),
        (4, range(8), (4, 5, 6, 7)),
        (5, range(8), (3, 4, 5, 6, 7)),
        (2, (0, 3, 4), (3, 4)),
        (2, (3, 7), (3, 7)),
        (3, (1, 3, 7), (1, 3, 7)),
        (2, (1, 3, 7), (1, 7)),
        (3, (0, 1), ()),
        (1, (), ()),
    ],
)
def test_one_hardware_thread_per_core_comes_first(
    threads: int, allowed: range | tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert choose_cores(threads, allowed, pairs) == chosen


def test_this_machine_has_cores_and_each_is_its_own_sibling() -> None:
    cores = allowed_cores()
    assert cores
    assert all(core in hardware_siblings(core) for core in cores)
    assert choose_cores(1, cores)[0] in cores
    assert hardware_siblings(99_999) == {99_999}


def test_a_limit_that_nothing_starts_in_is_refused() -> None:
    assert parse_memory_limit("none") == 0
    assert parse_memory_limit("256 MiB") == 256 * 1024**2
    for text in ("0", "1KiB", "255MiB"):
        with pytest.raises(ConfigError, match=f"--memory-limit {text}: .*256 MiB or more"):
            parse_memory_limit(text)
