"""Files that were cut or had a bit turned: refused, or their line dropped, never another figure."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from making_runs import case, new_run, record_of
from sabench import cli
from sabench.errors import ExitCode, ResultError
from sabench.launch.admission import Admission
from sabench.launch.resume import adopt
from sabench.records import SCHEMA_VERSION
from sabench.seal import record_line, sealed_line
from sabench.store import journal
from sabench.store.leaderboard import make_leaderboard, read_leaderboard, write_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

HISTORIC = Path(__file__).parents[1] / "fixtures" / "historic"
SHIPPED = Path(__file__).parents[2] / "results" / "amd-epyc"
MUTATIONS = 1000  # of each file of a run of this version
EARLIER = 250  # the same of each earlier version: 1,500 in all


@pytest.fixture(params=["present", *sorted(path.name for path in HISTORIC.iterdir())])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    """A whole run: of this version, and of each that came before."""
    path = tmp_path / "run"
    if request.param != "present":
        return RunFolder.open(Path(shutil.copytree(HISTORIC / request.param / "run", path)))
    made = new_run(path, (case(), case("halo", options={"block": 7})), title="Größe\n")
    for job in made.info.jobs():
        journal.append(made, record_of(job, tuple(1.0 + i / 1000 for i in range(210))))
    write_leaderboard(made.leaderboard_file, make_leaderboard(made.info, journal.read(made)))
    return made


def times_of(folder: RunFolder) -> int:
    """How often each file of a run is damaged."""
    return MUTATIONS if folder.info.schema_version == SCHEMA_VERSION else EARLIER


def damage_each_way(path: Path, check: Callable[[], None], times: int = MUTATIONS) -> None:
    """Call `check` for every mutation of a file; the file is whole again afterwards."""
    whole, order = path.read_bytes(), random.Random(path.name)
    for turn in range(times):
        damaged = bytearray(whole)
        if turn % 2:
            damaged[order.randrange(len(whole))] ^= 1 << order.randrange(8)
        else:
            del damaged[order.randrange(len(whole)) :]
        path.write_bytes(damaged)
        check()
    path.write_bytes(whole)


def test_every_version_that_was_ever_written_has_its_run() -> None:
    heads = {
        path.name: json.loads((path / "run" / "run.json").read_text())["schema_version"]
        for path in HISTORIC.iterdir()
    }
    before = [f"2.{minor}" for minor in range(int(SCHEMA_VERSION.removeprefix("2.")))]
    assert sorted(heads.items()) == [(version, version) for version in ("1.0", *before)]


def test_a_whole_run_is_read_and_adds_up(folder: RunFolder) -> None:
    assert verify(folder.path) == []
    assert journal.read(folder)


@pytest.mark.parametrize("version", sorted(path.name for path in HISTORIC.iterdir()))
def test_every_leaderboard_of_an_earlier_version_is_read(version: str) -> None:
    boards = sorted((HISTORIC / version).rglob("leaderboard.json"))
    assert boards
    for path in boards:
        assert any(row.rank for row in read_leaderboard(path).rows)


def test_a_damaged_outbox_gives_no_figure_that_was_not_measured(tmp_path: Path) -> None:
    """A killed parent's outbox is all there is of its last record when the run goes on."""
    folder = new_run(tmp_path / "run", (case(), case("halo", options={"block": 7})))
    written = [record_of(job, (1.0047, 2.0, 3.0)) for job in folder.info.jobs()]
    whole = {record.model_dump_json() for record in written}
    outbox = folder.outbox / "00000.jsonl"
    outbox.write_text("".join(f"{record_line(record)}\n" for record in written))
    kept: list[int] = []

    def check() -> None:
        folder.journal_file.unlink(missing_ok=True)
        adopted = adopt(folder, [], Admission(folder.info.plan(), []))
        assert {record.model_dump_json() for record in adopted} <= whole
        assert journal.read(folder) == adopted
        kept.append(len(adopted))

    damage_each_way(outbox, check)
    assert kept.count(len(written) - 1) > MUTATIONS / 4  # the line beside a damaged one stands


