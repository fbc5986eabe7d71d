"""The launchers: where jobs run."""

from dataclasses import dataclass

from sabench.catalog.rows import Row
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Launcher(Row):
    """One way to run a batch. `target` is "module:Class", built without arguments.

    `apart`: a child process of its own, which can be killed and whose end is survived.
    """

    title: str
    apart: bool


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


def find_launcher(name: str) -> Launcher:
    """The launcher of that name.

    Raises: ConfigError with the names there are.
    """
    if name not in LAUNCHERS:
        raise ConfigError(f"launcher {name!r} is not known; there are {', '.join(LAUNCHERS)}")
    return LAUNCHERS[name]
