"""What a device has taught us: medians of the latest figures, and a file nothing depends on."""

from pathlib import Path

import pytest

from sabench import known as module
from sabench.known import (
    Cores,
    Known,
    Lesson,
    Rate,
    known_file,
    load_cores,
    load_known,
    save_cores,
    save_known,
    state_folder,
)
from sabench.records import Environment

DEVICE = Environment(
    device_kind="cpu", device_name="AMD EPYC/9B45 ../é", settings={"torch": "2.13"}, facts={}
)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def lesson(wall_s, macs_per_s=1e9, *, key="conv"):
    rate = Rate(macs_per_s=macs_per_s, bytes_per_s=2 * macs_per_s)
    return Lesson(rate_key=key, rate=rate, wall_key=f"{key}|quick|main", wall_s=wall_s)


NOTHING = Known(device="cpu:AMD EPYC/9B45 ../é")


def test_nothing_is_known_at_first():
    known = load_known(DEVICE)
    assert known == NOTHING
    assert known.rate("conv") is None
    assert known.wall_s("conv|quick|main") is None


def test_what_was_learnt_is_there_next_time():
    known = load_known(DEVICE).learn([lesson(2.0)])
    assert save_known(DEVICE, known)
    assert load_known(DEVICE) == known


def test_a_rate_and_a_wall_time_are_medians():
    known = NOTHING.learn([lesson(1.0, 1e9), lesson(9.0, 9e9), lesson(2.0, 2e9)])
    assert known.rate("conv") == Rate(macs_per_s=2e9, bytes_per_s=4e9)
    assert known.wall_s("conv|quick|main") == 2.0


def test_only_the_latest_15_figures_of_a_key_count():
    known = NOTHING.learn([lesson(100.0)] * 20).learn([lesson(1.0)] * 8)
    assert known.walls_s["conv|quick|main"] == (100.0,) * 7 + (1.0,) * 8
    assert known.wall_s("conv|quick|main") == 1.0


def seen(*bests, cores=None):
    for best in bests:
        cores = (cores or Cores(device=NOTHING.device)).learn("3.11.7", best)
    return cores


def test_a_core_is_as_fast_as_one_run_in_eight_saw_it():
    assert load_cores(DEVICE).best("3.11.7") == 0.0
    cores = seen(1.8, 1.0, 1.8, 1.8)
    assert (cores.best("3.11.7"), cores.best("3.12.1")) == (1.0, 0.0)
    assert seen(*[1.8] * 4, cores=cores).best("3.11.7") == 1.8
    assert seen(*[1.0] * 4, *[1.8] * 16, cores=cores).best("3.11.7") == 1.0


def test_what_a_core_was_once_is_forgotten_after_40_runs():
    cores = seen(*[0.1] * 20, *[1.0] * 40)
    assert cores.best("3.11.7") == 1.0
    assert len(cores.bests["3.11.7"]) == 40


def test_how_fast_cores_are_lies_in_a_file_of_its_own(state):
    assert save_cores(DEVICE, seen(1.7))
    assert save_known(DEVICE, NOTHING.learn([lesson(1.0)]))
    assert load_cores(DEVICE).best("3.11.7") == 1.7
    assert len(list(state.iterdir())) == 2


def test_the_oldest_wall_times_make_room(monkeypatch):
    monkeypatch.setattr(module, "MOST_WALLS", 2)
    known = NOTHING.learn([lesson(1.0, key=key) for key in ("a", "b", "a", "c")])
    assert set(known.walls_s) == {"a|quick|main", "c|quick|main"}


def test_a_record_without_a_rate_teaches_its_wall_time():
    known = NOTHING.learn([Lesson(wall_key="x|quick|main", wall_s=3.0)])
    assert known.wall_s("x|quick|main") == 3.0
    assert known.rates == {}


def test_the_hash_tells_content_apart_and_not_the_order_of_keys():
    one = NOTHING.learn([lesson(1.0, key="a"), lesson(1.0, key="b")])
    other = NOTHING.learn([lesson(1.0, key="b"), lesson(1.0, key="a")])
    assert one.sha256 == other.sha256
    assert one.sha256 != NOTHING.sha256 != one.learn([lesson(1.0)]).sha256
    assert len(one.sha256) == 64


def test_each_device_has_a_file_inside_the_folder(state):
    other = DEVICE.model_copy(update={"device_name": "AMD EPYC/9B45 ../e"})
    assert known_file(DEVICE) != known_file(other)
    assert known_file(DEVICE).parent == known_file(other).parent == state


def test_two_settings_of_a_device_share_what_is_known():
    assert known_file(DEVICE) == known_file(DEVICE.model_copy(update={"settings": {}}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"schema": "sabench.record", "schema_version": "1.0", "device": "cpu:AMD"}',
        b'{"schema": "sabench.known", "schema_version": "2.0", "device": "cpu:AMD EPYC/9B45"}',
    ],
)
def test_a_torn_or_foreign_file_is_an_empty_one_and_is_replaced(content, state):
    state.mkdir()
    known_file(DEVICE).write_bytes(content)
    assert load_known(DEVICE) == NOTHING
    assert save_known(DEVICE, NOTHING.learn([lesson(1.0)]))
    assert load_known(DEVICE).wall_s("conv|quick|main") == 1.0


def test_every_torn_file_is_an_empty_one(state):
    save_known(DEVICE, NOTHING.learn([lesson(1.0)]))
    whole = known_file(DEVICE).read_bytes().rstrip()
    for cut in range(len(whole)):
        known_file(DEVICE).write_bytes(whole[:cut])
        assert load_known(DEVICE) == NOTHING


@pytest.mark.parametrize("figure", ["0", "-1.0", "NaN", "Infinity", '"fast"', "null"])
def test_a_figure_that_is_none_makes_the_file_foreign(figure):
    save_known(DEVICE, NOTHING.learn([lesson(123.25)]))
    text = known_file(DEVICE).read_text()
    known_file(DEVICE).write_text(text.replace("123.25", figure))
    assert load_known(DEVICE) == NOTHING


def test_another_devices_file_is_not_believed():
    other = DEVICE.model_copy(update={"device_name": "other"})
    save_known(other, load_known(other).learn([lesson(1.0)]))
    known_file(other).rename(known_file(DEVICE))
    assert load_known(DEVICE) == NOTHING


def test_a_folder_in_the_place_of_the_file_is_no_error(state):
    known_file(DEVICE).mkdir(parents=True)
    assert load_known(DEVICE) == NOTHING
    assert not save_known(DEVICE, NOTHING)


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path / "file" / "state"))
    assert load_known(DEVICE) == NOTHING
    assert not save_known(DEVICE, NOTHING)


def test_state_lies_where_it_is_asked_for():
    home = Path.home() / ".local" / "state" / "sabench"
    assert state_folder({"SABENCH_STATE": "/a", "XDG_STATE_HOME": "/b"}) == Path("/a")
    assert state_folder({"XDG_STATE_HOME": "/b"}) == Path("/b/sabench")
    assert state_folder({"XDG_STATE_HOME": "b"}) == home
    assert state_folder({}) == home


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SABENCH_STATE")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert load_known(DEVICE) == NOTHING
    assert not save_known(DEVICE, NOTHING)
