"""What `--set` changes of a suite's recipe is told, so that it is not taken for the suite's own."""

import pytest

from sabench.cases.case import Scalar
from sabench.launch.request import Request, plan_run


@pytest.mark.parametrize(
    ("settings", "altered"),
    [
        ({}, {}),
        ({"epochs": 1, "lr": 0.5}, {"epochs": 1, "lr": 0.5}),
        ({"epochs": 16}, {}),  # as local_family has it
    ],
)
def test_only_what_differs_from_the_suite_is_altered(
    settings: dict[str, Scalar], altered: dict[str, Scalar]
) -> None:
    request = Request(suite="local_family", device="cpu", purpose="train", recipe=settings)
    assert plan_run(request).altered == altered


def test_a_profile_has_no_recipe_to_alter() -> None:
    assert plan_run(Request(suite="local_family", device="cpu")).altered == {}
