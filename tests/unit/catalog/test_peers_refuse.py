"""What a peer's layer is not: refused before anything is built, with the option at fault."""

import pytest

from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.catalog.rows import Problem

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
