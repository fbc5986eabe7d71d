"""Every mistake in a suite file is one line that starts with file:line:column, and runs nothing.

The places were counted by hand in the text that stands beside them: lines and columns from 1.
"""

import sys
from pathlib import Path

import pytest

from sabench.cases.expand import expand
from sabench.cases.suite import load_suite
from sabench.errors import ExitCode, SuiteError

HEAD = "name: x\nlayers:\n  - layer: conv\n"  # lines 1 to 3; an entry's keys go to line 4, column 5
NETWORK = "name: x\nnetworks:\n  - network: resnet26\n"

BOMB = (
    "name: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    "title: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
    "match: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
    "axes: [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
)
# Values, lists included: a 10, b 1 + 9 x 10 = 91, c 1 + 9 x 91 = 820. With the mapping and the
# last list 923 stand before the first *c, and 923 + 5 x 820 > 5000: the fifth is refused.
# "axes: [" has 7 characters and "*c, " has 4, so it stands at column 24.

MISTAKES = {
    "an unknown key": ("nmae: x\n", "1:1", "unknown key 'nmae', allowed: name, title,"),
    "the nearest name of an unknown key": ("nmae: x\n", "1:1", "nearest: name"),
    "an unknown axis": ("name: x\naxes:\n  chanels: 64\n", "3:3", "nearest: channels"),
    "an unknown option": (HEAD + "    widow: 3\n", "4:5", "nearest: window"),
    "a wrong type": (HEAD + "    window: nine\n", "4:13", "'nine' is not a whole number"),
    "a wrong type in a list": (HEAD + "    window: [3, nine]\n", "4:17", "not a whole number"),
    "a fraction for a whole number": (HEAD + "    window: 3.0\n", "4:13", "not a whole number"),
    "a number for a switch": (HEAD + "    depthwise: 1\n", "4:16", "1 is not true or false"),
    "text for a share": (
        "name: x\nlayers:\n  - layer: augmented\n    kappa: much\n",
        "4:12",
        "'much' is not a number",
    ),
    "a share past one": (
        "name: x\nlayers:\n  - layer: augmented\n    kappa: 1.5\n",
        "4:12",
        "1.5 is not allowed, at most 1",
    ),
    "a duplicate key": ("name: x\nname: y\n", "2:1", "duplicate key 'name'"),
    "a duplicate option": (HEAD + "    window: 3\n    window: 5\n", "5:5", "duplicate key"),
    "an unknown layer": (
        "name: x\nlayers:\n  - layer: hallo\n",
        "3:12",
        "unknown layer 'hallo', allowed: conv,",
    ),
    "the nearest layer": ("name: x\nlayers:\n  - layer: hallo\n", "3:12", "nearest: halo"),
    "an unknown network": (
        "name: x\nnetworks:\n  - network: resnet51\n",
        "3:14",
        "nearest: resnet50",
    ),
    "an unknown layer in a mix": (NETWORK + "    mix: conv,cnov\n", "4:10", "nearest: conv"),
    "an unknown option of a slot": (
        NETWORK + "    self_attention.widow: 3\n",
        "4:5",
        "nearest: window",
    ),
    "an option of an unknown slot": (NETWORK + "    sefl_attention.window: 3\n", "4:5", "nearest"),
    "a slot's wrong value": (NETWORK + "    self_attention.window: 0\n", "4:28", "window"),
    "an unknown metric": (
        HEAD + "metrics: [params, latncy_warm]\n",
        "4:19",
        "nearest: latency",
    ),
    "an unknown metric to rank by": (
        HEAD + "rank_by: latncy_warm\n",
        "4:10",
        "nearest: latency",
    ),
    "a rank that is not measured": (
        HEAD + "metrics: [latency_warm]\nrank_by: macs\n",
        "5:10",
        "rank_by: macs is not among the metrics: latency_warm",
    ),
    "a default rank that is not measured": (
        HEAD + "metrics: [params]\n",
        "4:10",
        "rank_by: latency_warm is not among the metrics: params",
    ),
    "a device that is none": (
        "name: x\naxes:\n  device: [cpu, gpu]\n" + HEAD[8:],
        "3:17",
        "'gpu' is no device, allowed: auto, cpu, cuda, cuda:N, all",
    ),
    "a device without its number": (
        "name: x\naxes:\n  device: 'cuda:'\n" + HEAD[8:],
        "3:11",
        "'cuda:' is no device",
    ),
    "all devices and one more": (
        "name: x\naxes:\n  device: [cpu, all]\n" + HEAD[8:],
        "3:17",
        "all stands alone",
    ),
    "a device of one entry": (HEAD + "    device: cpu\n", "4:5", "in axes, or as --device"),
    "an unknown grouping": (HEAD + "group_by: [sise]\n", "4:12", "nearest: size"),
    "an unknown mode": (HEAD + "    mode: backward\n", "4:11", "allowed: forward,"),
    "an unknown dtype": (HEAD + "    dtype: fp8\n", "4:12", "allowed: fp32, tf32, bf16, fp16"),
    "an unknown implementation": (HEAD + "    implementation: fast\n", "4:21", "allowed: auto,"),
    "an unknown border": (
        "name: x\nlayers:\n  - layer: halo\n    border: masks\n",
        "4:13",
        "allowed: mask, zeros; nearest: mask",
    ),
    "an unknown paper": (
        NETWORK + "published: sassa\n",
        "4:12",
        "unknown paper 'sassa', allowed: sasa, aacn, halonet; nearest: sasa",
    ),
    "two papers": (NETWORK + "published: [sasa, aacn]\n", "4:12", "published is one value"),
    "a paper without networks": (
        HEAD + "published: sasa\n",
        "4:1",
        "published reaches nothing: the suite has no networks",
    ),
    "an unknown match": (HEAD + "match: receptive_filed\n", "4:8", "nearest: receptive_field"),
    "an empty axis": ("name: x\naxes:\n  size: []\n" + HEAD[8:], "3:9", "size is an empty list"),
    "an axis without a value": ("name: x\naxes:\n  size:\n" + HEAD[8:], "3:8", "size is empty"),
    "a list in a list": (HEAD + "    window: [[3]]\n", "4:14", "one value or a list of values"),
    "a mapping for a value": (HEAD + "    window: {from: 3}\n", "4:13", "not a mapping"),
    "two names": ("name: [x, z]\n" + HEAD[8:], "1:7", "name is one value, not a list"),
    "an unclosed list": ("name: x\nlayers: [a\n", "3:1", "bad YAML: expected ',' or ']'"),
    "a tab for indentation": ("name: x\nlayers:\n\t- layer: conv\n", "3:1", "bad YAML"),
    "a wrong indentation": ("name: x\n  title: y\n", "2:8", "bad YAML: mapping values"),
    "an escape beyond Unicode": (HEAD + '    window: "\\UFFFFFFFF"\n', "4:5", "bad YAML"),
    "a negative window": (HEAD + "    window: -3\n", "4:13", "-3 is not allowed, at least 1"),
    "a batch of zero": (HEAD + "    batch: 0\n", "4:12", "0 is not allowed, 1 to"),
    "a Python tag": ("name: !!python/object/apply:os.system [ls]\n", "1:7", "tags are not allowed"),
    "a Python tag on a key": ("!!python/name:os.system name: x\n", "1:1", "tags are not allowed"),
    "a harmless tag": ("name: !!str x\n", "1:7", "tags are not allowed"),
    "a huge integer": (HEAD + "    size: " + "9" * 5000 + "\n", "4:11", "integer of 5000 digits"),
    "a huge decimal": (HEAD + "    size: " + "9" * 400 + ".0\n", "4:11", "is too large"),
    "an integer beyond the axis": (HEAD + "    size: 1000000\n", "4:11", "1 to 100000"),
    "an alias bomb": (BOMB, "4:24", "more than 5000 values"),
    "an alias of nothing": ("name: *x\n", "1:7", "alias *x has no anchor"),
    "an alias of itself": ("name: &x [*x]\n", "1:11", "alias *x has no anchor"),
    "nesting without end": ("[" * 3000, "1:18", "nested deeper than 16 levels"),
    "a list at the top": ("- name: x\n", "1:1", "a suite is a mapping of keys to values"),
    "a word at the top": ("conv\n", "1:1", "not 'conv'"),
    "an empty file": ("", "1:1", "the file is empty"),
    "only a comment": ("# nothing\n", "1:1", "the file is empty"),
    "a second document": (HEAD + "---\nname: y\n", "4:1", "a second document"),
    "a key that is a list": ("? [a]\n: 3\n", "1:3", "a key is one word"),
    "a merge key": (HEAD + "    <<: {window: 3}\n", "4:5", "unknown key of conv '<<'"),
    "no name": ("layers:\n  - layer: conv\n", "1:1", "a suite needs a name"),
    "a name with a slash": ("name: ../x\n" + HEAD[8:], "1:7", "is no name"),
    "a number for a name": ("name: 7\n" + HEAD[8:], "1:7", "7 is no name"),
    "nothing to measure": ("name: x\n", "1:1", "a suite needs layers or networks"),
    "no entries": ("name: x\nlayers: []\n", "2:9", "layers is an empty list"),
    "an entry that is a word": ("name: x\nlayers:\n  - conv\n", "3:5", "a mapping of keys"),
    "an entry without its layer": ("name: x\nlayers:\n  - window: 3\n", "3:5", "layer: NAME"),
    "yaml's no": ("name: no\n" + HEAD[8:], "1:7", "'no' is a truth value to some"),
    "yaml's octal": (HEAD + "    size: 012\n", "4:11", "'012' is a number to some"),
    "yaml's exponent": (HEAD + "    size: 1e3\n", "4:11", "'1e3' is a number to some"),
    "yaml's underscores": (HEAD + "    size: 1_000\n", "4:11", "'1_000' is a number to some"),
    "yaml's sixty": (HEAD + "    size: 1:30\n", "4:11", "'1:30' is a number to some"),
    "yaml's date": ("name: x\ntitle: 2019-06-13\n" + HEAD[8:], "2:8", "is a number to some"),
    "yaml's infinity": (HEAD + "    size: .inf\n", "4:11", "is a number to some"),
    "a truth value for a size": (HEAD + "    size: true\n", "4:11", "true is not a whole number"),
    "a title with an escape": ('name: x\ntitle: "\\e[31m"\n' + HEAD[8:], "2:8", "not printable"),
    "a title of two lines": ('name: x\ntitle: "a\\nb"\n' + HEAD[8:], "2:8", "not printable"),
    "a control character": ("name: x\x07\n", "1:8", "character U+0007"),
    "a shared window some layer lacks": (
        "name: x\naxes:\n  window: 5\nlayers:\n  - layer: conv\n  - layer: halo\n",
        "3:11",
        "halo has no such option",
    ),
    "an axis that reaches nothing": (
        "name: x\naxes:\n  resolution: 224\n" + HEAD[8:],
        "3:3",
        "the suite has no networks",
    ),
    "memory in words": (HEAD + "max_bytes: much\n", "4:12", "'much' is no number of bytes"),
    "heads that do not divide": (
        "name: x\nlayers:\n  - layer: halo\n    heads: [8, 3]\n",
        "4:16",
        "no case is possible with heads=3: heads=3 does not divide channels=64",
    ),
    "channels that default heads do not divide": (
        "name: x\naxes:\n  size: 14\n  channels: [64, 60]\nlayers:\n  - layer: halo\n",
        "4:18",
        "no case is possible with channels=60: heads=8 does not divide channels=60",
    ),
    "heads that divide in no slot": (
        NETWORK + "    mix: self_attention\n    self_attention.heads: 5\n",
        "5:27",
        "no case is possible with self_attention.heads=5",
    ),
    "a window that no layer can have": (
        "name: x\nmatch: receptive_field\naxes:\n  window: [3, 4]\nlayers:\n  - layer: conv\n",
        "4:15",
        "no case is possible with window=4",
    ),
    "types that exclude each other": (
        HEAD + "    autocast: bf16\n    dtype: fp16\n",
        "4:15",
        "no case is possible with autocast=bf16",
    ),
    "more combinations than anyone can measure": (
        HEAD + f"    size: {list(range(1, 201))}\n    channels: {list(range(8, 408, 4))}\n",
        "3:12",
        "more than 10000 combinations",
    ),
}


