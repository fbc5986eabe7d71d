"""Processes that are told by what their command line names."""

from pathlib import Path


def living(folder: Path) -> dict[int, str]:
    """Process id -> command line, of those that name something in the folder."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it has ended
            continue
        if f"{folder}/".encode() in line:
            found[int(path.parent.name)] = line.decode(errors="replace").replace("\0", " ")
    return found
