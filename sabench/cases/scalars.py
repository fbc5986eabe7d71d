"""Plain words to values, the same in a suite and on the command line.

Only what YAML 1.1 and 1.2 read alike: decimal numbers, true, false, text. `no`, `012` and `1e3` are
refused, since readers disagree about them.
"""

import math
import re
from collections.abc import Iterable

from sabench.cases.case import Scalar
from sabench.cases.wording import show_value
from sabench.errors import ConfigError

MAX_DIGITS = 15

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)")
_TRUTH_IN_ONE = re.compile(r"yes|no|on|off|y|n", re.IGNORECASE)
_NUMBER_IN_ONE = re.compile(
    r"[-+]?0[0-9_]+|[-+]?0[box][0-9a-f_]+|[-+]?\.inf|\.nan"  # 012, 0x1f, .inf
    r"|[-+]?[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|[-+]?\.[0-9_]+(e[-+]?[0-9]+)?"  # 1_000, 1e3
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # 1:30
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*",  # 2019-06-13
    re.IGNORECASE,
)


def parse_scalar(text: str) -> Scalar:
    """A whole number, a decimal number, true or false, or the text itself.

    Raises: ConfigError for what is read differently elsewhere, too large, or unprintable.
    """
    if text.lower() in ("true", "false") and text in (text.lower(), text.upper(), text.title()):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ConfigError(f"integer of {len(text)} digits, at most {MAX_DIGITS}")
        return int(text)
    if _FLOAT.fullmatch(text):
        if not math.isfinite(float(text)):
            raise ConfigError(f"number {show_value(text)} is too large")
        return float(text)
    if _TRUTH_IN_ONE.fullmatch(text):
        raise ConfigError(
            f"{show_value(text)} is a truth value to some YAML readers and text to others: "
            "write true or false, or in a file quote it"
        )
    if _NUMBER_IN_ONE.fullmatch(text):
        raise ConfigError(
            f"{show_value(text)} is a number to some YAML readers and something else to others: "
            "write plain decimal digits, or in a file quote it"
        )
    return parse_text(text)


def parse_text(text: str) -> str:
    """The text itself.

    Raises: ConfigError if it has line breaks or control characters.
    """
    if not text.isprintable():
        raise ConfigError(f"text {show_value(text)} is not printable on one line")
    return text


def parse_pairs(texts: Iterable[str]) -> dict[str, Scalar]:
    """`key=value` arguments, each key once.

    Raises: ConfigError for an argument without = or without a value, and for a second key.
    """
    pairs: dict[str, Scalar] = {}
    for text in texts:
        key, value = _split(text, pairs)
        pairs[key] = parse_scalar(value)
    return pairs


class Commas(tuple[Scalar, ...]):
    """Values that commas separate: one single value to an option that has one per group."""

    __slots__ = ()


def parse_axes(texts: Iterable[str]) -> dict[str, tuple[Scalar, ...]]:
    """`key=value,value` arguments of --axis, each key once; where there is a ; it separates.

    Raises: ConfigError for an argument without = or without a value, and for a second key.
    """
    axes: dict[str, tuple[Scalar, ...]] = {}
    for text in texts:
        key, value = _split(text, axes)
        mark, marks = (";", "semicolons") if ";" in value else (",", "commas")
        words = [word.strip() for word in value.split(mark)]
        if not all(words):
            raise ConfigError(f"{show_value(text)}: a value is missing between {marks}")
        scalars = tuple(parse_scalar(word) for word in words)
        axes[key] = scalars if mark == ";" else Commas(scalars)
    return axes


def _split(text: str, taken: Iterable[str]) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise ConfigError(f"{show_value(text)} is not key=value")
    if key in taken:
        raise ConfigError(f"{show_value(text)}: {key} is given twice")
    return key, value
