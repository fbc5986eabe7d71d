"""Words to values, on the command line as in a suite."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sabench.cases.case import show_scalar
from sabench.cases.scalars import parse_axes, parse_pairs, parse_scalar
from sabench.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-3", -3),
        ("+4", 4),
        ("0", 0),
        ("0.25", 0.25),
        (".5", 0.5),
        ("2.0", 2.0),
        ("true", True),
        ("False", False),
        ("fp32", "fp32"),
        ("conv,conv,halo,halo", "conv,conv,halo,halo"),
        ("3x3", "3x3"),
        ("-", "-"),
    ],
)
def test_a_word_becomes_the_value_that_every_yaml_reader_sees(text, value):
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "On", "Y", "012", "0x1f", "0o17", "0b1", "1e3", "1.5e+3", "1_000", "1:30", "190:20:30",
     "2019-06-13", ".inf", "-.INF", ".nan", "9" * 16, "9" * 400 + ".", "a\nb", "\x1b[31m"],
)  # fmt: skip
def test_a_word_that_readers_disagree_about_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_scalar(text)
    assert len(str(caught.value).splitlines()) == 1


NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(0, 64)
    | st.integers(-(10**14) + 1, 10**15 - 1)
)


@given(NUMBERS)
@example(1e-7)
@example(5e-324)
@example(1.7976931348623157e308)
@example(1e14)
@example(-1e14)
@example(1e22)
@example(-0.0)
def test_a_number_is_shown_as_it_is_read(value):
    text = show_scalar(value)
    assert parse_scalar(text) == value
    assert "e" not in text


@given(NUMBERS, NUMBERS)
@example(0.3333333, 0.33333333)
@example(1, 1.0000001)
@example(2, 2.0)
@example(0.0, -0.0)
def test_two_numbers_are_shown_alike_only_if_they_are_equal(one, other):
    assert (show_scalar(one) == show_scalar(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (2.0, "2"), (1e-7, "0.0000001"), (0.1 + 0.2, "0.30000000000000004"),
     (1.0000001, "1.0000001"), (1e16, "10000000000000000.0"), (True, "true"), (7, "7")],
)  # fmt: skip
def test_a_number_is_shown_in_positional_notation(value, text):
    assert show_scalar(value) == text


def test_pairs_are_keys_and_values_in_order():
    pairs = parse_pairs(["window=7", "mix=conv,conv,halo,halo", "self_attention.heads=4"])
    assert list(pairs.items()) == [
        ("window", 7),
        ("mix", "conv,conv,halo,halo"),
        ("self_attention.heads", 4),
    ]


def test_axes_have_several_values():
    assert parse_axes(["window=3,5,7", "dtype=fp32, bf16"]) == {
        "window": (3, 5, 7),
        "dtype": ("fp32", "bf16"),
    }


def test_a_semicolon_separates_where_there_is_one():
    assert parse_axes(["mix=conv,conv,halo,halo; halo", "window=3;5"]) == {
        "mix": ("conv,conv,halo,halo", "halo"),
        "window": (3, 5),
    }


@pytest.mark.parametrize("texts", [["window"], ["=3"], ["window="], ["size=1", "size=2"]])
def test_an_argument_that_is_no_pair_is_refused(texts):
    for parse in (parse_pairs, parse_axes):
        with pytest.raises(ConfigError):
            parse(texts)


@pytest.mark.parametrize("text", ["size=1,,2", "size=,1", "size=1,"])
def test_a_value_missing_between_commas_is_refused(text):
    with pytest.raises(ConfigError, match="a value is missing between commas"):
        parse_axes([text])


@pytest.mark.parametrize("text", ["mix=halo;", "mix=;halo", "size=1;;2"])
def test_a_value_missing_between_semicolons_is_refused(text):
    with pytest.raises(ConfigError, match="a value is missing between semicolons"):
        parse_axes([text])
