"""What all tests share: a fake NVML, and golden files, changed by `pytest --update-golden` only."""

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pinning import keep_to_one_core

pytest_plugins = ("fakes.nvml",)

GOLDEN = Path(__file__).parent / "golden"


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, one under `nohup` a closed terminal, and so would
    all that a test starts and stops. Behind a handler a process that is started has the default."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    keep_to_one_core()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """There is one GPU."""
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in a child; workers share the cores, and another test may have asked for more."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither learn from this machine's runs nor wait for a run that holds its device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SABENCH_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("SABENCH_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(autouse=True, scope="session")
def only_young_garbage_is_collected() -> Iterator[None]:
    """The protocol collects before it times; a session's million objects took half a second."""
    collect = gc.collect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda generation=1: collect(min(generation, 1)))
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """golden(name, text): the text equals tests/golden/NAME, byte for byte."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and review it"
        assert text == path.read_bytes().decode()

    return check
