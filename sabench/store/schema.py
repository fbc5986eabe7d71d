"""Files that know whether they are whole: schema, version and a checksum.

Both a line of a journal and a file are sealed over their text, which a reader of 10,000 cases need
not write again to know. Files of before 2.2 have their content's checksum, and are read too.
"""

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sabench.errors import ResultError
from sabench.jsonl import Line, write_atomically
from sabench.records import SCHEMA_VERSION, Record
from sabench.seal import SEAL, digest, is_sealed_line, without_seal
from sabench.store.migrations import MIGRATIONS, Item

Model = TypeVar("Model", bound=BaseModel)

SEALS_OUTBOX = [2, 4]  # the first version whose children seal their records
FOOT = "\n}\n"
SEALED_FOOT = re.compile(rf',\n "{SEAL}": "([0-9a-f]{{64}})"\n}}\n\Z')


def write_sealed(path: Path, item: Item) -> None:
    """Write one JSON file, in one step and with its checksum.

    Raises: ResultError if the disk refuses, or for what no file can hold: a number that is not
    finite, a lone surrogate.
    """
    try:
        text = _render(item)
    except ValueError as error:
        raise ResultError(f"{path}: a number is not finite: {error}") from error
    head = text.removesuffix(FOOT)
    write_atomically(path, f'{head},\n "{SEAL}": "{digest(text)}"{FOOT}')


def read_sealed(path: Path, model: type[Model]) -> Model:
    """The model that a file holds.

    Raises: ResultError if it is missing, torn, changed since it was written, or of another schema.
    """
    with _no_collection():
        try:
            text = path.read_bytes().decode().replace("\r\n", "\n")
            item = json.loads(text, parse_constant=_refuse)
        except OSError as error:
            raise ResultError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise ResultError(f"{path}: not whole JSON: {error}") from error
        if not isinstance(item, dict):
            raise ResultError(f"{path}: a JSON object was expected, not {type(item).__name__}")
        check_schema(item, model, str(path))
        if not (_is_sealed_text(text) or _is_sealed_content(text, item)):
            raise ResultError(f"{path}: changed since it was written (checksum); restore the file")
        return parse(item, model, str(path))


def check_schema(item: Item, model: type[BaseModel], where: str) -> tuple[str, int, int]:
    """Schema, major and minor of an item that this version can read or migrate.

    Raises: ResultError for another schema, or a major that is newer than ours.
    """
    wanted = model.model_fields["schema_name"].default
    if item.get("schema") != wanted:
        raise ResultError(f"{where}: schema is {item.get('schema')!r}, {wanted!r} was expected")
    version = str(item.get("schema_version"))
    major, _, minor = version.partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ResultError(f"{where}: schema_version {version!r} is not MAJOR.MINOR")
    ours = int(SCHEMA_VERSION.partition(".")[0])
    if int(major) > ours:
        raise ResultError(
            f"{where}: {wanted} {version} is from a newer sabench; this one reads up to {ours}.x"
        )
    return wanted, int(major), int(minor)


def parse(item: Item, model: type[Model], where: str) -> Model:
    """The model of an item: older majors migrate, what a newer minor added is left out.

    Raises: ResultError with the first thing that is wrong.
    """
    schema, major, minor = check_schema(item, model, where)
    item = without_seal(item)
    ours, our_minor = (int(part) for part in SCHEMA_VERSION.split("."))
    while major < ours:
        if (schema, major) not in MIGRATIONS:
            raise ResultError(f"{where}: {schema} {major}.{minor} is too old to be read")
        item, major = MIGRATIONS[schema, major](item), major + 1
        item, minor = {**item, "schema_version": f"{major}.0"}, 0
    try:
        return model.model_validate(item)
    except ValidationError as error:
        unknown = [at["loc"] for at in error.errors() if at["type"] == "extra_forbidden"]
        if minor <= our_minor or len(unknown) < error.error_count():
            raise ResultError(f"{where}: {_first(error)}") from error
    for location in unknown:
        _drop(item, location)
    return parse({**item, "schema_version": SCHEMA_VERSION}, model, where)


def parse_left(line: Line, where: str) -> Record:
    """The record of a line that a child left in its outbox, as it was written.

    Raises: ResultError as `parse`, or if it was changed since. Children of before 2.4 sealed none.
    """
    record = parse(line.item, Record, where)
    _, *version = check_schema(line.item, Record, where)
    if not (is_sealed_line(line.text) or (SEAL not in line.item and version < SEALS_OUTBOX)):
        raise ResultError(f"{where}: a record changed since it was written (checksum)")
    return record


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing that is read is garbage: looking for it takes longer than 10,000 cases do."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _drop(item: Any, location: tuple[int | str, ...]) -> None:
    for step in location[:-1]:
        item = item[step]
    del item[location[-1]]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'file'}: {first['msg']}"


def _refuse(constant: str) -> None:
    raise ValueError(f"a number is not finite: {constant}")


def _is_sealed_text(text: str) -> bool:
    """Whether the last line's checksum is that of the text without it."""
    found = SEALED_FOOT.search(text, max(0, len(text) - 100))
    return bool(found and found[1] == digest(text[: found.start()] + FOOT))


def _is_sealed_content(text: str, item: Item) -> bool:
    """The same of a file of before 2.2: its checksum is that of its content as one line."""
    try:
        content = json.dumps(without_seal(item), ensure_ascii=False, allow_nan=False)
        return item.get(SEAL) == digest(content) and text == _render(item)
    except ValueError:  # 1e999 is read as infinity, which was never written
        return False


def _render(item: Item) -> str:
    return json.dumps(item, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
