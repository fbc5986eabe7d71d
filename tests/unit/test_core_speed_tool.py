"""tools/core_speed.py: calls by their time, and the worse of the two readings beside each."""

from loading_tools import load_tool


def test_calls_and_the_worse_reading_beside_each_are_told_by_kind() -> None:
    """Sixteen fast calls between readings of 1.0, then four slow ones between those of 2.0.

    The first slow one has the last 1.0 on one side and counts by the other: 4 of 4 are above any
    limit. Of the fast ones none is.
    """
    tool = load_tool("core_speed")
    calls = [1.0] * 16 + [2.0] * 4
    readings = [1.0] * 17 + [2.0] * 4
    lines = tool.lines_of(calls, readings)
    assert lines[0].startswith("best reading 1.000")
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "calls up to 1.1 of a fast call (1000.00 ms) 80.0% of them; "
        "3, 10, 50, 90, 97 %: 1.00 1.00 1.00 1.00 1.00",
        "calls between 0.0% of them; 3, 10, 50, 90, 97 %:",
        "calls above 1.6 20.0% of them; 3, 10, 50, 90, 97 %: 2.00 2.00 2.00 2.00 2.00",
    ]
    assert [line.split()[1] for line in lines[4:]] == [str(limit) for limit in tool.LIMITS]
    for line in lines[4:]:
        assert "0.0% of those up to 1.1" in line
        assert "100.0% of those above 1.6; median kept 1.000" in line
