"""Which of its ways a gate goes: by the options that were given."""

from typing import Literal

import typer

from sabench.errors import ConfigError

OF_CHECKOUTS = (
    *("candidate", "suite", "layer", "candidate_python", "filter", "plant"),
    *("allow_missing", "on_contention"),
)
OF_BASE = ("base", "base_python")
OF_COMMANDS = ("base_command", "candidate_command", "runs", "threshold")
"""Options that make sense in one way of gating alone."""


def way_of(context: typer.Context) -> Literal["checkouts", "history", "commands"]:
    """What the candidate is held against, by the options that were given.

    Raises: ConfigError unless they name one way, and nothing of another.
    """
    given = {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }
    commands = {"base_command", "candidate_command"}
    ways = {"--base": "base", "--history": "history", "two commands": "base_command"}
    named = [told for told, name in ways.items() if name in given]
    if len(named) > 1:
        raise ConfigError(f"a gate holds the candidate against one thing: {' or '.join(named)}")
    if given & commands:
        if not commands <= given:
            raise ConfigError("--base-command and --candidate-command: name both")
        _refuse(given & {*OF_CHECKOUTS, *OF_BASE, "history"}, "a gate of two commands")
        return "commands"
    _refuse(given & set(OF_COMMANDS), "a gate of checkouts")
    if "history" in given:
        _refuse(given & set(OF_BASE), "--history, which measures no base,")
        return "history"
    if "base" not in given:
        raise ConfigError(
            "name the --base, a checkout; or --history, a stored leaderboard; or --base-command "
            "and --candidate-command"
        )
    return "checkouts"


def _refuse(names: set[str], way: str) -> None:
    """Options that another way of gating has.

    Raises: ConfigError if there are any.
    """
    if names:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))
        raise ConfigError(f"{way} has no {words}: leave it out")
