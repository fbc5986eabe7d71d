"""A checksum over the text of one JSON object, as the last key of its line."""

import hashlib
import json
import re
from typing import Any

from pydantic_core import PydanticSerializationError

from sabench.errors import ResultError
from sabench.records import Record

SEAL = "sha256"
SEALED_END = re.compile(rf', "{SEAL}": "([0-9a-f]{{64}})"}}\s*\Z'.encode())
SUSPECT = ("NaN", "Infinity", "\ufffd")
"""pydantic's text has these also for what JSON has not: a number not finite, a key not UTF-8."""


def record_line(record: Record) -> str:
    """The text of a record as one sealed line.

    Raises: ResultError for a number that is not finite, or characters that UTF-8 has not.
    """
    try:
        text = record.dump_text()
        if any(word in text for word in SUSPECT):  # in quotes they are fine
            _plain_json(record.model_dump())
    except (PydanticSerializationError, ValueError) as error:
        raise ResultError(f"{record.job_id}: its record cannot be written: {error}") from error
    return sealed_line(text)


def fits_a_line(item: dict[str, Any]) -> bool:
    """Whether it has neither a number that is not finite nor characters that UTF-8 has not."""
    try:
        _plain_json(item)
    except ValueError:
        return False
    return True


def _plain_json(item: dict[str, Any]) -> bytes:
    return json.dumps(item, ensure_ascii=False, allow_nan=False).encode()


def sealed_line(text: str) -> str:
    """The text of a JSON object with a checksum over it as the last key."""
    return f'{text.removesuffix("}")}, "{SEAL}": "{digest(text)}"}}'


def is_sealed_line(line: bytes) -> bool:
    """Whether the checksum at the end of a line agrees with the text before it."""
    found = SEALED_END.search(line, max(0, len(line) - 200))
    return bool(found and found[1].decode() == _digest(line[: found.start()] + b"}"))


def without_seal(item: dict[str, Any]) -> dict[str, Any]:
    """The content alone."""
    return {key: value for key, value in item.items() if key != SEAL}


def digest(text: str) -> str:
    """SHA-256 in hex digits."""
    return _digest(text.encode(errors="surrogatepass"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
