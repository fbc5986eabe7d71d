"""A script of tools/, loaded as a module."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from making_rows import board_of
from sabench.store.leaderboard import Row

TOOLS = Path(__file__).parent.parent / "tools"


def load_tool(name: str) -> ModuleType:
    """The script of that name; it runs none of its `main`."""
    spec = importlib.util.spec_from_file_location(f"tool_{name}", TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks for its module there
    spec.loader.exec_module(module)
    return module


def judged(tool: Any, monkeypatch: pytest.MonkeyPatch, *rows: Row) -> int:
    """The exit code of a script that judges a run, given these rows for its leaderboard."""
    monkeypatch.setattr(tool, "read_leaderboard", lambda _path: board_of(rows))
    monkeypatch.setattr(sys, "argv", ["tool.py", "run"])
    code: int = tool.main()
    return code
