"""A checksum over the content of one JSON object, as the last key of its line."""

import hashlib
import json
from typing import Any

from sabench.errors import ResultError

SEAL = "sha256"


def sealed_line(item: dict[str, Any]) -> str:
    """The text of an item as one line, with a checksum over its content as the last key.

    Raises: ResultError for a number that is not finite.
    """
    text = _render(item)
    return f'{text.removesuffix("}")}, "{SEAL}": "{digest(text)}"}}'


def is_sealed(item: dict[str, Any]) -> bool:
    """Whether the item's checksum is there and agrees with its content."""
    try:
        return bool(item.get(SEAL) == digest(_render(without_seal(item))))
    except ResultError:  # a number that is not finite was never written
        return False


def without_seal(item: dict[str, Any]) -> dict[str, Any]:
    """The content alone."""
    return {key: value for key, value in item.items() if key != SEAL}


def digest(text: str) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _render(item: dict[str, Any]) -> str:
    try:
        return json.dumps(item, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ResultError(f"a number is not finite: {error}") from error
