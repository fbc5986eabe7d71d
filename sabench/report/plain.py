"""Text from anywhere, fit for a line of a terminal or a file."""

import re


def plain(text: str) -> str:
    """On one line; marks that a terminal would obey or hide are spelled out."""
    return "".join(map(_shown, text))


def _shown(mark: str) -> str:
    if mark.isprintable():
        return mark
    return " " if mark.isspace() else mark.encode("unicode_escape").decode()


def ending(status: str, message: str) -> str:
    """How a job ended: its status and what happened, the status once."""
    if not message:
        return str(status)
    return message if re.match(rf"{status}\b", message) else f"{status}: {message}"
