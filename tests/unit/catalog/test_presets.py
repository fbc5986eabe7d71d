"""The presets as the protocol's table states them, and what altering one does."""

import pytest

from sabench.catalog.presets import PRESETS, Preset, find_preset, parse_constants
from sabench.errors import ConfigError

TABLE = {
    "processes": (1, 5, 10, 4),
    "warmup_min_calls": (3, 10, 10, 3),
    "warmup_min_s": (0.2, 1, 3, 0.3),
    "warmup_max_s": (2, 5, 10, 2),
    "samples_min": (10, 30, 50, 30),
    "samples_max": (200, 2000, 10_000, 1000),
    "half_width": (0.03, 0.01, 0.005, 0.01),
    "budget_s": (1, 10, 30, 1),
    "deadline_s": (60, 180, 600, 60),
    "energy_windows": (0, 3, 5, 0),
    "energy_window_s": (2, 2, 5, 2),
    "energy_idle_s": (0, 0, 5, 0),
    "slow_core": (1.25, 1.25, 1.25, 0),
    "evidence": ("smoke", "process", "process", "process"),
}
"""quick, standard, strict, gate: written down in docs/measurement.md too."""


@pytest.mark.parametrize("constant", TABLE)
def test_the_presets_are_those_of_the_protocol(constant: str) -> None:
    names = ("quick", "standard", "strict", "gate")
    assert tuple(getattr(PRESETS[name], constant) for name in names) == TABLE[constant]
    assert set(PRESETS) == set(names)


def altered(*settings: str, preset: str = "standard") -> Preset:
    return find_preset(preset).alter(parse_constants(list(settings)))


def test_an_altered_preset_says_in_its_name_what_is_altered() -> None:
    found = altered("budget_s=3", "half_width=0.02")
    assert found.name == "standard+half_width=0.02,budget_s=3.0"
    assert (found.half_width, found.budget_s, found.samples_min) == (0.02, 3.0, 30)
    assert found.is_altered
    assert found.base == "standard"


def test_the_order_on_the_command_line_does_not_tell_presets_apart() -> None:
    one, other = ("budget_s=3", "half_width=0.02"), ("half_width=0.02", "budget_s=3.0")
    assert altered(*one) == altered(*other)


def test_a_constant_set_to_what_it_is_alters_nothing() -> None:
    assert altered("budget_s=10") == find_preset("standard")
    assert not altered("budget_s=10").is_altered


def test_every_constant_can_be_set() -> None:
    constants = set(Preset.model_fields) - {"name", "evidence"}
    for name in constants:
        value = getattr(find_preset("standard"), name)
        others: dict[type, object] = {bool: "no", int: 40, float: 0.9, str: "process"}
        most = {"warmup_max_s": 9.0, "deadline_s": 900.0, "slow_core": 2.0}
        other = most.get(name, others[type(value)])
        assert altered(f"{name}={other}").is_altered


def test_quick_stays_a_look_whatever_is_set() -> None:
    assert altered("processes=20", preset="quick").evidence == "smoke"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("half_width", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("width=3", "no such constant; there are processes, warmup_min_calls"),
        ("evidence=process", "no such constant"),
        ("name=standard", "no such constant"),
        ("half_width=2", "half_width=2: input should be less than 1"),
        ("samples_min=many", "samples_min=many: input should be a valid integer"),
        ("samples_min=3000", "samples_min=3000 is more than samples_max=2000"),
        ("budget_s=nan", "budget_s=nan: input should be a finite number"),
        ("slow_core=0.5", "slow_core=0.5 is neither 0 nor above 1"),
        ("slow_core=1", "slow_core=1 is neither 0 nor above 1"),
        ("slow_core=-1", "slow_core=-1: input should be greater than or equal to 0"),
        ("deadline_s=1e308", "deadline_s=1e308: input should be less than or equal to 1000000"),
        ("processes=100000000", "input should be less than or equal to 1000"),
        ("processes=0", "processes=0: input should be greater than or equal to 1"),
    ],
)
def test_a_constant_that_cannot_be_is_one_line(setting: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        altered(setting)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_constant_set_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        parse_constants(["budget_s=1", "budget_s=2"])
