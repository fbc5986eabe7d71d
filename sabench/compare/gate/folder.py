"""The folder of one gate: journal, outbox, samples, and the result at the end."""

from datetime import UTC, datetime
from pathlib import Path

from sabench.compare.gate.result import GateResult
from sabench.errors import ResultError
from sabench.store.run_folder import make_fresh, require_free, slug
from sabench.store.schema import read_sealed, write_sealed


class GateFolder:
    """Paths of a gate; its journal is a run's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal_file = path / "journal.jsonl"
        self.outbox = path / "outbox"
        self.samples = path / "samples"
        self.result_file = path / "gate.json"

    @classmethod
    def create(cls, suite: str, device: str, out: Path | None, root: Path) -> "GateFolder":
        """A new folder `root/gate-<suite>-<device>-<UTC>`, or `out`.

        Raises: ConfigError if `out` already holds something; ResultError if the disk refuses.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            path = out or make_fresh(root, f"gate-{slug(suite)}-{device}-{stamp}")
            require_free(path)
            folder = cls(path)
            folder.outbox.mkdir(parents=True, exist_ok=True)
            folder.samples.mkdir(exist_ok=True)
        except OSError as error:
            raise ResultError(
                f"{out or root}: cannot be made: {error.strerror or error}"
            ) from error
        return folder

    def write(self, result: GateResult) -> None:
        """Keep the result, in one step and with its checksum.

        Raises: ResultError if the disk refuses.
        """
        write_sealed(self.result_file, result.dump())


def read_gate(path: Path) -> GateResult:
    """The result in a file or a gate's folder.

    Raises: ResultError if it is missing, damaged or of another schema.
    """
    return read_sealed(path / "gate.json" if path.is_dir() else path, GateResult)
