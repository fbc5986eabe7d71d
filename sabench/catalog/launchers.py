"""The launchers: where jobs run."""

from dataclasses import dataclass
from typing import Any

from sabench.catalog.rows import load_target


@dataclass(frozen=True, slots=True)
class Launcher:
    """One way to run a batch. `target` is "module:Class", built without arguments.

    `apart`: a child process of its own, which can be killed and whose end is survived.
    """

    name: str
    target: str
    title: str
    apart: bool

    def load(self) -> Any:
        """The class that `target` names."""
        return load_target(self.target)


LAUNCHERS: dict[str, Launcher] = {
    row.name: row
    for row in (
        Launcher(
            "process",
            target="sabench.launch.process:ProcessLauncher",
            title="a child process on this machine",
            apart=True,
        ),
        Launcher(
            "inline",
            target="sabench.launch.inline:InlineLauncher",
            title="this process, for debugging: no deadline, no isolation",
            apart=False,
        ),
    )
}
