"""Text from anywhere, fit for a line of a terminal or a file."""


def plain(text: str) -> str:
    """On one line; marks that a terminal would obey or hide are spelled out."""
    return "".join(map(_shown, text))


def _shown(mark: str) -> str:
    if mark.isprintable():
        return mark
    return " " if mark.isspace() else mark.encode("unicode_escape").decode()
