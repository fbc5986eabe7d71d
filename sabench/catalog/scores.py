"""The zero-cost scores: which way is better, what each needs, where it is computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sabench.catalog.rows import load_target
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of an untrained network.

    `target` is "module:function": score(module, minibatch, *, chunks) -> Scored.
    `variants`: other definitions, each only if it is asked for by `variant`, with what it is.
    """

    name: str
    title: str
    target: str
    source: str
    better: Literal["more", "less"]
    needs_labels: bool
    variants: Mapping[str, str] = field(default_factory=dict, hash=False)

    def load(self) -> Any:
        """The function that `target` names."""
        return load_target(self.target)

    def check(self, variant: str | None) -> None:
        """Let pass None and the row's own variants.

        Raises: ConfigError for another one, with those there are.
        """
        if variant is not None and variant not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise ConfigError(f"variant={variant!r}: no variant of {self.name}; known: {known}")


_GRADIENTS = "sabench.train.scores.gradients"
BATCH_STATISTICS = "batch_statistics"
_OF_THE_BATCH = {
    BATCH_STATISTICS: "batch norms by the batch's own statistics, as the authors' code"
}

SCORES: dict[str, Score] = {
    row.name: row
    for row in (
        Score(
            "grad_norm",
            "sum over weight tensors of their gradient's Euclidean norm",
            f"{_GRADIENTS}:grad_norm",
            "arXiv:2101.08134",
            better="more",
            needs_labels=True,
            variants=_OF_THE_BATCH,
        ),
        Score(
            "snip",
            "sum of |weight x gradient|",
            f"{_GRADIENTS}:snip",
            "arXiv:1810.02340",
            better="more",
            needs_labels=True,
            variants=_OF_THE_BATCH,
        ),
        Score(
            "grasp",
            "minus the sum of weight x (Hessian x gradient)",
            f"{_GRADIENTS}:grasp",
            "arXiv:2002.07376",
            better="more",
            needs_labels=True,
            variants=_OF_THE_BATCH,
        ),
        Score(
            "synflow",
            "log10 of the synaptic flow through absolute weights",
            "sabench.train.scores.synflow:synflow",
            "arXiv:2006.05467",
            better="more",
            needs_labels=False,
            variants={"absolute": "where no flow is conserved, too: softmax, gates"},
        ),
        Score(
            "fisher",
            "sum over channels of the squared activation x gradient",
            "sabench.train.scores.fisher:fisher",
            "arXiv:1906.04113",
            better="more",
            needs_labels=True,
            variants={
                "batch_mean": "of the batch's mean loss",
                BATCH_STATISTICS: "of its mean loss, batch norms by its own statistics",
            },
        ),
        Score(
            "jacob_cov",
            "how little the samples' input gradients correlate",
            "sabench.train.scores.jacobian:jacob_cov",
            "arXiv:2006.04647v1",
            better="more",
            needs_labels=False,
        ),
        Score(
            "naswot",
            "log determinant of the agreement of the samples' ReLU states",
            "sabench.train.scores.naswot:naswot",
            "arXiv:2006.04647",
            better="more",
            needs_labels=False,
            variants={"preactivation_sign": "of activations other than ReLU, too"} | _OF_THE_BATCH,
        ),
        Score(
            "zen",
            "log change of the features under a small change of a random input",
            "sabench.train.scores.zen:zen",
            "arXiv:2102.01063",
            better="more",
            needs_labels=False,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A score, or a variant of it, by the name that its figures have: `synflow_absolute`."""

    score: Score
    variant: str | None = None

    @property
    def name(self) -> str:
        """The score's, with the variant's behind it."""
        return f"{self.score.name}_{self.variant}" if self.variant else self.score.name

    @property
    def title(self) -> str:
        """What it is."""
        title = self.score.title
        return f"{title}; {self.score.variants[self.variant]}" if self.variant else title


ASKED: dict[str, Asked] = {
    one.name: one
    for score in SCORES.values()
    for one in (Asked(score), *(Asked(score, variant) for variant in score.variants))
}
"""Everything that can be asked for by name: the eight, each with its variants behind it."""


def find_asked(name: str) -> Asked:
    """The score or variant of that name.

    Raises: ConfigError with the known names if there is none.
    """
    if name not in ASKED:
        raise ConfigError(f"{name!r} is no score; known: {', '.join(ASKED)}")
    return ASKED[name]


def find_score(name: str) -> Score:
    """The row of that name.

    Raises: ConfigError with the known names if there is none.
    """
    if name not in SCORES:
        raise ConfigError(f"{name!r} is no score; known: {', '.join(SCORES)}")
    return SCORES[name]
