"""The zero-cost scores: which way is better, what each needs, where it is computed."""

from dataclasses import dataclass
from typing import Any, Literal

from sabench.catalog.rows import load_target
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of an untrained network.

    `target` is "module:function": score(module, minibatch, *, chunks) -> Scored.
    `variants`: other definitions under the same name, each only if it is asked for by `variant`.
    """

    name: str
    title: str
    target: str
    source: str
    better: Literal["more", "less"]
    needs_labels: bool
    variants: tuple[str, ...] = ()

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
        ),
        Score(
            "snip",
            "sum of |weight x gradient|",
            f"{_GRADIENTS}:snip",
            "arXiv:1810.02340",
            better="more",
            needs_labels=True,
        ),
        Score(
            "grasp",
            "minus the sum of weight x (Hessian x gradient)",
            f"{_GRADIENTS}:grasp",
            "arXiv:2002.07376",
            better="more",
            needs_labels=True,
        ),
        Score(
            "synflow",
            "log10 of the synaptic flow through absolute weights",
            "sabench.train.scores.synflow:synflow",
            "arXiv:2006.05467",
            better="more",
            needs_labels=False,
            variants=("absolute",),
        ),
        Score(
            "fisher",
            "sum over channels of the squared activation x gradient",
            "sabench.train.scores.fisher:fisher",
            "arXiv:1906.04113",
            better="more",
            needs_labels=True,
            variants=("batch_mean",),
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
            variants=("preactivation_sign",),
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


def find_score(name: str) -> Score:
    """The row of that name.

    Raises: ConfigError with the known names if there is none.
    """
    if name not in SCORES:
        raise ConfigError(f"{name!r} is no score; known: {', '.join(SCORES)}")
    return SCORES[name]
