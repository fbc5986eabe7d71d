"""How a suite trains its networks in full; the factors c, r, s and e of a case reduce it."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StrictInt, ValidationError

from sabench.cases.case import Scalar
from sabench.errors import ConfigError
from sabench.records import Frozen

Number = StrictFloat | StrictInt
Optimizer = Literal["adamw", "sgd"]


class Recipe(Frozen):
    """Cosine decay after a linear warm-up; weight decay on tensors of two axes or more.

    `warmup`: share of the steps. `ema`: decay of the averaged weights, approached as
    (1 + n) / (10 + n); 0 keeps none. `clip`: largest norm of the whole gradient; 0 clips nothing.
    `augment`: what the data says keeps its labels.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    epochs: StrictInt = Field(15, ge=1, le=10_000)
    batch: StrictInt = Field(64, ge=1, le=65_536)
    optimizer: Optimizer = "adamw"
    lr: Number = Field(0.003, gt=0, le=100)
    momentum: Number = Field(0.9, ge=0, lt=1)  # of sgd
    weight_decay: Number = Field(0.05, ge=0, le=1)
    warmup: Number = Field(0.1, ge=0, lt=1)
    label_smoothing: Number = Field(0.1, ge=0, lt=1)
    ema: Number = Field(0.99, ge=0, lt=1)
    clip: Number = Field(1.0, ge=0)
    augment: StrictBool = True

    def epochs_of(self, e: int) -> int:
        """Epochs that a case's e leaves, one at least."""
        return max(1, round(self.epochs / e))

    def alter(self, settings: Mapping[str, Scalar]) -> Self:
        """This recipe with other values of some keys.

        Raises: ConfigError for a key that is none, or a value that it cannot have.
        """
        known = type(self).model_fields
        for key in settings:
            if key not in known:
                raise ConfigError(f"--set {key}: no key of a recipe; there are {', '.join(known)}")
        try:
            return type(self).model_validate(self.model_dump() | dict(settings))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key, told = str(first["loc"][0]), first["msg"]
            value = f"{key}={settings.get(key)}"
            raise ConfigError(f"--set {value}: {told[0].lower() + told[1:]}") from error


class Epoch(Frozen):
    """What one epoch came to. `accuracy` and `test_loss` are of the last weights, not averaged.

    A loss that is no number is None.
    """

    train_loss: float | None
    test_loss: float | None
    accuracy: float
    seconds: float = Field(ge=0)  # of learning: neither tests nor checkpoints
    joules: float | None = None  # of the same, by the device's counter


class MeanEpoch(Epoch):
    """The means of an epoch over seeds, and how far their accuracies lay apart."""

    accuracy_least: float | None = None  # None in results of before 2.5
    accuracy_most: float | None = None
