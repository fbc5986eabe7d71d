"""Suites sweep the options of the layers as they sweep any other."""

from sabench.cases.expand import expand
from sabench.cases.parse import parse_suite


def test_the_papers_variants_are_swept_and_what_leaves_no_logits_is_dropped():
    text = """
name: x
axes: {channels: 64, size: 14}
layers:
  - {layer: self_attention, position: [relative, absolute, none], content: [true, false]}
  - {layer: augmented, position: [sine, coordconv], max_map: [0, 7], min_head_values: 1}
  - {layer: halo, position: [absolute, none], rqk: 0.5}
  - {layer: attention_stem, mixtures: 1, values: [mixture, conv]}
"""
    found = expand(parse_suite(text.encode(), "x.yaml"))
    said = [case.case_id.split("/")[1].removeprefix("channels=64,size=14") for case in found.cases]
    assert said == [
        *("", ",content=false", ",position=absolute", ",position=none"),
        ",position=sine,min_head_values=1",
        ",position=sine,max_map=7,min_head_values=1",
        ",position=coordconv,min_head_values=1",
        ",position=coordconv,max_map=7,min_head_values=1",
        *(",rqk=0.5,position=absolute", ",rqk=0.5,position=none"),
        *(",mixtures=1", ",mixtures=1,values=conv"),
    ]
    assert [one.reason for one in found.dropped] == [
        f"content=false with position={position} leaves no logits: it needs position=relative"
        for position in ("absolute", "none")
    ]
