"""--layer path/to/file.py:Class: parsed, never run."""

import pytest

from sabench.cases.own_layer import own_layer
from sabench.errors import ConfigError

SOURCE = '''
import torch_that_is_not_there
open("{proof}", "w").close()

class Mine:
    """Escapes like \\d are the user's own."""
    class Inner: ...

def function(): ...
'''


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SOURCE.replace("{proof}", str(tmp_path / "ran")))
    return file


def test_an_own_layer_is_an_entry_named_by_its_class(source):
    entry = own_layer(f"{source}:Mine")
    assert (entry.kind, entry.subject, entry.file) == ("layer", "Mine", f"{source}:Mine")


def test_a_relative_path_becomes_absolute(source, monkeypatch):
    monkeypatch.chdir(source.parent)
    assert own_layer("mine.py:Mine").file == f"{source}:Mine"


def test_the_file_is_not_run(source, tmp_path):
    own_layer(f"{source}:Mine")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "line",
    [
        "from package.module import Mine",
        "from .module import Other as Mine",
        "Mine = make(3)",
        "Mine = Also = make(3)",
        "Mine: type = make(3)",
    ],
)
def test_a_class_may_be_imported_or_assigned(line, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(f"{line}\n")
    assert own_layer(f"{file}:Mine").file == f"{file}:Mine"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mine.py", "is not path/to/file.py:Class"),
        (":Mine", "is not path/to/file.py:Class"),
        ("mine.py:", "is not path/to/file.py:Class"),
        ("mine.py:Mine()", "is not path/to/file.py:Class"),
        ("mine.py:Mnie", "mine.py: unknown class 'Mnie', allowed: Mine; nearest: Mine"),
        ("mine.py:Inner", "mine.py: unknown class 'Inner'"),
        ("mine.py:function", "mine.py: unknown class 'function'"),
        ("nowhere.py:Mine", "nowhere.py: cannot be read: No such file or directory"),
        (".:Mine", "cannot be read: Is a directory"),
        ("mine.py:conv", "conv is a layer of sabench: rename the class"),
        ("broken.py:Mine", "broken.py:2:7: is no Python: "),
        ("null.py:Mine", "null.py"),
        ("latin.py:Mine", "latin.py"),
        ("empty.py:Mine", "empty.py: defines no class"),
        ("script.py:Mine", "script.py: defines no class"),
    ],
)
def test_a_mistake_is_one_line(spec, said, source, monkeypatch):
    monkeypatch.chdir(source.parent)
    (source.parent / "broken.py").write_text("x = 1\nclass !\n")
    (source.parent / "null.py").write_bytes(b"\x00")
    (source.parent / "latin.py").write_bytes(b"# caf\xe9\n")
    (source.parent / "empty.py").write_bytes(b"")
    (source.parent / "script.py").write_text("from x import Mine as Other\nMine: type\n")
    with pytest.raises(ConfigError) as caught:
        own_layer(spec)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
