"""The journal: one sealed line an attempt, torn lines passed over."""

import hashlib
import json
import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from making_runs import case, new_run, record_of
from sabench.errors import ResultError
from sabench.records import Record, Status
from sabench.seal import sealed_line
from sabench.store import journal
from sabench.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", (case(), case("halo")))


@pytest.fixture
def records(folder: RunFolder) -> list[Record]:
    return [record_of(job, (1.0 + index,) * 10) for index, job in enumerate(folder.info.jobs())]


@contextmanager
def small_files() -> Iterator[None]:
    """A disk that takes no more than 3000 bytes a file; inside, pytest must not write its own."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_records_are_read_in_the_order_written(folder: RunFolder, records: list[Record]) -> None:
    for record in records:
        journal.append(folder, record)
    assert journal.read(folder) == records


def test_a_journal_cut_anywhere_gives_the_whole_lines_before_the_cut(
    folder: RunFolder, records: list[Record]
) -> None:
    for record in records:
        journal.append(folder, record)
    whole = folder.journal_file.read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in (*range(0, len(whole), 37), *ends):  # a line that lacks its end alone is whole
        folder.journal_file.write_bytes(whole[:cut])
        ended = sum(cut >= end for end in ends)
        assert journal.read(folder) == records[:ended]


def test_writing_goes_on_behind_a_torn_line(folder: RunFolder, records: list[Record]) -> None:
    journal.append(folder, records[0])
    with folder.journal_file.open("ab") as file:
        file.write(b'{"schema": "sabench.rec')
    journal.append(folder, records[1])
    assert journal.read(folder) == records[:2]


@pytest.mark.parametrize("changed", ["1.5", "NaN", "Infinity", "1e999"])
def test_a_line_that_was_changed_is_passed_over(
    folder: RunFolder, records: list[Record], changed: str
) -> None:
    for record in records:
        journal.append(folder, record)
    text = folder.journal_file.read_text()
    assert '"median":2.0' in text
    folder.journal_file.write_text(text.replace('"median":2.0', f'"median":{changed}'))
    assert journal.read(folder) == [records[0], *records[2:]]


def test_a_line_ends_in_the_checksum_of_its_text_without_it(
    folder: RunFolder, records: list[Record]
) -> None:
    odd = {"a": {}, "b": [1e-5, 2e22, 5e-324, 0.1 + 0.2, -0.0, 10**30], "c": "NaN \x00\x7f"}
    message = 'Größe "1"\n\u2028}'
    journal.append(folder, records[0].model_copy(update={"message": message, "details": odd}))
    head, _, tail = folder.journal_file.read_bytes().rpartition(b', "sha256": "')
    assert tail.decode() == hashlib.sha256(head + b"}").hexdigest() + '"}\n'
    written = json.loads(head + b"}")
    assert written == records[0].dump() | {"message": message, "details": odd}
    assert repr(written["details"]["b"]) == repr(odd["b"])
    assert [*written][:2] == ["schema", "schema_version"]


def test_a_line_of_before_is_read_whose_text_was_written_otherwise(
    folder: RunFolder, records: list[Record]
) -> None:
    small = records[0].model_copy(update={"wall_s": 1e-5})
    text = json.dumps(small.dump(), ensure_ascii=False, allow_nan=False)
    item = small.dump() | {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert '"wall_s": 1e-05' in text
    folder.journal_file.write_text(json.dumps(item, ensure_ascii=False) + "\n")
    assert journal.read(folder) == [small]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"details": {"ratio": math.inf}}, "not JSON compliant"),
        ({"details": {"ratios": [1.0, -math.inf]}}, "not JSON compliant"),
        ({"wall_s": math.nan}, "not JSON compliant"),
        ({"message": "\udcff"}, "surrogates not allowed"),
        ({"details": {"\udcff": 1}}, "surrogates not allowed"),
    ],
)
@pytest.mark.parametrize("count", [10, 300])
def test_what_no_line_can_hold_is_refused_and_nothing_is_written(
    folder: RunFolder, records: list[Record], changed: dict[str, object], why: str, count: int
) -> None:
    journal.append(folder, records[0])
    (_, job, *_) = folder.info.jobs()
    with pytest.raises(ResultError, match=f"{job.job_id}: .* cannot be written: .*{why}"):
        journal.append(folder, record_of(job, (1.0,) * count).model_copy(update=changed))
    assert journal.read(folder) == records[:1]
    assert folder.journal_file.read_bytes().count(b"\n") == 1
    assert list(folder.samples.iterdir()) == []


def test_long_samples_that_are_not_finite_are_refused(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    record = record_of(job, (1.0,) * 300)
    reading = record.readings["latency_warm"].model_copy(update={"samples": (math.nan,) * 300})
    odd = record.model_copy(update={"readings": {"latency_warm": reading}})
    with pytest.raises(ResultError, match=f"{job.job_id}: its samples cannot be written"):
        journal.append(folder, odd)
    assert list(folder.samples.iterdir()) == []


def test_words_that_stand_for_no_number_may_stand_in_a_message(
    folder: RunFolder, records: list[Record]
) -> None:
    told = records[0].model_copy(update={"message": "NaN, -Infinity or \ufffd"})
    journal.append(folder, told)
    assert journal.read(folder) == [told]


def test_a_record_of_another_version_tells_it_once(records: list[Record]) -> None:
    older = records[0].model_copy(update={"schema_version": "2.3"})
    assert older.dump_text().count('"schema_version"') == 1
    assert json.loads(older.dump_text()) == older.dump()


def test_a_record_from_a_newer_sabench_is_refused(folder: RunFolder, records: list[Record]) -> None:
    newer = sealed_line(json.dumps(records[0].dump() | {"schema_version": "99.0"}))
    folder.journal_file.write_text(newer + "\n")
    with pytest.raises(ResultError, match="newer sabench"):
        journal.read(folder)


def test_the_last_attempt_counts_and_all_are_kept(folder: RunFolder, records: list[Record]) -> None:
    again = records[0].model_copy(update={"attempt": 2, "status": Status.CONTENDED})
    for record in (records[0], again, records[1]):
        journal.append(folder, record)
    assert len(journal.read(folder)) == 3
    assert journal.last_attempts(journal.read(folder))[again.job_id] == again


def test_an_attempt_written_twice_counts_once(folder: RunFolder, records: list[Record]) -> None:
    journal.append(folder, records[0])
    journal.append(folder, records[0])
    assert journal.read(folder) == records[:1]


@pytest.mark.parametrize(("count", "apart"), [(200, False), (201, True)])
def test_only_long_samples_lie_in_a_file_of_their_own(
    folder: RunFolder, count: int, apart: bool
) -> None:
    samples = tuple(1.0 + 0.001 * index for index in range(count))
    (job, *_) = folder.info.jobs()
    journal.append(folder, record_of(job, samples))
    reading = journal.read(folder)[0].readings["latency_warm"]
    assert bool(reading.samples_file) is apart
    assert len(list(folder.samples.iterdir())) == apart
    assert journal.load_samples(folder, "latency_warm", reading) == samples


def test_each_attempt_keeps_its_own_samples(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    for attempt in (1, 2):
        journal.append(folder, record_of(job, (float(attempt),) * 210, attempt=attempt))
    loaded = [
        journal.load_samples(folder, "latency_warm", record.readings["latency_warm"])[0]
        for record in journal.read(folder)
    ]
    assert loaded == [1.0, 2.0]


def test_samples_that_were_changed_are_refused(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    stored = journal.append(folder, record_of(job, (1.0,) * 210)).readings["latency_warm"]
    path = folder.path / stored.samples_file
    path.write_text(path.read_text().replace("1.0", "1.5", 1))
    with pytest.raises(ResultError, match="not those that were measured"):
        journal.load_samples(folder, "latency_warm", stored)
    path.unlink()
    with pytest.raises(ResultError, match="cannot read"):
        journal.load_samples(folder, "latency_warm", stored)


def test_samples_are_never_read_from_outside_the_run(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    reading = record_of(job).readings["latency_warm"]
    stray = reading.model_copy(update={"samples_file": "../../etc/passwd"})
    with pytest.raises(ResultError, match="outside"):
        journal.load_samples(folder, "latency_warm", stray)


def test_a_full_disk_is_one_error_and_spoils_nothing(
    folder: RunFolder, records: list[Record]
) -> None:
    attempts = [records[0].model_copy(update={"attempt": number}) for number in range(1, 20)]
    written: list[Record] = []

    def fill() -> None:
        for record in attempts:
            journal.append(folder, record)
            written.append(record)

    with pytest.raises(ResultError, match=r"journal.jsonl: cannot append"), small_files():
        fill()
    assert written
    assert folder.journal_file.read_bytes().endswith(b"\n")
    assert journal.read(folder) == written


def test_samples_that_do_not_fit_leave_no_half_file(folder: RunFolder) -> None:
    (job, *_) = folder.info.jobs()
    with pytest.raises(ResultError, match="cannot write"), small_files():
        journal.append(folder, record_of(job, tuple(float(value) for value in range(2000))))
    assert list(folder.samples.iterdir()) == []
    assert journal.read(folder) == []
