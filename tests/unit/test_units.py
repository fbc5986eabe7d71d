"""Numbers as a person reads and writes them."""

import pytest

from sabench.errors import ConfigError
from sabench.units import parse_bytes, show_bytes, show_count, show_duration, show_time


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (1.5, "1.50 s"),
        (0.00107, "1.07 ms"),
        (0.0123, "12.3 ms"),
        (0.9999e-3, "1000 us"),
        (123e-6, "123 us"),
        (4.2e-9, "4.20 ns"),
    ],
)
def test_times_have_three_figures_and_the_unit_that_fits(seconds: float, shown: str) -> None:
    assert show_time(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(7, "7"), (999, "999"), (36_864, "36.9 k"), (115_605_504, "116 M"), (3.72e9, "3.72 G")],
)
def test_counts_have_si_suffixes(value: float, shown: str) -> None:
    assert show_count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(512, "512 B"), (1024, "1.00 KiB"), (3_210_000, "3.06 MiB")]
)
def test_bytes_have_binary_suffixes(value: float, shown: str) -> None:
    assert show_bytes(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(45.2, "45 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_rough(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8GiB", 8 * 1024**3),
        ("500 MiB", 500 * 1024**2),
        ("1.5kib", 1536),
        ("4096", 4096),
        ("none", 0),
    ],
)
def test_sizes_are_read_in_binary_units(text: str, count: int) -> None:
    assert parse_bytes(text) == count


def test_a_size_beyond_all_machines_is_refused() -> None:
    for text in ("8388608TiB", "9" * 400, f"{2**63}"):
        with pytest.raises(ConfigError, match="more than any machine has"):
            parse_bytes(text)
    assert parse_bytes("8388607TiB") == 8388607 * 1024**4


@pytest.mark.parametrize("text", ["much", "8GB", "-1", "", "1e3", "8 GiB/s"])
def test_a_size_that_is_none_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ConfigError, match="write 8GiB"):
        parse_bytes(text)