def test_a_damaged_leaderboard_is_refused(folder: RunFolder) -> None:
    def check() -> None:
        with pytest.raises(ResultError):
            read_leaderboard(folder.path)

    damage_each_way(folder.leaderboard_file, check, times_of(folder))


def test_a_damaged_leaderboard_sealed_over_its_content_is_refused(tmp_path: Path) -> None:
    """As files of this schema were sealed at first; some that are shipped still are."""
    item = json.loads((SHIPPED / "halo.json").read_text())
    item = {key: value for key, value in item.items() if key != "sha256"}
    item["rows"] = item["rows"][:1]
    path = tmp_path / "leaderboard.json"
    sealed = json.loads(sealed_line(json.dumps(item, ensure_ascii=False)))
    path.write_text(json.dumps(sealed, ensure_ascii=False, indent=1) + "\n")
    assert is_of_content(path)
    assert len(read_leaderboard(path).rows) == 1

    def check() -> None:
        with pytest.raises(ResultError):
            read_leaderboard(path)

    damage_each_way(path, check)


def test_a_number_beyond_all_in_a_leaderboard_is_a_change_of_it(tmp_path: Path) -> None:
    """JSON has no infinity, but a number that is read as one."""
    text = (SHIPPED / "halo.json").read_text()
    path = tmp_path / "leaderboard.json"
    head, median, tail = text.partition('"median": ')
    path.write_text(f"{head}{median}1e999{tail[tail.index(',') :]}")
    with pytest.raises(ResultError, match="changed since it was written"):
        read_leaderboard(path)


def is_of_content(path: Path) -> bool:
    """Whether the last line is not the checksum of the text before it."""
    text = path.read_text()
    head, _, tail = text.rpartition(',\n "sha256": "')
    return hashlib.sha256(f"{head}\n}}\n".encode()).hexdigest() != tail[:64]


def test_a_damaged_head_is_refused(folder: RunFolder) -> None:
    def check() -> None:
        with pytest.raises(ResultError):
            RunFolder.open(folder.path)

    damage_each_way(folder.path / "run.json", check, times_of(folder))


def test_a_damaged_journal_loses_lines_and_changes_none(folder: RunFolder) -> None:
    whole = journal.read(folder)
    lost = 0

    def check() -> None:
        nonlocal lost
        left = journal.read(folder)
        assert all(record in whole for record in left)
        lost += len(left) < len(whole)

    damage_each_way(folder.journal_file, check, times_of(folder))
    # a cut that takes the last line's end alone takes nothing
    assert lost > 0.98 * times_of(folder)


def test_damaged_samples_are_refused_or_what_was_measured(folder: RunFolder) -> None:
    (path, *_) = sorted(folder.samples.iterdir())
    readings = [
        (metric, reading, journal.load_samples(folder, metric, reading))
        for record in journal.read(folder)
        for metric, reading in record.readings.items()
        if reading.samples_file.endswith(path.name)
    ]
    assert readings
    refused = 0

    def check() -> None:
        nonlocal refused
        told = 0
        for metric, reading, samples in readings:
            try:
                assert journal.load_samples(folder, metric, reading) == samples
            except ResultError:
                told += 1
        refused += told > 0

    damage_each_way(path, check, times_of(folder))
    assert refused > 0.98 * times_of(folder)


def test_a_command_tells_of_the_damage_in_one_line(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = folder.leaderboard_file.read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        folder.leaderboard_file.write_bytes(whole[:size])
        with pytest.raises(SystemExit) as stopped:
            cli.main(["show", str(folder.path)])
        said = capsys.readouterr()
        assert (stopped.value.code, said.out) == (ExitCode.NOT_COMPARABLE, "")
        assert said.err.startswith("error: ")
        assert len(said.err.splitlines()) == 1