def mistake_in(source: str | Path) -> str:
    """The one line that reading and expanding the suite ends in."""
    with pytest.raises(SuiteError) as caught:
        expand(load_suite(source))
    return str(caught.value)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_at_its_place(mistake, tmp_path):
    text, place, said = MISTAKES[mistake]
    file = tmp_path / "bad.yaml"
    file.write_bytes(text.encode())
    line = mistake_in(file)
    assert line.startswith(f"{file}:{place}: ")
    assert said in line
    assert len(line.splitlines()) == 1


def test_a_suite_error_is_a_usage_error():
    assert SuiteError.exit_code == ExitCode.USAGE == 2


def test_bytes_that_are_no_utf_8_are_found_at_their_place(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_bytes(b"name: x\ntitle: caf\xe9\n")
    assert mistake_in(file) == f"{file}:2:11: the file is not UTF-8"


def test_a_file_beyond_any_suite_is_refused(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_bytes(b"#" * (256 * 1024 + 1))
    assert mistake_in(file) == f"{file}:1:1: the file has 262145 bytes, at most 262144"


def test_a_missing_file_is_one_line(tmp_path):
    file = tmp_path / "nowhere.yaml"
    assert mistake_in(file) == f"suite {str(file)!r}: there is no such file"


@pytest.mark.parametrize("text", ["./suites", "suites", "suites/", "."])
def test_a_directory_is_told_as_one(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("suites").mkdir()
    assert mistake_in(text) == f"suite {text!r} is a directory, not a suite file"


def test_a_name_that_is_no_suite_gets_the_names_there_are():
    line = mistake_in("quikc")
    assert line.startswith("suite 'quikc' is not known, allowed: ")
    assert line.endswith("nearest: quick")


def test_a_path_with_a_line_break_stays_on_one_line(tmp_path):
    assert len(mistake_in(f"{tmp_path}/a\nb.yaml").splitlines()) == 1


def test_a_python_tag_runs_nothing(tmp_path):
    proof, file = tmp_path / "ran", tmp_path / "bad.yaml"
    file.write_text(f'name: !!python/object/apply:os.system ["touch {proof}"]\n')
    mistake_in(file)
    assert not proof.exists()


def test_no_mistake_loads_torch_or_a_layer(tmp_path):
    before = {name for name in sys.modules if name.split(".")[0] == "torch"}
    for number, (text, _, _) in enumerate(MISTAKES.values()):
        file = tmp_path / f"{number}.yaml"
        file.write_bytes(text.encode())
        mistake_in(file)
    assert {name for name in sys.modules if name.split(".")[0] == "torch"} == before
