"""From nodes with places to a Suite. Every mistake is one line: place, what, allowed, nearest."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NoReturn

from sabench.cases.axes import AXES, DEVICE, DEVICES_ALONE, device_problem
from sabench.cases.case import REDUCTIONS, Kind, Scalar
from sabench.cases.gate_rules import MOST, THRESHOLD, GateRules
from sabench.cases.keys import axes_of, find_row, key_problem, value_problem
from sabench.cases.model import DEFAULT_MAX_BYTES, GROUP_KEYS, Entry, Suite, Sweep, Value
from sabench.cases.recipe import Recipe
from sabench.cases.wording import option_problem, show_value, unknown
from sabench.cases.yaml_source import (
    ListNode,
    MapNode,
    Member,
    Node,
    ScalarNode,
    parse_yaml,
)
from sabench.catalog.layers import layers
from sabench.catalog.metrics import metrics_of
from sabench.catalog.networks import networks
from sabench.errors import SuiteError
from sabench.papers.rows import PAPERS

KEYS = (
    *("name", "title", "match", "axes", "layers", "networks"),
    *("metrics", "group_by", "rank_by", "published", "max_bytes", "gate", "train"),
)
PROFILED = metrics_of("profile")
MATCHES = ("receptive_field",)
GROUPINGS = (*GROUP_KEYS, "subject", "window", "implementation", "runtime", "data", *REDUCTIONS)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_TITLE = 200

Check = Callable[[Scalar], str | None]
"""Why a value is not allowed; None if it is."""


def parse_suite(data: bytes, file: str) -> Suite:
    """The suite that a file's bytes describe; `file` is how places name it.

    Raises: SuiteError at the first mistake.
    """
    root = parse_yaml(data, file)
    members = _mapping(root, "a suite", KEYS)
    if "name" not in members:
        _fail(root.place, "a suite needs a name")
    matched = _one(members, "match", _among("match", MATCHES))
    axes = _axes(members.get("axes"), members)
    entries = (
        *_entries(members.get("layers"), "layer", matched=bool(matched)),
        *_entries(members.get("networks"), "network", matched=False),
    )
    if not entries:
        _fail(root.place, "a suite needs layers or networks")
    _check_window_reach(axes, entries, matched=bool(matched))
    chosen: dict[str, object] = {
        "match": matched,
        "title": _one(members, "title", _title) or "",
        "metrics": _names(members, "metrics", PROFILED) or PROFILED,
        "group_by": _names(members, "group_by", GROUPINGS) or GROUP_KEYS,
        "rank_by": _one(members, "rank_by", _among("metric", PROFILED)) or "latency_warm",
        "published": _one(members, "published", _among("paper", PAPERS)) or "",
        "max_bytes": _one(members, "max_bytes", _bytes) or DEFAULT_MAX_BYTES,
        "gate": _gate_rules(members.get("gate")),
        "recipe": _recipe(members.get("train")),
    }
    _check_rank(members, chosen["rank_by"], chosen["metrics"])
    if chosen["published"] and "networks" not in members:
        _fail(members["published"].place, "published reaches nothing: the suite has no networks")
    return Suite.model_validate(
        {
            "name": _one(members, "name", _name),
            "axes": axes,
            "devices": _devices(members.get("axes")),
            "entries": entries,
            "file": file,
            "text": data.decode("utf-8-sig"),
            **chosen,
        }
    )


def _fail(place: str, text: str) -> NoReturn:
    raise SuiteError(f"{place}: {text}")


def _mapping(node: Node, what: str, allowed: Iterable[str] = ()) -> Mapping[str, Member]:
    """The members of a mapping; with `allowed`, no other keys."""
    if not isinstance(node, MapNode):
        _fail(node.place, f"{what} is a mapping of keys to values, not {_shape(node)}")
    names = list(allowed)
    for key, member in node.members.items():
        if names and key not in names:
            _fail(member.place, unknown("key", key, names))
    return node.members


def _shape(node: Node) -> str:
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    return "nothing" if node.value is None else show_value(node.value)


def _values(member: Member, key: str, check: Check) -> tuple[Value, ...]:
    """A scalar or a list of scalars, each checked."""
    node = member.node
    items = node.items if isinstance(node, ListNode) else (node,)
    if not items:
        _fail(node.place, f"{key} is an empty list: it needs at least one value")
    return tuple(_value(item, key, check) for item in items)


def _value(node: Node, key: str, check: Check) -> Value:
    if not isinstance(node, ScalarNode):
        _fail(node.place, f"{key} is one value or a list of values, not {_shape(node)}")
    if node.value is None:
        _fail(node.place, f"{key} is empty: it needs a value")
    problem = check(node.value)
    if problem:
        _fail(node.place, problem)
    return Value(value=node.value, place=node.place)


def _one(members: Mapping[str, Member], key: str, check: Check) -> Scalar | None:
    """The value of a key that takes exactly one; None if the key is not there."""
    if key not in members:
        return None
    node = members[key].node
    if isinstance(node, ListNode):
        _fail(node.place, f"{key} is one value, not a list")
    return _value(node, key, check).value


def _names(
    members: Mapping[str, Member], key: str, allowed: Iterable[str]
) -> tuple[Scalar, ...] | None:
    """The names listed under a key, each once."""
    if key not in members:
        return None
    values = _values(members[key], key, _among(key, allowed))
    return tuple(dict.fromkeys(value.value for value in values))


def _among(what: str, allowed: Iterable[str]) -> Check:
    names = list(allowed)
    return lambda value: None if value in names else unknown(what, value, names)


def _name(value: Scalar) -> str | None:
    if isinstance(value, str) and NAME.fullmatch(value):
        return None
    return f"name: {show_value(value)} is no name: lower-case letters, digits, - and _"


def _title(value: Scalar) -> str | None:
    if not isinstance(value, str):
        return f"title: {show_value(value)} is not text: put it in quotes"
    return None if len(value) <= MAX_TITLE else f"title: longer than {MAX_TITLE} characters"


def _bytes(value: Scalar) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return f"max_bytes: {show_value(value)} is no number of bytes"
    return None


def _gate_rules(member: Member | None) -> GateRules:
    """The thresholds of a gate."""
    if member is None:
        return GateRules()
    members = _mapping(member.node, "gate", ("threshold", "thresholds"))
    wide = _one(members, "threshold", _share)
    narrow = _mapping(members["thresholds"].node, "thresholds") if "thresholds" in members else {}
    return GateRules.model_validate(
        {
            "threshold": THRESHOLD if wide is None else wide,
            "thresholds": {glob: _one(narrow, glob, _share) for glob in narrow},
        }
    )


def _recipe(member: Member | None) -> Recipe | None:
    """How the suite's networks are trained; None where it says nothing of it."""
    if member is None:
        return None
    members = _mapping(member.node, "train", Recipe.model_fields)
    values = {key: _one(members, key, partial(_recipe_problem, key)) for key in members}
    return Recipe.model_validate(values)


