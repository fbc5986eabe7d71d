"""A recipe altered on the command line: the key that is meant, or one clear line."""

import pytest

from sabench.cases.recipe import Recipe
from sabench.errors import ConfigError
from sabench.launch.request import Request, plan_run


def test_a_key_is_altered_and_the_others_stay() -> None:
    found = Recipe(lr=0.01, ema=0.0).alter({"epochs": 24, "optimizer": "sgd", "augment": False})
    expected = Recipe(lr=0.01, ema=0.0, epochs=24, optimizer="sgd", augment=False)
    assert found == expected
    assert Recipe().alter({}) == Recipe()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 24}, r"--set epoch: no key of a recipe; there are epochs, batch, optimizer"),
        ({"epochs": 0}, "--set epochs=0: input should be greater than or equal to 1"),
        ({"epochs": "many"}, "--set epochs=many: input should be a valid integer"),
        ({"lr": True}, "--set lr=True: input should be a valid"),
        ({"optimizer": "lion"}, "--set optimizer=lion: input should be 'adamw' or 'sgd'"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(settings: dict[str, bool], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Recipe().alter(settings)


def test_a_training_is_planned_by_the_altered_recipe() -> None:
    request = Request(suite="proxies", device="cpu", preset="quick", purpose="train")
    plain = plan_run(request)
    altered = plan_run(
        Request(
            suite="proxies",
            device="cpu",
            preset="quick",
            purpose="train",
            recipe={"epochs": 24, "batch": 32},
        )
    )
    assert plain.recipe is not None
    assert altered.recipe == plain.recipe.alter({"epochs": 24, "batch": 32})
    assert {case.batch for case in altered.expansion.cases} == {32}
    assert altered.predict().total_s > 1.5 * plain.predict().total_s
