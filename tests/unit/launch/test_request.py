"""What a request comes to before anything is started."""

import pytest

from sabench.cases.plan import Isolation
from sabench.launch.request import Request, plan_run


@pytest.mark.parametrize(
    ("preset", "asked", "isolation"),
    [
        ("quick", None, "suite"),
        ("standard", None, "suite"),
        ("strict", None, "case"),
        ("strict", "suite", "suite"),
        ("quick", "case", "case"),
    ],
)
def test_strict_isolates_every_case_unless_another_isolation_is_asked_for(
    preset: str, asked: Isolation | None, isolation: Isolation
) -> None:
    request = Request(suite="ci", device="cpu", preset=preset, isolation=asked)
    assert plan_run(request).isolation == isolation
