"""The journal: every attempt's record, one sealed line each. The sweep is its only writer."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from sabench import jsonl
from sabench.errors import ResultError
from sabench.records import Reading, Record, Statistics, hash_samples
from sabench.seal import is_sealed_line, record_line
from sabench.store.migrations import earlier_name
from sabench.store.run_folder import RunFolder
from sabench.store.schema import parse

LONGEST_INLINE = 200
"""Longer samples lie in a file of their own, so that ranking need not load them. For fewer a file
saves little, and costs a second wait for the disk."""


class Kept(Protocol):
    """A folder with a journal: a run's or a gate's."""

    @property
    def journal_file(self) -> Path:
        """One line a record."""

    @property
    def samples(self) -> Path:
        """The folder of long samples."""


def append(folder: Kept, record: Record) -> Record:
    """Write a record down for good; the record as stored, its long samples in a file apart.

    Raises: ResultError if the disk refuses, or for what no file can hold: a number that is not
    finite, a lone surrogate. What was written before stays whole.
    """
    long = {
        name: reading
        for name, reading in record.readings.items()
        if len(reading.samples) > LONGEST_INLINE
    }
    if long:
        name = f"{record.job_id}.{record.attempt}.json"
        apart = {"samples": (), "samples_file": f"{folder.samples.name}/{name}"}
        readings = {
            metric: reading.model_copy(update=apart) if metric in long else reading
            for metric, reading in record.readings.items()
        }
        record = record.model_copy(update={"readings": readings})
    line = record_line(record)
    if long:
        jsonl.write_atomically(folder.samples / name, _text_of(long, record.job_id))
    jsonl.append_line(folder.journal_file, line)
    return record


def _text_of(long: dict[str, Reading], job_id: str) -> str:
    samples = {metric: reading.samples for metric, reading in long.items()}
    try:
        return json.dumps(samples, allow_nan=False) + "\n"
    except ValueError as error:
        raise ResultError(f"{job_id}: its samples cannot be written: {error}") from error


def read(folder: Kept) -> list[Record]:
    """Every attempt in the order written. A line that is torn or was changed is passed over:
    its job counts as not measured, and a resumption takes it from the outbox or does it again.

    Raises: ResultError for a line of an unknown schema.
    """
    records: dict[tuple[str, int], Record] = {}
    for line in jsonl.read_lines(folder.journal_file):
        if is_sealed_line(line.text):
            record = parse(line.item, Record, str(folder.journal_file))
            records.setdefault((record.job_id, record.attempt), record)
    return list(records.values())


def last_attempts(records: Iterable[Record]) -> dict[str, Record]:
    """The record that counts for each job: that of its last attempt."""
    last: dict[str, Record] = {}
    for record in records:
        if record.job_id not in last or record.attempt > last[record.job_id].attempt:
            last[record.job_id] = record
    return last


def load_samples(folder: RunFolder, metric: str, reading: Reading) -> tuple[float, ...]:
    """A reading's samples, wherever they lie.

    Raises: ResultError if their file is missing, or they are not those that were measured.
    """
    samples = reading.samples
    if reading.samples_file:
        samples = _load(folder.path, reading.samples_file, metric)
    if reading.statistics is not None and hash_samples(samples) != reading.samples_sha256:
        where = folder.path / (reading.samples_file or folder.journal_file.name)
        raise ResultError(f"{where}: {metric}: the samples are not those that were measured")
    return samples


def disagreements(reading: Reading, samples: tuple[float, ...]) -> list[str]:
    """Stored statistics that do not follow from the samples; an older record states fewer."""
    if reading.statistics is None:
        return []
    told = reading.statistics.model_dump(exclude_unset=True)
    is_older = reading.statistics.effective is None
    found = Statistics.of(samples, as_independent=is_older).model_dump()
    return [name for name, value in told.items() if not _agree(value, found[name])]


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9)


def _load(root: Path, name: str, metric: str) -> tuple[float, ...]:
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ResultError(f"{path}: samples outside their run folder")
    try:
        samples = json.loads(path.read_bytes())
        return tuple(map(float, samples.get(metric) or samples[earlier_name(metric)]))
    except OSError as error:
        raise ResultError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ResultError(f"{path}: not the samples of {metric}") from error
