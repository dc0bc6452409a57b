"""Snapshots as files: what comes back, which of the two newest counts, what is refused, and when one is due."""

import os
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from seqexp.numerics.params import Layout, Params
from seqexp.system.errors import UserError
from seqexp.training.checkpoints import (
    HEADER,
    SHARE,
    Checkpoints,
    Schedule,
    Snapshot,
    load_weights,
    save_weights,
)

LARGE = 1_000_000  # bytes


def snapshot(step=1):
    arrays = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3).T + step, "empty": np.zeros((0, 2))}
    return Snapshot(arrays, {"step": step, "best": -float("inf"), "over": False}, {"settings": {"seed": 3}})


def same(one, other):
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert np.array_equal(array, other.arrays[name])
    assert (one.numbers, one.about) == (other.numbers, other.about)


def test_what_is_saved_comes_back(tmp_path):
    checkpoints = Checkpoints(tmp_path / "deep" / "folder")
    assert checkpoints.load(LARGE) is None
    checkpoints.save(snapshot())
    loaded = checkpoints.load(LARGE)
    assert loaded is not None
    same(loaded, snapshot())
    assert snapshot().bytes() == 24


def test_the_two_newest_are_kept_and_the_newest_counts(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(snapshot(step))
    assert sorted(os.listdir(tmp_path)) == sorted([checkpoints.newest.name, checkpoints.before.name])
    newest = checkpoints.load(LARGE)
    assert newest is not None
    same(newest, snapshot(3))
    checkpoints.newest.unlink()
    before = checkpoints.load(LARGE)
    assert before is not None
    same(before, snapshot(2))
    checkpoints.discard()
    assert os.listdir(tmp_path) == []
    checkpoints.discard()


@pytest.mark.parametrize("spoiled", ["weights", "numbers", "about", "name"])
def test_any_change_is_noticed(spoiled, tmp_path):
    """The arrays, the numbers and what goes with them are all under the digest."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(snapshot())
    data = checkpoints.newest.read_bytes()
    old, new = {
        "weights": (np.float32(6).tobytes(), np.float32(7).tobytes()),
        "numbers": (b'\\"step\\": 1', b'\\"step\\": 2'),
        "about": (b'\\"seed\\": 3', b'\\"seed\\": 4'),
        "name": (b'"weights"', b'"weighty"'),
    }[spoiled]
    assert data.count(old) == 1
    checkpoints.newest.write_bytes(data.replace(old, new))
    with pytest.raises(UserError, match="SHA-256 differs from the one"):
        checkpoints.load(LARGE)


def test_a_damaged_newest_is_warned_of_and_the_one_before_counts(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(snapshot(step))
    checkpoints.newest.write_bytes(checkpoints.newest.read_bytes()[:-1])
    loaded = checkpoints.load(LARGE)
    assert loaded is not None
    same(loaded, snapshot(1))
    (warning,) = caplog.messages
    said = f"checkpoint damaged, resuming from {checkpoints.before.name}: {checkpoints.newest}: expected a checkpoint"
    assert warning.startswith(said)


def test_a_file_larger_than_the_network_is_not_read(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    big = Snapshot({"weights": np.zeros(2 * HEADER, np.uint8)}, {"step": 1})
    checkpoints.save(big)
    assert checkpoints.load(2 * HEADER) is not None
    with pytest.raises(UserError, match=r"it has more than [0-9,]+ bytes"):
        checkpoints.load(HEADER // 2)


def test_saving_that_fails_leaves_the_earlier_ones(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(snapshot(1))
    checkpoints.save(snapshot(2))

    def full(*words: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqexp.training.checkpoints.write_beside", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(snapshot(3))
    newest = checkpoints.load(LARGE)
    assert newest is not None
    same(newest, snapshot(2))
    assert checkpoints.before.exists()


# -- when one is due


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


def test_every_so_many_steps():
    schedule = Schedule(3)
    due = []
    for step in range(1, 10):
        if schedule.due(step):
            due.append(step)
            schedule.saved(step, cost=0.1)
    assert due == [3, 6, 9]


def test_steps_are_counted_from_where_a_resumed_run_goes_on():
    schedule = Schedule(3)
    assert [schedule.due(step) for step in (21, 22, 23)] == [False, False, True]


def test_every_so_many_seconds_but_never_more_than_a_fiftieth_of_the_time():
    clock = Clock()
    schedule = Schedule("30s", clock)
    clock.now += 29.9
    assert not schedule.due(1000)
    clock.now += 0.1
    assert schedule.due(1000)
    schedule.saved(1000, cost=2.0)
    clock.now += SHARE * 2.0 - 0.1
    assert not schedule.due(2000)
    clock.now += 0.1
    assert schedule.due(2000)
    schedule.saved(2000, cost=0.1)
    clock.now += 30
    assert schedule.due(2001)
    assert Schedule("0.5s", Clock()).due(1) is False


def test_never():
    clock = Clock()
    schedule = Schedule(None, clock)
    clock.now += 1e9
    assert not schedule.due(10**9)


# -- weights


def layout():
    own = Layout()
    own.add("W", (2, 3))
    own.add("b", (2, 1))
    return own


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_come_back(dtype, tmp_path):
    p = Params(layout(), np.arange(8, dtype=dtype))
    path = tmp_path / "new" / "checkpoints" / "best.safetensors"
    save_weights(path, p, {"step": "7"})
    again = load_weights(path, layout())
    assert again.flat.dtype == dtype
    assert np.array_equal(again.flat, p.flat)
    assert os.listdir(path.parent) == [path.name]
    with safe_open(path, "np") as file:
        assert file.metadata() == {"step": "7"}


def test_weights_of_another_network_are_refused(tmp_path):
    other = Layout()
    other.add("W", (3, 2))
    other.add("b", (2, 1))
    path = tmp_path / "best.safetensors"
    save_weights(path, Params.zeros(other, np.float32), {})
    with pytest.raises(UserError, match="expected this network's weights; they differ in W"):
        load_weights(path, layout())
    save_weights(path, Params.zeros(layout(), np.float32).like(np.zeros(8, np.float16)), {})
    with pytest.raises(UserError, match="expected weights in float32 or float64; got float16"):
        load_weights(path, layout())
    path.write_bytes(bytes(HEADER + 100))
    with pytest.raises(UserError, match="expected the network's 8 weights; the file has more than"):
        load_weights(path, layout())
    path.unlink()
    with pytest.raises(UserError, match="expected a checkpoint of this project"):
        load_weights(path, layout())
