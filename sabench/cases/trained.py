"""A case of a suite as it is trained or scored: by its recipe, with its data and reductions."""

from collections.abc import Mapping

from sabench.cases.case import REDUCTIONS, Case, Scalar, Unmeasured
from sabench.cases.cost import case_plan
from sabench.cases.recipe import Recipe
from sabench.catalog.data import parse_data
from sabench.catalog.rows import Problem
from sabench.errors import ConfigError

DEFAULT_DATA = "digits"


def trained_case(
    case: Case, values: Mapping[str, Scalar], recipe: Recipe, mode: Unmeasured = "train"
) -> tuple[Case, Problem | None]:
    """The training or scoring of a network's case, and the problem if there is one.

    Raises: ConfigError for data that are not there.
    """
    data = parse_data(str(values.get("data", DEFAULT_DATA))).text
    factors = {key: values[key] for key in REDUCTIONS if key in values}
    case = case.model_copy(update={"mode": mode, "batch": recipe.batch, "data": data, **factors})
    return case, _problem(case, recipe)


def _problem(case: Case, recipe: Recipe) -> Problem | None:
    if case.kind == "layer":
        return Problem("layers", "a layer alone is not trained: put it into a network's slots")
    if case.runtime not in ("eager", "fake"):
        return Problem("runtime", f"runtime={case.runtime} is not trained: use eager")
    if case.mode == "score" and (problem := _of_a_score(case)):
        return problem
    if recipe.epochs % case.e:
        return Problem("e", f"e={case.e} does not divide epochs={recipe.epochs}")
    if case.dtype not in ("fp32", "tf32"):
        text = f"dtype={case.dtype}: weights are trained in fp32; use autocast={case.dtype}"
        return Problem("dtype", text)
    try:
        case_plan(case)
    except ConfigError as error:
        key = next((key for key in REDUCTIONS if getattr(case, key) != 1), "resolution")
        return Problem(key, str(error))
    return None


def _of_a_score(case: Case) -> Problem | None:
    """A factor or a precision that would change nothing in a score."""
    if case.e != 1:
        return Problem("e", f"e={case.e}: a score is of an untrained network, whatever its epochs")
    for key, plain in (("autocast", "none"), ("dtype", "fp32")):
        if (value := getattr(case, key)) != plain:
            return Problem(key, f"{key}={value}: scores are computed in float64, whatever it says")
    return None
