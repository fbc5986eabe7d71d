"""YAML with places: every value knows its file:line:column, and nothing surprising gets in.

Source: the subset on which YAML 1.1 and 1.2 readers agree. Refused with a line that says so: tags,
duplicate keys, words and numbers that the two versions read differently (`no`, `012`, `1e3`),
aliases that swell, integers, depths and files beyond any suite's need.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from sabench.cases.case import Scalar
from sabench.cases.scalars import parse_scalar, parse_text
from sabench.cases.wording import show_value
from sabench.errors import ConfigError, SuiteError

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 16
NULL = ("", "~", "null", "Null", "NULL")
MAX_NODES = 5_000  # aliases count as often as they are used


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value; None where the file leaves it empty."""

    place: str
    value: Scalar | None


@dataclass(frozen=True, slots=True)
class ListNode:
    """Values in a row."""

    place: str
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a mapping: where its key stands, and its value."""

    place: str
    node: "Node"


@dataclass(frozen=True, slots=True)
class MapNode:
    """Members by key, in the order of the file."""

    place: str
    members: dict[str, Member]


Node = ScalarNode | ListNode | MapNode


def parse_yaml(data: bytes, file: str) -> Node:
    """The one document of a file as nodes with places.

    Raises: SuiteError for anything that is no YAML of the agreed subset.
    """
    if len(data) > MAX_FILE_BYTES:
        raise SuiteError(f"{file}:1:1: the file has {len(data)} bytes, at most {MAX_FILE_BYTES}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        raise SuiteError(f"{_place(file, before)}: the file is not UTF-8") from error
    try:
        return _Composer(file, text).document()
    except ReaderError as error:
        where, found = _place(file, text[: error.position]), ord(text[error.position])
        raise SuiteError(f"{where}: character U+{found:04X} is not allowed in YAML") from error


def _place(file: str, before: str) -> str:
    """The place of the character that follows the text `before`."""
    return f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


class _Composer:
    """Events to nodes; it holds the anchors met so far and the nodes still allowed."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.left = MAX_NODES
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.events = yaml.parse(text, Loader=yaml.SafeLoader)
        self.last = f"{file}:1:1"  # the place of the last event

    def document(self) -> Node:
        """The only document."""
        self._next()  # start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise SuiteError(f"{self.file}:1:1: the file is empty")
        node = self._node(self._next(), depth=0)
        self._next()  # end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event, "a second document; a suite is one document")
        return node

    def _next(self) -> yaml.Event:
        try:
            event = next(self.events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.last
            line = " ".join(str(error.problem or error.context).split())
            raise SuiteError(f"{place}: bad YAML: {line}") from error
        except (ValueError, OverflowError) as error:  # PyYAML lets chr() and int() raise through
            raise SuiteError(f"{self.last}: bad YAML after this: {error}") from error
        self.last = self._place(event)
        return event

    def _error(self, event: yaml.Event, text: str) -> SuiteError:
        return SuiteError(f"{self._place(event)}: {text}")

    def _place(self, event: yaml.Event) -> str:
        mark = event.start_mark
        return f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.last

    def _take(self, event: yaml.Event, nodes: int) -> None:
        self.left -= nodes
        if self.left < 0:
            raise self._error(event, f"more than {MAX_NODES} values, aliases included")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            name = event.anchor or ""
            if name not in self.anchors:
                raise self._error(event, f"alias *{name} has no anchor before it")
            node, nodes = self.anchors[name]
            self._take(event, nodes)
            return node
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            raise self._error(event, f"tag {show_value(event.tag)}: tags are not allowed")
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self.left
        self._take(event, 1)
        node = self._compose(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node, before - self.left
        return node

    def _compose(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, depth: int) -> Node:
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(place, self._scalar(event))
        if isinstance(event, yaml.SequenceStartEvent):
            items = [self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
            return ListNode(place, tuple(items))
        members: dict[str, Member] = {}
        for key in self._until(yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._error(key, "a key is one word")
            if key.tag is not None:
                raise self._error(key, f"tag {show_value(key.tag)}: tags are not allowed")
            if key.value in members:
                raise self._error(key, f"duplicate key {show_value(key.value)}")
            where = self._place(key)
            members[key.value] = Member(where, self._node(self._next(), depth + 1))
        return MapNode(place, members)

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := self._next(), end):
            yield event

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar | None:
        if event.implicit[0] and event.value in NULL:
            return None
        try:
            return parse_scalar(event.value) if event.implicit[0] else parse_text(event.value)
        except ConfigError as error:
            raise self._error(event, str(error)) from error
