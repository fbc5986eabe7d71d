"""What a wrong name or value is told, in one line: what, the allowed values, the nearest name."""

from collections.abc import Iterable
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sabench.cases.case import Scalar
from sabench.catalog.networks.options import hint

_NOT_A = {
    "int_type": "is not a whole number",
    "bool_type": "is not true or false",
    "float_type": "is not a number",
    "string_type": "is not text",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def show_value(value: object) -> str:
    """A value, quoted where it is text, on one line, never long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def unknown(what: str, name: object, allowed: Iterable[str]) -> str:
    """`unknown layer 'hallo', allowed: conv, halo; nearest: halo`."""
    return f"unknown {what} {show_value(name)}, {hint(str(name), list(allowed))}"


def option_problem(options: type[BaseModel], key: str, value: Scalar) -> str | None:
    """Why an option of a layer, or of a recipe, cannot have this value; None if it can."""
    annotation = options.model_fields[key].annotation
    if get_origin(annotation) is Literal and value not in get_args(annotation):
        return unknown(key, value, map(str, get_args(annotation)))
    try:
        options.model_validate({key: value})
    except ValidationError as error:
        return f"{key}: {show_value(value)} {_explain(error)}"
    return None


def _explain(error: ValidationError) -> str:
    """The first bound that is broken, else the type that was wanted."""
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] in _BOUNDS:
            bound, word = _BOUNDS[detail["type"]]
            return f"is not allowed, {word} {detail['ctx'][bound]}"
    if len(details) > 1 and all(detail["type"] in _NOT_A for detail in details):
        return _NOT_A["float_type"]
    return _NOT_A.get(details[0]["type"], details[0]["msg"])
