"""Trainings, scores and profiles of made-up networks, whose accuracy is as it is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from making_rows import board_of, row_of
from sabench.cases.case import Case
from sabench.compare.trust.indicators import Indicator
from sabench.records import Reading
from sabench.store.figure import Figure, figure_over_seeds
from sabench.store.leaderboard import Leaderboard

FULL = {"data": "digits", "mode": "train"}


def network(width: float, **fields: Any) -> Case:
    """ResNet-26 of that width, as it is trained, scored or run."""
    told = {"kind": "network", "subject": "resnet26", "resolution": 16} | fields
    return Case.model_validate(told | {"options": {"width": width}})


def trained(
    values: Mapping[float, Sequence[float]], seconds: float = 100.0, **fields: Any
) -> Leaderboard:
    """Trainings by width: the accuracy of each seed."""
    rows = [
        row_of(
            case := network(width, **FULL | fields),
            1.0,
            accuracies,
            metric="accuracy",
            figures={
                "accuracy": over_seeds(accuracies),
                "train_time": over_seeds([seconds] * len(accuracies), "s"),
            },
            group={"data": case.data, "e": case.e},
        )
        for width, accuracies in values.items()
    ]
    return board_of(rows, rank_by="accuracy", metrics=("accuracy", "train_time"))


def over_seeds(values: Sequence[float], unit: str = "1") -> Figure:
    """A training's figure, as its readings are put together."""
    return figure_over_seeds({seed: Reading.of(unit, [one]) for seed, one in enumerate(values)})


def indicator(
    values: Mapping[str, Sequence[float]], name: str = "accuracy", **fields: Any
) -> Indicator:
    """An indicator with these values by network and seed; a training where nothing else is told."""
    told: dict[str, Any] = {"origin": "training", "better": "more"} | fields
    return Indicator(name, values={key: tuple(one) for key, one in values.items()}, **told)
