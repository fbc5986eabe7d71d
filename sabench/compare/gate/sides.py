"""The two sides of a gate: a checkout each, with the interpreter that runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sabench.compare.gate.result import SideTold
from sabench.errors import ConfigError, DeviceError
from sabench.launch.handle import last_line
from sabench.launch.process import own_code, with_code, without_secrets
from sabench.measure.environment import checkout_state
from sabench.measure.turns import VERSION
from sabench.records import Environment

PATIENCE_S = 120.0  # for an interpreter to tell what it would measure
METRICS_OF = "from sabench.catalog.metrics import METRICS; print(*METRICS)"
READS_CORES = (
    "from sabench.catalog.presets import Preset; print('slow_core' in Preset.model_fields)"
)
TURNS_OF = "from sabench.measure.turns import VERSION; print(VERSION)"
VENV_PYTHONS = (".venv/bin/python", "venv/bin/python", ".venv/Scripts/python.exe")
ENVIRONMENT_OF = (
    "import sys; from sabench.measure.environment import environment; "
    "print(environment(sys.argv[1], []).model_dump_json())"
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder of code, and how a Python of it is started."""

    told_as: str
    root: Path
    python: Path
    code: Mapping[str, str] = field(default_factory=dict)  # which sabench its Python imports

    @property
    def child(self) -> tuple[str, ...]:
        """The command that measures a batch with this side's sabench."""
        return (str(self.python), "-P", "-m", "sabench.measure.child")

    def file(self, path: str) -> Path:
        """A file by the name that it has in both checkouts, there or not.

        Raises: ConfigError if it lies elsewhere, or is a link to elsewhere.
        """
        file = self.root / path
        if not file.resolve().is_relative_to(self.root):
            raise ConfigError(
                f"{path}: lies outside {self.told_as}; a gate takes files of the checkouts alone, "
                "named as they lie in both"
            )
        return file

    def ask(self, *arguments: str) -> str:
        """What this side's Python prints, started in its folder.

        Raises: ConfigError with the last line of what it said, if it fails.
        """
        try:
            process = subprocess.Popen(
                [str(self.python), "-P", *arguments],
                cwd=self.root,
                env=with_code(without_secrets(os.environ), self.code),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C is ours alone: a side that fails of it lies
            )
        except OSError as error:
            raise ConfigError(f"{self.python}: cannot start: {error.strerror or error}") from error
        with process:
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired as error:
                raise DeviceError(f"{self.python}: silent for {PATIENCE_S:g} s") from error
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise ConfigError(f"{self.told_as}: {self.python}: {last_line(stderr)}")
        return stdout

    def case_ids(self, arguments: Sequence[str]) -> list[str]:
        """The cases that this side would measure, by its own suite and code.

        Raises: ConfigError if its sabench refuses to plan them.
        """
        plan = _json(self.ask("-m", "sabench", "profile", "--dry-run", "--json", *arguments))
        cases = plan.get("cases") if isinstance(plan, dict) else None
        if not isinstance(cases, list) or not all(isinstance(one, dict) for one in cases):
            raise ConfigError(f"{self.told_as}: {self.python}: its sabench told no plan")
        return [str(case.get("case_id", "")) for case in cases]

    def metrics(self) -> frozenset[str]:
        """What this side's sabench can read: an older one knows fewer.

        Raises: ConfigError if it cannot tell.
        """
        return frozenset(self.ask("-c", METRICS_OF).split())

    def takes_turns(self) -> bool:
        """Whether this side's sabench takes turns as ours does; an older one knows none."""
        try:
            return self.ask("-c", TURNS_OF).strip() == str(VERSION)
        except ConfigError:
            return False

    def reads_cores(self) -> bool:
        """Whether this side's sabench knows the preset's constant `slow_core`."""
        try:
            return self.ask("-c", READS_CORES).strip() == "True"
        except ConfigError:
            return False

    def told(self, device: str) -> SideTold:
        """Commit, interpreter and environment, as far as they can be known."""
        commit, dirty = checkout_state(self.root / "code")
        try:
            environment = Environment.model_validate_json(self.ask("-c", ENVIRONMENT_OF, device))
        except (ConfigError, ValidationError):
            environment = None
        return SideTold(
            name=self.told_as,
            commit=commit,
            is_dirty={"true": True, "false": False}.get(dirty),
            python=str(self.python),
            environment=environment,
        )


def find_checkout(path: Path, python: Path | None = None) -> Checkout:
    """The side in a folder: `python`, else the folder's own virtual environment, else ours.

    Where the folder holds a sabench it is the one that measures; else it is the interpreter's. The
    folder comes before what is installed: both sides may have the same package installed.

    Raises: ConfigError if there is no such folder or interpreter.
    """
    root = path.resolve()
    if not root.is_dir():
        raise ConfigError(f"{path}: there is no such folder")
    found = python or next((root / name for name in VENV_PYTHONS if (root / name).exists()), None)
    interpreter = Path(os.path.abspath(found)) if found else Path(sys.executable)
    if not interpreter.exists():  # never resolved: a virtual environment's link names it
        raise ConfigError(f"{found}: there is no such interpreter")
    before = [str(root)]
    if not (root / "sabench" / "__init__.py").is_file():
        before += [str(root / "src")] if (root / "src").is_dir() else []
        own = own_code() if interpreter == Path(sys.executable) else {}
        before += filter(None, [own.get("PYTHONPATH")])
    code = {"PYTHONPATH": os.pathsep.join(before)}
    return Checkout(str(path), root, interpreter, code)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
