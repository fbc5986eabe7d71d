"""The rows of one or more results, each with what a page says of it."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sabench.cases.case import Case, Scalar, show_scalar
from sabench.cases.expand import passing
from sabench.cases.window import Window, window_seen
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.compare.join import SWEPT, without
from sabench.errors import ConfigError, ResultError
from sabench.records import MEASURED, SHOWN, Environment
from sabench.report.columns import group_title, label_of
from sabench.store.figure import Figure
from sabench.store.leaderboard import Group, Leaderboard, Row

LATENCY = "latency_warm"

ONCE = frozenset({"--out", "--resume", "--csv", "--markdown", "--filter"})
SWITCHES = frozenset({"--dry-run", "--json", "--across-env", "--strict"})
"""Options of a recorded command that are not needed to measure one of its cases again."""

LEAST, MOST = 1e-18, 1e18
"""What an axis has room for: more than any figure, less than what arithmetic spoils."""

ELSEWHERE = "measured in another environment than its file tells: compared with nothing"
"""Said of a row that was there before a run was resumed in another environment."""


@dataclass(frozen=True, slots=True)
class Source:
    """A leaderboard and how it is called: by its file, as short as keeps it apart."""

    name: str
    leaderboard: Leaderboard


@dataclass(frozen=True, slots=True)
class Place:
    """Where figures were taken: one device in one environment. `name` keeps it apart."""

    name: str
    device: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class Point:
    """A row, with its place on the page. `number` is its own."""

    number: int
    source: Source
    place: Place
    row: Row
    label: str
    window: Window
    group: str  # what it shares with its like on every side, in words
    side: str  # its place, and the values of the keys that results are joined across
    key: str  # its id without those keys
    run: str  # its source, where another one has the same case at the same place; else nothing

    @property
    def is_shown(self) -> bool:
        """Whether it has figures, disturbed or not."""
        return self.row.status in SHOWN

    @property
    def is_measured(self) -> bool:
        """Whether it has figures that nothing disturbed, taken where its place says."""
        return self.row.status in MEASURED and not self.is_elsewhere

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was measured in another environment than that of its place."""
        found = self.row.environments
        return bool(found) and found != (self.place.environment.id,)

    @property
    def status(self) -> str:
        """The row's, and whether it was measured elsewhere."""
        return f"{self.row.status}{', elsewhere' * self.is_elsewhere}"

    @property
    def messages(self) -> list[str]:
        """What is to be said under the record."""
        return [*filter(None, [self.row.message]), *[ELSEWHERE] * self.is_elsewhere]

    @property
    def layer(self) -> str:
        """What colours tell apart: a layer; a network, by its layers where it is told which."""
        return str(self.row.case.options.get("mix", self.row.case.subject))

    @property
    def size(self) -> int | None:
        """The side of the map, or of a network's image."""
        return self.row.case.size or self.row.case.resolution

    def figure(self, metric: str) -> Figure | None:
        """A metric's figure with a median, None when there is none."""
        found = self.row.figures.get(metric)
        return found if self.is_shown and found and found.headline is not None else None

    def value(self, metric: str) -> float | None:
        """A metric's median where it and its interval can stand on a logarithmic axis."""
        found = self.figure(metric)
        if found is None or (found.interval and drawable(found.interval.high) is None):
            return None
        return drawable(found.headline)


def drawable(value: float | None) -> float | None:
    """A number that a logarithmic axis has room for; None for any other."""
    return float(value) if value is not None and LEAST < value < MOST else None


