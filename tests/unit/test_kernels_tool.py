"""tools/check_kernels.py: which rows are held against which, and what is said of their ratio."""

import sys
from typing import Any

import pytest

from loading_tools import load_tool
from making_rows import EXACT, NOISY, board_of, figure_of, row_of
from making_runs import environment
from sabench.cases.case import Case
from sabench.records import Flag
from sabench.store.leaderboard import Leaderboard, Row


@pytest.fixture(scope="module")
def tool() -> Any:
    return load_tool("check_kernels")


@pytest.fixture(autouse=True)
def _with_shipped_choices_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path))


def halo(implementation: str, **fields: Any) -> Case:
    told = {
        "kind": "layer", "subject": "halo", "channels": 128, "size": 28, "batch": 1,
        "options": {"block": 7, "border": "zeros"}, "implementation": implementation,
    }  # fmt: skip
    return Case.model_validate(told | fields)


def on_cuda(*rows: Row) -> Leaderboard:
    rows = tuple(row.model_copy(update={"device": "cuda:0"}) for row in rows)
    return board_of(rows, environment().model_copy(update={"device_kind": "cuda"}))


def told(tool: Any, board: Leaderboard) -> list[tuple[str, float, float | None]]:
    """Verdict, ratio and bound of every demand."""
    return [
        (found.verdict, round(found.ratio, 3), found.least and round(found.least, 3))
        for found in tool.judged(board)
    ]


def test_the_fastest_of_ours_is_held_against_the_fastest_peer(tool: Any) -> None:
    board = board_of(
        [
            row_of(halo("sdpa"), 1.0, NOISY),
            row_of(halo("bmm_aug"), 3.0, NOISY),
            row_of(halo("reference"), 0.1, NOISY),
            row_of(halo("timm"), 1.5, NOISY),
            row_of(halo("lucidrains"), 2.0, NOISY),
        ]
    )
    assert told(tool, board) == [("held", 1.5, 1.1)]


@pytest.mark.parametrize(
    ("theirs", "verdict"), [(1.13, "held"), (1.105, "not sure"), (1.05, "NOT HELD")]
)
def test_the_lower_end_of_the_interval_is_what_counts(
    tool: Any, theirs: float, verdict: str
) -> None:
    """Two sides with an error of 0.71 %: the ratio's 95 % is 2.31 times 1.0 %."""
    board = board_of([row_of(halo("sdpa"), 1.0, NOISY), row_of(halo("timm"), theirs, NOISY)])
    assert told(tool, board) == [(verdict, theirs, 1.1)]
    (found,) = tool.judged(board)
    assert found.high / found.ratio == pytest.approx(1 + 2.306 * 2**0.5 * 0.00707, rel=1e-3)


def test_attention_over_a_window_is_held_against_the_plain_one(tool: Any) -> None:
    """The default window is 7; its bound is another than those of the others."""

    def one(subject: str, implementation: str, size: int, **options: Any) -> Row:
        case = halo(implementation, subject=subject, size=size, options=options)
        return row_of(case, 1.0 if implementation == "sdpa" else 2.0, NOISY)

    rows = []
    for subject, size, options in (
        ("self_attention", 28, {"window": 3}),
        ("self_attention", 28, {}),
        ("self_attention", 28, {"window": 13}),
        ("augmented", 14, {}),
        ("augmented", 28, {}),
        ("global_attention", 28, {}),
    ):
        others = ("timm",) if subject == "global_attention" else ("reference",)
        rows += [one(subject, name, size, **options) for name in ("sdpa", *others)]
    assert told(tool, board_of(rows)) == [
        ("held", 2.0, 1.5),
        ("NOT HELD", 2.0, 3.0),
        ("held", 2.0, 1.05),
        ("held", 2.0, 1.4),
        ("held", 2.0, 0.95),
    ]


def test_memory_is_that_of_the_fastest_of_ours(tool: Any) -> None:
    def one(implementation: str, seconds: float, memory: float) -> Row:
        row = row_of(halo(implementation, size=56), seconds, NOISY)
        growth = {"peak_rss_growth": figure_of("peak_rss_growth", [memory])}
        return row.model_copy(update={"figures": row.figures | growth})

    board = board_of([one("sdpa", 1.0, 2e6), one("chunked", 1.5, 1e6), one("timm", 2.0, 3e6)])
    assert ("NOT HELD", 1.5, 1.667) in told(tool, board)


