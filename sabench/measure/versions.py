"""Versions of what is installed, read from its files: nothing is imported. Torch-free."""

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

UNKNOWN = "unknown"


def installed_version(*names: str) -> str:
    """The version of the first distribution that is installed, or "none"."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "none"


def torch_build() -> dict[str, str]:
    """`version`, `cuda` and `git_version` of the installed torch, as its version file says."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return {"version": "none", "cuda": "none", "git_version": "none"}
    try:
        text = (Path(spec.origin).parent / "version.py").read_text()
    except OSError:
        text = ""
    return {
        "version": _assigned(text, "__version__"),
        "cuda": _assigned(text, "cuda"),
        "git_version": _assigned(text, "git_version"),
    }


def torch_has_cuda() -> bool:
    """Whether the installed torch is a CUDA build."""
    return torch_build()["cuda"][:1].isdigit()


def _assigned(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*(?::[^=]*)?=\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip().strip("'\"") if found else UNKNOWN