def _recipe_problem(key: str, value: Scalar) -> str | None:
    return option_problem(Recipe, key, value)


def _share(value: Scalar) -> str | None:
    if isinstance(value, bool | str) or not 0.0 < value <= MOST:
        return f"threshold: {show_value(value)} is no share above 0 and up to {MOST:g}: 3 % is 0.03"
    return None


def _axes(member: Member | None, suite: Mapping[str, Member]) -> Sweep:
    """The shared axes, in the order of AXES, each reaching something."""
    if member is None:
        return {}
    members = _mapping(member.node, "axes", (*AXES, DEVICE))
    kinds = [kind for kind in ("layer", "network") if f"{kind}s" in suite]
    for key, one in members.items():
        if key != DEVICE and not set(AXES[key].reaches) & set(kinds):
            _fail(one.place, f"{key} reaches nothing: the suite has no {AXES[key].reaches[0]}s")
    return {key: _values(members[key], key, AXES[key].problem) for key in AXES if key in members}


def _devices(axes: Member | None) -> tuple[str, ...]:
    """The devices that the shared axes name, each once."""
    if axes is None or DEVICE not in (members := _mapping(axes.node, "axes")):
        return ()
    values = _values(members[DEVICE], DEVICE, device_problem)
    names = tuple(dict.fromkeys(str(value.value) for value in values))
    for value in values if len(names) > 1 else ():
        if value.value in DEVICES_ALONE:
            _fail(value.place, f"device: {value.value} stands alone, not in a list with others")
    return names


def _check_rank(members: Mapping[str, Member], rank_by: object, metrics: object) -> None:
    """What ranks is measured."""
    assert isinstance(metrics, tuple)
    if rank_by not in metrics:
        place = members["rank_by" if "rank_by" in members else "metrics"].node.place
        _fail(place, f"rank_by: {rank_by} is not among the metrics: {', '.join(metrics)}")


def _check_window_reach(axes: Sweep, entries: Iterable[Entry], *, matched: bool) -> None:
    """Without `match`, a shared window is a plain option, and every layer must have it."""
    for entry in entries if "window" in axes and not matched else ():
        if entry.kind == "layer" and "window" not in layers()[entry.subject].options.model_fields:
            _fail(
                axes["window"][0].place,
                f"window: {entry.subject} has no such option; give window in the layers that "
                "have it, or set match: receptive_field",
            )


def _entries(member: Member | None, kind: Kind, *, matched: bool) -> tuple[Entry, ...]:
    if member is None:
        return ()
    node = member.node
    if not isinstance(node, ListNode):
        _fail(node.place, f"{kind}s is a list of entries, not {_shape(node)}")
    if not node.items:
        _fail(node.place, f"{kind}s is an empty list: it needs at least one entry")
    return tuple(_entry(item, kind, matched=matched) for item in node.items)


def _entry(node: Node, kind: Kind, *, matched: bool) -> Entry:
    """One layer or network: its options, and the shared axes it overrides."""
    members = _mapping(node, f"an entry of {kind}s")
    if kind not in members:
        _fail(node.place, f"an entry of {kind}s needs {kind}: NAME")
    subject = str(_one(members, kind, _among(kind, layers() if kind == "layer" else networks())))
    row = find_row(kind, subject)
    axes = axes_of(row, matched=matched)
    taken, options = {}, {}
    for key, one in members.items():
        if key in axes:
            taken[key] = _values(one, key, AXES[key].problem)
        elif key != kind:
            if key == DEVICE:
                _fail(one.place, "device is no key of an entry: give it in axes, or as --device")
            problem = key_problem(row, key, axes)
            if problem:
                _fail(one.place, problem)
            options[key] = _values(one, key, partial(value_problem, row, key))
    return Entry(
        kind=kind,
        subject=subject,
        place=members[kind].node.place,
        options={
            key: options[key] for key in (*row.options.model_fields, *options) if key in options
        },
        axes={key: taken[key] for key in AXES if key in taken},
    )
