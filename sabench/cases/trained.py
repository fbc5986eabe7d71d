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
    return case, _problem(case)


def _problem(case: Case) -> Problem | None:
    if case.kind == "layer":
        return Problem("layers", "a layer alone is not trained: put it into a network's slots")
    if case.runtime not in ("eager", "fake"):
        return Problem("runtime", f"runtime={case.runtime} is not trained: use eager")
    if case.dtype not in ("fp32", "tf32"):
        text = f"dtype={case.dtype}: weights are trained in fp32; use autocast={case.dtype}"
        return Problem("dtype", text)
    try:
        case_plan(case)
    except ConfigError as error:
        key = next((key for key in REDUCTIONS if getattr(case, key) != 1), "resolution")
        return Problem(key, str(error))
    return None
