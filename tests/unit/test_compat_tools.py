"""The verdicts of tools/compat: each can fail, and says when it could not be reached."""

import importlib.util
import json
import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

TOOLS = Path(__file__).parent.parent.parent / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch):
    """Loads a script by its name, as it is run: with its own folder to import from."""
    for folder in (TOOLS, TOOLS / "compat"):
        monkeypatch.syspath_prepend(str(folder))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"_{name}", TOOLS / "compat" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


def window(counter: float, integrated: float | None) -> dict[str, float | None]:
    return {"seconds": 5.0, "counter_j": counter, "integrated_j": integrated}


@pytest.mark.parametrize(
    ("windows", "code"),
    [
        ([window(100, 104.9), window(100, 95.1)], 0),
        ([window(100, 100), window(100, 105.1)], 1),
        ([window(100, None)], 77),
    ],
)
def test_joules_agree_in_every_window_or_it_fails(tool, capsys, windows, code):
    details = {"windows": windows, "integrated_reason": "no power is told"}
    assert tool("joules").judge({"statistics": {"n": 1}, "details": details}) == code
    assert ("pass", "FAIL", "skipped")[min(code, 2)] in capsys.readouterr().out


def test_joules_that_were_not_read_are_skipped_with_the_reason(tool, capsys):
    assert tool("joules").judge({"reason": "no counter"}) == 77
    assert capsys.readouterr().out == "skipped: no energy: no counter\n"


@pytest.mark.parametrize(("ours", "code"), [(203e-6, 0), (205e-6, 1), (195e-6, 1)])
def test_cold_medians_lie_within_two_percent_or_it_fails(tool, ours, code):
    assert tool("cold_product").compare([ours], [200e-6], "theirs") == code


def test_a_short_kernel_is_compared_with_nobody(tool):
    assert tool("cold_product").compare([50e-6], [99e-6], "theirs") == 77


def test_nvbenchs_samples_are_read_from_beside_its_json(tool, tmp_path):
    (tmp_path / "samples.bin").write_bytes(struct.pack("<3f", 1.0, 2.0, 4.0))
    data = [
        {"name": "filename", "type": "string", "value": "samples.bin"},
        {"name": "size", "type": "int64", "value": "3"},
    ]
    nvbench = tool("nvbench")
    summaries = [{"tag": nvbench.SAMPLE_TIMES, "data": data}, {"tag": "nv/other", "data": []}]
    file = tmp_path / "nvbench.json"
    file.write_text(json.dumps({"benchmarks": [{"states": [{"summaries": summaries}]}]}))
    assert nvbench.cold_samples(file) == [1.0, 2.0, 4.0]


def sides(module, *cases):
    return {
        name: module.Side(medians_s=list(medians), measuring_s=[seconds])
        for name, medians, seconds in cases
    }


TEN = (0.9, 1.0, 1.1)


@pytest.mark.parametrize(
    ("ours", "good"),
    [
        ((("a", TEN, 1.0), ("b", TEN, 1.0)), True),
        ((("a", tuple(1.029 * x for x in TEN), 1), ("b", tuple(x / 1.029 for x in TEN), 1)), True),
        ((("a", tuple(1.04 * x for x in TEN), 1), ("b", tuple(x / 1.04 for x in TEN), 1)), False),
        ((("a", tuple(1.02 * x for x in TEN), 1), ("b", tuple(1.02 * x for x in TEN), 1)), False),
        ((("a", (0.8, 1.0, 1.2), 1.0), ("b", (0.8, 1.0, 1.2), 1.0)), False),
        ((("a", TEN, 1.0), ("b", TEN, 1.1)), False),
    ],
    ids=["equal", "within", "one apart", "all apart", "more spread", "more time"],
)
def test_medians_spread_and_time_are_each_demanded(tool, ours, good):
    module = tool("torch_benchmark")
    theirs = sides(module, ("a", TEN, 1.0), ("b", TEN, 1.0))
    assert module.judge(sides(module, *ours), theirs) is good


@pytest.mark.parametrize(
    ("shared", "medians", "all_own"),
    [((), [1.0, 2.0, 3.0], True), ((1,), [1.0, 3.0], False), ((0, 1, 2), [1.0, 2.0, 3.0], False)],
)
def test_turns_that_shared_their_core_count_only_where_there_are_no_others(
    tool, shared, medians, all_own
):
    module = tool("torch_benchmark")
    ours, theirs = module.Side(), module.Side()
    for at, median_s in enumerate((1.0, 2.0, 3.0)):
        for side in (ours, theirs):
            side.add(median_s, 1.0, *["shared"] * (at in shared))
    assert module.kept(ours, theirs, "conv") is all_own
    assert ours.medians_s == theirs.medians_s == medians


def test_a_call_listens_now_and_then_and_keeps_what_it_heard(tool, monkeypatch):
    module = tool("torch_benchmark")
    now_ns, heard, told = [0], iter([1.0, 2.0, 1.0]), []

    def four_milliseconds() -> None:
        now_ns[0] += 4_000_000

    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: now_ns[0])
    speed = SimpleNamespace(read=lambda: next(heard), is_slow=lambda ratio: ratio > 1.25)
    call = module.Listening(four_milliseconds, speed)
    for _ in range(9):
        call()
        told.append(call.is_shared)
    assert told == [False] * 5 + [True] * 4  # read after 12, 24 and 36 ms
    assert next(heard, None) is None


@pytest.mark.parametrize(("theirs", "good"), [(0.98, True), (1.5, True), (0.96, False)])
def test_ours_may_be_slower_than_natten_by_three_percent_at_most(tool, capsys, theirs, good):
    assert tool("natten_attention").told("forward", [1.0] * 9, [theirs] * 9) is good
    assert capsys.readouterr().out.rstrip().endswith("pass" if good else "FAIL")


def test_natten_must_give_the_same_within_the_border(tool, monkeypatch, capsys):
    """A stand-in of theirs: our own function, which is right, and twice it, which is not."""
    natten = tool("natten_attention")
    monkeypatch.setattr(natten, "paired", lambda *_: ([1.0] * 9, [2.0] * 9))
    made = natten.maps("cpu", 1, 16, 9)
    ours, _ = natten.calls(None, made)
    assert natten.stage_holds(lambda *_, **__: ours(), made, 9)
    assert not natten.stage_holds(lambda *_, **__: 2 * ours(), made, 9)
    assert "16 channels, 9 px: they differ by 5.0e-01 of their size" in capsys.readouterr().out
