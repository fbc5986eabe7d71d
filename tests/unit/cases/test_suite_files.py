"""Where a suite is found, and what a good one says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sabench.cases.expand import expand
from sabench.cases.model import GROUP_KEYS
from sabench.cases.parse import parse_suite
from sabench.cases.suite import load_suite, suite_names
from sabench.catalog.metrics import metrics_of
from sabench.errors import SuiteError

MINE = "name: quick\ntitle: mine\nlayers:\n  - layer: conv\n"
FULL = """\
name: full
title: Everything a suite can say
match: receptive_field
axes:
  window: [3, 5]
  channels: &width 64
layers:
  - layer: conv
    channels: *width
    dtype: [fp32, bf16]
  - layer: halo
    block: 7
    border: "zeros"
    rv: 2.0
metrics: [latency_warm, macs]
group_by: [channels, size, subject]
rank_by: macs
max_bytes: 1000000
"""


def test_a_suite_here_goes_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_suite("quick").title != "mine"
    Path("suites").mkdir()
    Path("suites/quick.yaml").write_text(MINE)
    assert load_suite("quick").title == "mine"
    assert load_suite("quick").file == "suites/quick.yaml"


def test_a_path_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quick.yaml").write_text(MINE)
    assert load_suite("quick.yaml").title == "mine"
    assert load_suite("./quick.yaml").title == "mine"
    assert load_suite(tmp_path / "quick.yaml").title == "mine"


def test_a_folder_with_a_suites_name_hides_no_suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quick").mkdir()
    assert load_suite("quick").name == "quick"


def test_the_names_there_are_include_those_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("suites").mkdir()
    Path("suites/mine.yaml").write_text(MINE)
    assert {"mine", "quick", "halo"} <= set(suite_names())


def test_an_installed_copy_brings_its_suites(tmp_path):
    root = Path(__file__).parents[3]
    site = tmp_path / "site"
    shutil.copytree(root / "sabench", site / "sabench")
    shutil.copytree(root / "suites", site / "sabench" / "data" / "suites")  # as in the wheel
    script = (
        "import sabench; from sabench.cases.suite import load_suite; "
        "print(load_suite('ci').file, sabench.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    file, package = done.stdout.split()
    assert file == str(site / "sabench" / "data" / "suites" / "ci.yaml")
    assert package.startswith(str(site))


def test_the_paper_of_a_suite_is_read():
    text = "name: x\npublished: aacn\nnetworks:\n  - network: resnet50\n"
    assert parse_suite(text.encode(), "x.yaml").published == "aacn"


def test_everything_a_suite_says_is_read():
    suite = parse_suite(FULL.encode(), "full.yaml")
    assert suite.published == ""
    assert (suite.name, suite.match, suite.rank_by) == ("full", "receptive_field", "macs")
    assert suite.title == "Everything a suite can say"
    assert suite.metrics == ("latency_warm", "macs")
    assert suite.group_by == ("channels", "size", "subject")
    assert suite.max_bytes == 1_000_000
    assert suite.text == FULL
    assert [value.value for value in suite.axes["window"]] == [3, 5]
    conv, halo = suite.entries
    assert {key: [one.value for one in values] for key, values in conv.axes.items()} == {
        "channels": [64],
        "dtype": ["fp32", "bf16"],
    }
    assert {key: values[0].value for key, values in halo.options.items()} == {
        "block": 7,
        "border": "zeros",
        "rv": 2.0,
    }


def test_every_value_knows_its_place():
    suite = parse_suite(FULL.encode(), "full.yaml")
    assert suite.axes["window"][1].place == "full.yaml:5:15"
    assert suite.entries[0].axes["channels"][0].place == "full.yaml:6:13"  # where the anchor stands
    assert suite.entries[1].place == "full.yaml:11:12"


def test_a_suite_says_little_and_gets_the_defaults():
    suite = parse_suite(b"name: x\nlayers:\n  - layer: conv\n", "x.yaml")
    assert suite.metrics == metrics_of("profile")
    assert suite.group_by == GROUP_KEYS
    assert suite.rank_by == "latency_warm"
    assert suite.max_bytes == 8 * 1024**3
    assert suite.match is None


def test_a_byte_order_mark_and_windows_line_ends_change_nothing():
    text = b"name: x\nlayers:\n  - layer: conv\n    window: [3, 5]\n"
    plain = parse_suite(text, "x.yaml")
    marked = parse_suite(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"), "x.yaml")
    assert marked.entries == plain.entries


def test_quoted_words_are_text():
    suite = parse_suite(b'name: "no"\ntitle: "1e3"\nlayers:\n  - layer: conv\n', "x.yaml")
    assert (suite.name, suite.title) == ("no", "1e3")


PIECES = st.sampled_from(
    ["name: x\n", "layers:\n", "  - layer: conv\n", "    window: ", "3\n", "[3, 5]\n", "&a ", "*a ",
     "networks:\n", "  - network: resnet26\n", "    mix: conv\n", "axes:\n", "  size: 56\n", "- ",
     "? ", ": ", "{", "}", "[", "]", "!!int ", "|\n", "> ", "'", '"', "\t", "---\n", "%YAML 9.9\n",
     "<<: *a\n", "\\U", "\x00", "\ufeff", "\u2028"]
)  # fmt: skip


def check_that_it_is_a_suite_or_one_line(data):
    try:
        parse_suite(data, "any.yaml")
    except SuiteError as error:
        line = str(error)
    else:
        return
    assert len(line.splitlines()) == 1, repr(line)
    file, row, column, _ = line.split(":", 3)
    assert file == "any.yaml"
    assert int(row) >= 1
    assert int(column) >= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join))
def test_any_text_is_a_suite_or_one_line_with_a_place(text):
    check_that_it_is_a_suite_or_one_line(text.encode(errors="surrogatepass"))


@pytest.mark.parametrize("cut", range(0, len(FULL), 7))
def test_a_torn_suite_is_a_suite_or_one_line_with_a_place(cut):
    check_that_it_is_a_suite_or_one_line(FULL.encode()[:cut])


@pytest.mark.parametrize(
    ("written", "devices"),
    [
        ("cpu", ("cpu",)),
        ("auto", ("auto",)),
        ("all", ("all",)),
        ("cuda", ("cuda",)),
        ("cuda:1", ("cuda:1",)),
        ("[cuda:0, cuda:1, cpu, cpu]", ("cuda:0", "cuda:1", "cpu")),
    ],
)
def test_devices_are_kept_as_written_and_change_no_case(written, devices):
    text = "name: x\naxes:\n  size: 14\n{device}layers:\n  - layer: conv\n"
    plain = parse_suite(text.replace("{device}", "").encode(), "x.yaml")
    suite = parse_suite(text.replace("{device}", f"  device: {written}\n").encode(), "x.yaml")
    assert (plain.devices, suite.devices) == ((), devices)
    assert expand(suite) == expand(plain)
