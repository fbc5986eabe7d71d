"""The house: arrows between rooms, rooms that stay free of torch, files of a readable size."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sabench"

ROOMS = (
    ("errors", "stats", "units", "records", "seal", "jsonl", "known"),  # base
    ("catalog",),
    ("layers",),
    ("count",),
    ("networks",),
    ("papers",),
    ("cases",),
    ("measure",),
    ("train",),
    ("store",),
    ("launch",),
    ("compare",),
    ("search",),
    ("report",),
    ("cli", "__main__"),
)
RANK = {name: rank for rank, room in enumerate(ROOMS) for name in room}

TORCH_FREE = (
    *("errors", "stats", "units", "records", "seal", "jsonl", "known"),
    *("catalog", "papers", "cases", "store", "launch", "compare", "report", "cli", "__main__"),
    *("measure.device", "measure.device_watch", "measure.environment", "measure.versions"),
    *("measure.processor", "measure.cgroup", "measure.system_files"),
    *("measure.device_facts", "measure.device_readings", "measure.gpus", "measure.neighbours"),
    *("measure.sampler", "measure.sampler_process"),
    *("measure.energy", "measure.energy_state", "measure.periodic", "measure.powercap"),
    *("measure.board_energy", "measure.device_memory"),
    *("measure.noise", "measure.selftest.table", "measure.selftest.judge"),
    *("measure.cores", "measure.doctor", "measure.fake_script", "measure.fake_streams"),
    *("measure.child", "measure.runner", "measure.fake_subject", "measure.runtimes.fake"),
    *("measure.fake_bench", "measure.fake_metrics"),
)

ONLY_IN = {
    "rich": ("report", "cli"),
    "typer": ("cli",),
    "pynvml": ("measure.device",),
    "click": (),
}

LONGEST = 320


def module_name(path: Path) -> str:
    """The dotted name below the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = [(module_name(path), path) for path in sorted(PACKAGE.rglob("*.py"))]
SOURCES = {name or "sabench": path.read_text() for name, path in MODULES}


@cache
def imports(source: str, *, top_level_only: bool = False) -> frozenset[str]:
    """Every module that a source imports; at the top level only, those at import time."""
    tree = ast.parse(source)
    nodes = _at_import_time(tree) if top_level_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "sabench":
                found |= {f"sabench.{alias.name}" for alias in node.names}
    return frozenset(found)


def _at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import_time(child)


def against_the_arrows(module: str, source: str) -> list[str]:
    """Imports of rooms that stand to the right of the module's own."""
    room = module.split(".")[0]
    if room not in RANK:  # the package's own __init__
        return sorted(name for name in imports(source) if name.startswith("sabench."))
    targets = {name.split(".")[1] for name in imports(source) if name.startswith("sabench.")}
    return sorted(target for target in targets if RANK.get(target, -1) > RANK[room])


def is_torch_free(module: str) -> bool:
    return any(module == free or module.startswith(f"{free}.") for free in TORCH_FREE)


def brings_torch(module: str, source: str) -> list[str]:
    """Imports at import time that a torch-free module may not have."""
    if not is_torch_free(module):
        return []
    heavy = {"torch", "torchvision", "fvcore", "ptflops", "timm", "triton"}
    return sorted(
        name
        for name in imports(source, top_level_only=True)
        if name.split(".")[0] in heavy
        or (name.startswith("sabench.") and name.split(".")[1] in {"layers", "networks", "count"})
    )


def misplaced(module: str, source: str) -> list[str]:
    """Libraries that belong to one room and are imported in another."""
    named = {name.split(".")[0] for name in imports(source)}
    return sorted(
        library
        for library, rooms in ONLY_IN.items()
        if library in named
        and not any(module == room or module.startswith(f"{room}.") for room in rooms)
    )


@pytest.mark.parametrize("rule", [against_the_arrows, brings_torch, misplaced])
def test_every_module_keeps_to(rule: Callable[[str, str], list[str]]) -> None:
    assert len(SOURCES) > 300
    found = {module: rule(module, source) for module, source in SOURCES.items()}
    assert {module: names for module, names in found.items() if names} == {}


def test_no_file_is_long() -> None:
    lengths = {module: len(source.splitlines()) for module, source in SOURCES.items()}
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST} == {}


def test_every_room_has_its_place() -> None:
    assert {name.split(".")[0] for name, _ in MODULES if name} <= set(RANK)


def test_an_import_against_the_arrows_is_seen() -> None:
    assert against_the_arrows("catalog.rows", "from sabench.measure import runner") == ["measure"]
    assert against_the_arrows("cases.suite", "import sabench.cli.profile") == ["cli"]
    assert against_the_arrows("store.journal", "from sabench import launch") == ["launch"]
    assert against_the_arrows("cases.suite", "from sabench.catalog import rows") == []


def test_torch_in_a_torch_free_module_is_seen() -> None:
    assert brings_torch("cases.suite", "import torch.nn") == ["torch.nn"]
    assert brings_torch("measure.device", "if True:\n    import torch") == ["torch"]
    assert brings_torch("store.summary", "from sabench.layers import halo") == ["sabench.layers"]
    assert brings_torch("cli.count", "def check():\n    import torch") == []
    assert brings_torch("measure.calls", "import torch") == []


def test_a_library_outside_its_room_is_seen() -> None:
    assert misplaced("store.journal", "from rich.console import Console") == ["rich"]
    assert misplaced("cli", "import click") == ["click"]


def test_importing_every_torch_free_module_loads_no_torch() -> None:
    names = [f"sabench.{name}" for name, _ in MODULES if is_torch_free(name)]
    names = [name for name in names if name != "sabench.__main__"]
    check = "import sys, importlib\n" + "".join(
        f"importlib.import_module({name!r})\n"
        f"assert 'torch' not in sys.modules, {name + ' loads torch'!r}\n"
        for name in names
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