def test_a_demand_without_a_case_is_told_and_is_no_pass_where_its_device_was_asked_for(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board = board_of([row_of(halo("sdpa"), 1.0, NOISY), row_of(halo("timm"), 1.5, NOISY)])
    monkeypatch.setattr(tool, "read_leaderboard", lambda _path: board)
    monkeypatch.setattr(sys, "argv", ["check_kernels.py", "board.json"])
    assert tool.main() == 0
    everything = capsys.readouterr().out
    assert "no case  cuda, 3.000 of timm [eager] in time: subject=halo|self_attention" in everything
    assert f"1 held; {len(tool.DEMANDS) - 1} demands have no case" in everything
    monkeypatch.setattr(sys, "argv", ["check_kernels.py", "board.json", "--device", "cpu"])
    assert tool.main() == 4
    assert "no case  cuda" not in capsys.readouterr().out


def test_other_precisions_and_widths_have_bounds_of_their_own(tool: Any) -> None:
    rows = []
    for fields in ({"dtype": "bf16"}, {"channels": 256}, {"size": 14}):
        rows += [
            row_of(halo("sdpa", **fields), 1.0, NOISY),
            row_of(halo("timm", **fields), 2.0, NOISY),
        ]
    assert told(tool, board_of(rows)) == [("held", 2.0, 1.4), ("held", 2.0, 0.97)]


def test_on_a_gpu_the_floor_the_compiled_peer_and_memory_count(tool: Any) -> None:
    fields = {"dtype": "bf16", "batch": 64}
    ours = row_of(halo("triton", **fields), 1.0, NOISY, metric="latency_warm")
    floor = {"floor_bytes": figure_of("floor_bytes", [0.4])}
    memory = {"peak_allocated": figure_of("peak_allocated", [1e6])}
    ours = ours.model_copy(update={"figures": ours.figures | floor | memory})
    eager = row_of(halo("timm", layout="channels_last", **fields), 2.5, NOISY)
    memory = {"peak_allocated": figure_of("peak_allocated", [4e6])}
    eager = eager.model_copy(update={"figures": eager.figures | memory})
    compiled = row_of(halo("timm", runtime="compiled", **fields), 1.6, NOISY)
    flex = row_of(halo("flex", **fields), 1.1, NOISY)
    assert told(tool, on_cuda(ours, eager, compiled, flex)) == [
        ("NOT HELD", 0.4, 0.5),
        ("NOT HELD", 2.5, 3.0),
        ("held", 1.6, 1.5),
        ("NOT HELD", 1.1, 1.2),
        ("held", 4.0, 3.333),
    ]


def bound(row: Row, graph: float | None) -> Row:
    """As the host was too slow for it: with its time in a graph, or with none."""
    time = row.figures["latency_warm"].model_copy(update={"flags": (Flag.HOST_BOUND,)})
    figures = row.figures | {"latency_warm": time}
    if graph is not None:
        figures["latency_graph"] = figure_of("latency_graph", [graph * one for one in NOISY])
    return row.model_copy(update={"figures": figures})


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((1.0,), (4.0,), ("held", 4.0)),
        ((1.0,), (4.0, 2.0), ("NOT HELD", 2.0)),  # their device takes half of what was read
        ((1.0,), (4.0, None), ("not sure", 4.0)),
        ((1.0,), (2.0, None), ("NOT HELD", 2.0)),  # less than that, if anything
        ((1.0, 0.5), (2.0,), ("held", 4.0)),
        ((1.0, None), (4.0,), ("held", 4.0)),  # more than that, if anything
        ((1.0, None), (2.0,), ("not sure", 2.0)),
        ((1.0, 0.5), (4.0, 1.0), ("NOT HELD", 2.0)),
        ((1.0, None), (2.0, None), ("not sure", 2.0)),
    ],
)
def test_a_host_bound_time_gives_way_to_that_in_a_graph_and_decides_nothing_without(
    tool: Any, ours: tuple[Any, ...], theirs: tuple[Any, ...], expected: tuple[str, float]
) -> None:
    fields = {"dtype": "bf16", "batch": 64}
    rows = []
    for name, told_s in (("triton", ours), ("timm", theirs)):
        row = row_of(halo(name, **fields), told_s[0], NOISY)
        rows.append(bound(row, told_s[1]) if len(told_s) > 1 else row)
    assert told(tool, on_cuda(*rows)) == [(*expected, 3.0)]
    (found,) = tool.judged(on_cuda(*rows))
    for one, words in zip((ours, theirs), found.what.split(" against "), strict=True):
        assert ("[in a graph]" in words) is (len(one) > 1 and one[1] is not None)
        assert ("[host-bound, no graph]" in words) is (one[1:] == (None,))


