"""A spec is a name with options or a path; a wrong one is refused in one line."""

import os
from pathlib import Path

import pytest

from sabench.catalog.data import DATA, DataSpec, parse_data
from sabench.errors import ConfigError

WRONG = {
    "an unknown name": (
        "dgits",
        "unknown data 'dgits', allowed: digits, permuted_digits, xor, cou",
    ),
    "its nearest name": ("dgits", "nearest: digits"),
    "no name": ("", "unknown data ''"),
    "only options": (":size=8", "unknown data ''"),
    "a name of two lines": ("di\ngits", "unknown data 'di\\ngits'"),
    "an unknown option": (
        "xor:distnace=6",
        "data 'xor': unknown option 'distnace', allowed: size,",
    ),
    "its nearest option": ("xor:distnace=6", "nearest: distance"),
    "an option of another": ("counting:distance=3", "unknown option 'distance'"),
    "an option where there are none": ("digits:size=8", "unknown option 'size', there are none"),
    "an option without a value": ("xor:distance=", "'distance=' is not option=value"),
    "a value without an option": ("xor:6", "'6' is not option=value"),
    "nothing behind the colon": ("xor:", "'' is not option=value"),
    "a value twice": ("xor:size=8,size=9", "size is given twice"),
    "a word for a number": ("xor:distance=far", "distance='far': input should be a valid integer"),
    "a fraction": ("xor:distance=6.5", "distance='6.5': input should be a valid integer"),
    "a leading zero": ("xor:distance=06", "distance='06': input should be a valid integer"),
    "a huge number": ("xor:distance=" + "9" * 5000, "input should be a valid integer"),
    "a number that is too small": ("xor:distance=0", "distance=0: input should be greater than or"),
    "a negative number": ("xor:train=-5", "train=-5: input should be greater than or equal to 2"),
    "an unknown axis": ("xor:axis=up", "axis='up': input should be 'horizontal' or 'vertical'"),
    "a distance past the map": ("xor:distance=16", "distance=16 does not fit into size=16"),
    "more than memory": ("xor:size=1024,train=1000000", "make more than 1073741824 pixels"),
    "marks that tie": ("counting:marks=6", "marks=6 can tie: give an odd number"),
    "marks that touch": ("counting:marks=5,size=4", "marks=5 do not fit apart into size=4"),
    "a path that is not there": ("./photos", "data './photos': No such file or directory: give a"),
    "a file that is not there": ("arrays.npz", "data 'arrays.npz': No such file or directory"),
    "a known name in a folder": ("here/digits", "data 'here/digits': No such file or directory"),
    "a path of two lines": ("./a\nb", "data './a\\nb': No such file or directory"),
    "a path with a zero byte": ("./a\0b", "data './a\\x00b': embedded null byte"),
    "a path too long": ("./" + "a" * 5000, "File name too long"),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_spec_is_refused_in_one_line(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        parse_data(text)
    assert told in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_loop_of_links_is_told_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigError, match="Too many levels of symbolic links"):
        parse_data(str(tmp_path / "loop"))


@pytest.mark.parametrize("name", DATA)
def test_a_name_alone_has_no_options(name: str) -> None:
    assert parse_data(name) == DataSpec(name=name)


def test_options_are_kept_as_whole_numbers_and_words() -> None:
    spec = parse_data("xor:distance=6,axis=vertical")
    assert spec == DataSpec(name="xor", options={"distance": 6, "axis": "vertical"})


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("digits", "digits"),
        ("xor:axis=vertical,distance=6", "xor:distance=6,axis=vertical"),
        ("xor: distance = 6 , size=16", "xor:distance=6"),
        ("counting:marks=7", "counting"),
        ("./photos", "./photos"),
        ("photos", "./photos"),
        ("./photos//", "./photos"),
        ("../{here}/photos", "../{here}/photos"),
    ],
)
def test_one_spec_has_one_spelling(
    text: str, canonical: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    text, canonical = (each.format(here=tmp_path.name) for each in (text, canonical))
    spec = parse_data(text)
    assert spec.text == canonical.replace("/", os.sep)
    assert parse_data(spec.text) == spec
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec


def test_what_is_there_is_a_path_even_under_a_known_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_data("digits") == DataSpec(path="digits")
