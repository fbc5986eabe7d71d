"""What `sabench count --check` tells: the closed form, and beside it only what was counted."""

import pytest

from sabench.cases.point import single_case
from sabench.records import Reading
from sabench.report.counts import count_json, count_lines

MACS = 9 * 8 * 8 * 10 * 10  # a 3 x 3 convolution of 8 channels on 10 x 10
PARAMS = 9 * 8 * 8


def told(params: int = PARAMS, macs: int = MACS) -> dict:
    readings = {
        "params": Reading.of("1", [params]),
        "params_trainable": Reading.of("1", [params]),
        "macs": Reading.of("MAC", [MACS]),
        "macs_executed": Reading.of("MAC", [MACS]),
        "flops": Reading.of("FLOP", [2 * MACS]),
        "macs_flop_counter": Reading.of("MAC", [macs], details={"uncounted_ops": {}}),
        "macs_fvcore": Reading.absent("MAC", "needs a module with data"),
        "macs_ptflops": Reading.of("MAC", [7], details={"uncounted_ops": {"aten.add": 3}}),
    }
    return count_json(single_case("conv", {"channels": 8, "size": 10}), readings)


def test_only_what_was_counted_stands_as_counted():
    assert told()["counted"] == {
        "params": {"value": 576},
        "params_trainable": {"value": 576},
        "macs_flop_counter": {"value": 57600, "uncounted_ops": {}},
        "macs_fvcore": {"reason": "needs a module with data"},
        "macs_ptflops": {"value": 7, "uncounted_ops": {"aten.add": 3}},
    }


def test_the_text_says_the_same():
    lines = count_lines(told())
    counted = lines[lines.index("counted on the built module:") + 1 :]
    assert [line.split() for line in counted[:-1]] == [
        ["params", "576"],
        ["params_trainable", "576"],
        ["macs_flop_counter", "57,600"],
        ["macs_fvcore", "needs", "a", "module", "with", "data"],
        ["macs_ptflops", "7", "not", "counted:", "aten.add", "x3"],
    ]
    assert counted[-1] == "closed form and count agree"


@pytest.mark.parametrize("wrong", [{"params": PARAMS + 1}, {"macs": MACS - 1}])
def test_a_count_that_is_off_by_one_disagrees(wrong):
    result = told(**wrong)
    assert result["agrees"] is False
    assert count_lines(result)[-1] == "THEY DISAGREE"
