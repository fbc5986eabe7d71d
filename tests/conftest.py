"""What all tests share: a fake NVML, and golden files, changed by `pytest --update-golden` only."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest_plugins = ("fakes.nvml",)

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither learn from this machine's runs nor wait for a run that holds its device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SABENCH_STATE", str(tmp_path_factory.mktemp("state")))
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