def test_a_rival_whose_host_was_too_slow_may_be_the_fastest_of_them(tool: Any) -> None:
    """FlexAttention, eager and compiled: nobody knows how fast the eager one is on the device."""
    fields = {"dtype": "bf16", "batch": 64, "options": {"block": 7}}
    compiled = row_of(halo("flex", runtime="compiled", **fields), 4.0, NOISY)
    for eager, expected in ((5.0, "held"), (None, "not sure")):
        rival = row_of(halo("flex", **fields), 5.0, NOISY)
        rival = rival if eager else bound(rival, None)
        rows = on_cuda(row_of(halo("triton", **fields), 1.0, NOISY), rival, compiled)
        (verdict,) = [one for one in told(tool, rows) if one[2] == 1.2]
        assert verdict[0] == expected


def test_the_floor_of_a_host_bound_call_may_be_nearer_than_it_was_read(tool: Any) -> None:
    floor = {"floor_bytes": figure_of("floor_bytes", [0.4])}
    row = row_of(halo("triton", dtype="bf16", batch=64), 1.0, NOISY)
    row = row.model_copy(update={"figures": row.figures | floor})
    assert told(tool, on_cuda(bound(row, None))) == [("not sure", 0.4, 0.5)]
    assert told(tool, on_cuda(bound(row, 0.5))) == [("held", 0.8, 0.5)]


def test_auto_is_within_a_twentieth_or_not_told_apart(tool: Any) -> None:
    """Shipped for halo attention in fp32, forward, on a CPU: sdpa."""
    apart = [row_of(halo("sdpa"), 1.1, EXACT), row_of(halo("blocked"), 1.0, EXACT)]
    near = [row_of(halo("sdpa"), 1.04, EXACT), row_of(halo("blocked"), 1.0, EXACT)]
    level = [row_of(halo("sdpa"), 1.02, NOISY), row_of(halo("blocked"), 1.0, NOISY)]
    assert told(tool, board_of(apart)) == [("NOT HELD", 0.909, 0.952)]
    assert told(tool, board_of(near)) == [("held", 0.962, 0.952)]
    assert told(tool, board_of(level)) == [("told", 0.98, None)]
    assert told(tool, board_of([row_of(halo("sdpa"), 1.0), row_of(halo("blocked"), 2.0)])) == []


def test_training_steps_are_told_beside_resnet50s(tool: Any) -> None:
    def step(subject: str, **options: Any) -> Case:
        return Case(
            kind="network", subject=subject, resolution=224, batch=128, mode="step", options=options
        )

    rows = [
        row_of(step("resnet50"), 1.0),
        row_of(step("resnet50", mix="self_attention"), 4.0),
        row_of(step("halonet50"), 2.0),
    ]
    assert told(tool, on_cuda(*rows)) == [("told", 0.25, None), ("told", 0.5, None)]


@pytest.mark.parametrize(("theirs", "code"), [(1.5, 0), (1.0, 1), (1.105, 4), (None, 77)])
def test_the_exit_code_says_how_it_ended(
    tool: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    theirs: float | None,
    code: int,
) -> None:
    rows = [row_of(halo("sdpa"), 1.0, NOISY)]
    if theirs is not None:
        rows.append(row_of(halo("timm"), theirs, NOISY))
    monkeypatch.setattr(tool, "read_leaderboard", lambda _path: board_of(rows))
    monkeypatch.setattr(sys, "argv", ["check_kernels.py", "board.json"])
    assert tool.main() == code
    assert capsys.readouterr().out
