"""What a peer's layer is not: refused before anything is built, with the option at fault."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sabench.cases.point import single_case
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.catalog.layers.halo import HALO, HaloOptions
from sabench.catalog.rows import Problem
from sabench.errors import ConfigError
from sabench.layers.build import build_layer

MAP = {"into": 16, "side": 8, "stride": 1}
RIGHT = {
    "timm": {"block": 4, "halo": 1, "border": "zeros"},
    "lucidrains": {"block": 4, "halo": 1},
}


def problem(peer: str, layer: str = "halo", **more: object) -> Problem | None:
    """Of 16 channels in and out on a map of 8 x 8, unless told otherwise."""
    into, side, stride = (int(str(more.pop(key, usual))) for key, usual in MAP.items())
    row = layers()[layer]
    values = (RIGHT[peer] if layer == "halo" else {}) | more
    options = row.options.model_validate({"heads": 4} | values)
    return IMPLEMENTATIONS[peer].problem(row, options, into, 16, (side, side), stride)


@pytest.mark.parametrize("peer", RIGHT)
def test_what_it_computes_is_not_refused(peer: str) -> None:
    assert problem(peer) is None


@pytest.mark.parametrize(
    ("peer", "asked", "key"),
    [
        ("timm", {"border": "mask"}, "border"),
        ("timm", {"position": "none"}, "position"),
        ("timm", {"stride": 2}, "stride"),
        ("timm", {"side": 10}, "block"),
        ("timm", {"layer": "global_attention", "position": "free"}, "position"),
        ("timm", {"layer": "global_attention", "side": 7, "stride": 2}, "stride"),
        ("timm", {"layer": "self_attention"}, "implementation"),
        ("lucidrains", {"border": "zeros"}, "border"),
        ("lucidrains", {"position": "absolute"}, "position"),
        ("lucidrains", {"halo": 0}, "halo"),
        ("lucidrains", {"rqk": 2}, "rqk"),
        ("lucidrains", {"into": 8}, "channels"),
        ("lucidrains", {"stride": 2}, "stride"),
        ("lucidrains", {"side": 6}, "block"),
        ("lucidrains", {"layer": "global_attention"}, "implementation"),
    ],
)
def test_what_it_does_not_is(peer: str, asked: dict[str, object], key: str) -> None:
    found = problem(peer, **asked)  # type: ignore[arg-type]
    assert found is not None
    assert found.key == key
    assert found.text.startswith(f"implementation={peer}: ")


def test_both_borders_are_one_where_no_key_lies_outside() -> None:
    assert problem("timm", halo=0, border="mask") is None


def test_a_layer_of_ones_own_with_the_same_options_is_another_function() -> None:
    own = replace(HALO, name="my_halo", target="mine:Other")
    found = IMPLEMENTATIONS["timm"].problem(own, HaloOptions(border="zeros"), 16, 16, (8, 8), 1)
    assert found == Problem(
        "implementation", "implementation=timm: there is no such layer as my_halo"
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"package": "no_such_package"}, "needs no_such_package, which is not here: .*peers"),
        ({"package": "json", "target": "faking_peer:adapt"}, "implementation=timm does not load"),
    ],
)
def test_a_peer_that_is_not_here_or_does_not_load_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    (tmp_path / "faking_peer.py").write_text("raise RuntimeError('operator is not there')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=told):
        replace(IMPLEMENTATIONS["timm"], **changed).load()


def test_a_layer_that_a_peer_refuses_is_not_built() -> None:
    with pytest.raises(ConfigError, match=r"implementation=timm: .*border=mask"):
        build_layer(HALO, HaloOptions(block=4, heads=4), 16, 16, size=(8, 8), implementation="timm")


def test_a_network_is_refused_for_the_first_layer_that_a_peer_has_not() -> None:
    words = {"mix": "halo", "implementation": "timm", "resolution": 64}
    with pytest.raises(ConfigError, match=r"implementation=timm: .*border=mask"):
        single_case("resnet26", words)