def name_sources(boards: Sequence[tuple[str, Leaderboard]]) -> list[Source]:
    """Each leaderboard under the shortest end of its path that keeps it apart."""
    paths = [path.removesuffix("/").removesuffix(".json").split("/") for path, _ in boards]
    names: list[str] = []
    for parts in paths:
        ends = ["/".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        mine = [
            end
            for length, end in enumerate(ends, 1)
            if sum("/".join(other[-length:]) == end for other in paths) == 1
        ]
        names.append(mine[0] if mine else ends[-1])
    return [Source(name, board) for name, (_, board) in zip(names, boards, strict=True)]


def metric_of(sources: Sequence[Source]) -> str:
    """What a page shows unless told: latency, else what the first of them ranks by."""
    boards = [source.leaderboard for source in sources]
    return LATENCY if any(LATENCY in board.metrics for board in boards) else boards[0].rank_by


def points_of(
    sources: Sequence[Source], *, across: Sequence[str] = (), wanted: str = ""
) -> list[Point]:
    """Every row whose id passes, in the order of the files.

    Raises: ConfigError for a key that results cannot be joined across, or if no row is left;
    ResultError for a row of an unknown environment.
    """
    for key in across:
        if key not in SWEPT:
            raise ConfigError(f"--across {key}: not a key of every case; {', '.join(SWEPT)} are")
    places = _places(sources)
    seen = Counter(_where(source, row) for source in sources for row in source.leaderboard.rows)
    kept = passing((row.case_id for source in sources for row in source.leaderboard.rows), wanted)
    points: list[Point] = []
    for source in sources:
        label = label_of(source.leaderboard)
        for row in source.leaderboard.rows:
            if row.case_id not in kept:
                continue
            run = source.name if seen[_where(source, row)] > 1 else ""
            place = places[_environment(source.leaderboard, row.device).id, row.device]
            points.append(
                Point(
                    number=len(points),
                    source=source,
                    place=place,
                    row=row,
                    label=_full(label(row), row, run),
                    window=window_seen(row.case),
                    group=group_title(_shared(row, across), row.case),
                    side=_side(place, row, across),
                    key=without(row.case, across).case_id,
                    run=run,
                )
            )
    if not points:
        told = f"no case passes --filter {wanted}" if wanted else "there is no case in these runs"
        raise ConfigError(f"{told}: nothing to report")
    return points


def command_of(point: Point) -> str:
    """What measures this case again as it was measured, and nothing else.

    It names the implementation: what `auto` stands for differs by machine and by version.
    """
    board, row = point.source.leaderboard, point.row
    command = row.case.mode if row.case.mode in ("train", "score") else "profile"
    recorded = ("profile", "tune") if command == "profile" else (command,)
    words = list(board.command_line[2:]) if _verb(board) in recorded else []
    is_chosen, kept = _may_be_autos(row.case), list[str]()
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name == "--axis":
            value = value if equals or not words else words.pop(0)
            kept += [] if is_chosen and value.startswith("implementation=") else ["--axis", value]
        elif name in ONCE:
            if not equals and words:
                words.pop(0)
        elif name not in SWITCHES:
            kept.append(word)
    if not any(word.partition("=")[0] == "--suite" for word in kept):
        kept = ["--suite", board.suite, *kept]
    if not any(word.partition("=")[0] == "--preset" for word in kept):
        kept += ["--preset", board.preset.base]
    if not any(word.partition("=")[0] == "--device" for word in kept):
        kept += ["--device", row.device]
    if is_chosen:
        kept += ["--axis", f"implementation={row.case.implementation}"]
    return shlex.join(["sabench", command, *kept, "--filter", row.case_id])


def _verb(board: Leaderboard) -> str:
    return board.command_line[1] if len(board.command_line) > 1 else ""


def _may_be_autos(case: Case) -> bool:
    """Whether `auto` may have chosen its implementation: of attention, and never a peer's."""
    found = IMPLEMENTATIONS.get(case.implementation)
    if found is None or found.package:
        return False
    layer = layers().get(case.subject)
    return case.kind == "network" or (layer is not None and layer.attention is not None)


def _environment(board: Leaderboard, device: str) -> Environment:
    """Raises: ResultError if the leaderboard does not tell where its rows were measured."""
    if device not in board.environments:
        raise ResultError(f"{board.suite}: no environment is told for {device}; measure it again")
    return board.environments[device]


def _places(sources: Sequence[Source]) -> dict[tuple[str, str], Place]:
    """Every device of every environment, by its name; what else differs where names agree."""
    found: dict[tuple[str, str], tuple[Environment, str]] = {}
    for source in sources:
        for device, environment in source.leaderboard.environments.items():
            found.setdefault((environment.id, device), (environment, device))
    names = {key: environment.device_name for key, (environment, _) in found.items()}
    for extra in (lambda key: key[1], lambda key: f"environment {key[0]}"):
        told = list(names.values())
        names = {
            key: f"{name}, {extra(key)}" if told.count(name) > 1 else name
            for key, name in names.items()
        }
    return {
        key: Place(names[key], device, environment) for key, (environment, device) in found.items()
    }


def _where(source: Source, row: Row) -> tuple[str, str, str]:
    return _environment(source.leaderboard, row.device).id, row.device, row.case_id


def _full(label: str, row: Row, run: str) -> str:
    """With the window, where a table would have a column for it, and what tells it apart."""
    if isinstance(row.case.window, int) and "window=" not in label:
        label += f" window={row.case.window}"
    return f"{label} ({run})" if run else label


def _shared(row: Row, across: Sequence[str]) -> Group:
    """Its group, without what tells the sides apart."""
    return {key: value for key, value in row.group.items() if key not in ("device", *across)}


def _side(place: Place, row: Row, across: Sequence[str]) -> str:
    values: list[tuple[str, Scalar]] = [(key, getattr(row.case, key)) for key in across]
    return ", ".join([place.name, *(f"{key}={show_scalar(value)}" for key, value in values)])


def place_and_dtype(point: Point) -> str:
    """What has ceilings of its own: a place at a precision, a CPU with so many threads."""
    case = point.row.case
    threads = (
        ""
        if point.place.device.startswith("cuda")
        else f", {case.threads} thread{'s' * (case.threads > 1)}"
    )
    return f"{point.place.name}, {case.dtype}{threads}"
