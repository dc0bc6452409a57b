"""Piano rolls: frames and their targets, scores that need no memory, and files that promise more than they hold."""

import json

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data import piano_rolls
from seqexp.data.generated.chords import progression
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import passes

PIECES = [[[60 + n, 64], [64], [], [60 + n, 67, 108]][: 2 + n % 3] for n in range(20)]


def batches(task, split, batch_size):
    return list(passes(task, split, batch_size))


@pytest.fixture
def make(task_settings, tmp_path):
    settings = task_settings("polyphony")

    def create(content=None, **changes):
        if content is not None:
            path = tmp_path / "own.json"
            path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
            changes["source"] = str(path)
        return tasks.create(**(settings | changes))

    return create


def test_a_progression_comes_round():
    for number in range(50):
        roll = piano_rolls.unpack(progression(stream(0, Purpose.DATA, number)).roll())
        assert any(np.array_equal(roll[: -4 * bar], roll[4 * bar :]) for bar in (2, 3, 4))
        assert (roll.sum(axis=1) >= 4).all()


def test_no_progression_of_the_test_is_in_training_in_another_key(make):
    def first_round(frames):
        bar = next(bar for bar in (2, 3, 4) if np.array_equal(frames[: -4 * bar], frames[4 * bar :]))
        keys = [np.flatnonzero(frame) for frame in frames[: 4 * bar]]
        return tuple(tuple(each - keys[0][0]) for each in keys)

    task = make(source="generated", transpose=2)
    found = {
        split: {
            first_round(np.concatenate([batch.x[:1, :, b], batch.target[: batch.lengths[b], :, b]]))
            for batch in batches(task, split, 100)
            for b in range(batch.size)
        }
        for split in ("train", "val", "test")
    }
    assert min(map(len, found.values())) > 50
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not found[one] & found[other]


def test_the_target_is_the_next_frame(make):
    task = make([*PIECES])
    found: list = []
    for split in ("train", "val", "test"):
        for batch in batches(task, split, 3):
            assert batch.x.shape == batch.target.shape == (len(batch.answered), 88, batch.size)
            assert batch.x.dtype == np.float32
            assert np.array_equal(batch.answered, np.arange(len(batch.x))[:, None] < batch.lengths)
            for b, n in enumerate(batch.lengths):
                assert np.array_equal(batch.x[1:n, :, b], batch.target[: n - 1, :, b])
                frames = [batch.x[0, :, b], *batch.target[:n, :, b]]
                found.append([(np.flatnonzero(frame) + 21).tolist() for frame in frames])
    assert sorted(found) == sorted([sorted({*frame}) for frame in one] for one in PIECES)


def test_training_pieces_are_cut_and_no_frame_is_predicted_twice(make):
    content = {"train": [[[21 + t] for t in range(50)]], "valid": [[[50], [51]]], "test": [[[60], [61]]]}
    task = make(content, length=8)
    wanted = []
    for batch in batches(task, "train", 4):
        assert batch.lengths.max() <= 8
        wanted += (np.nonzero(batch.answers().T)[1] + 21).tolist()
    assert sorted(wanted) == list(range(22, 71))
    assert task.batch(0, "val", 0, 4).lengths.tolist() == [1]


def test_training_pieces_are_transposed_as_far_as_the_keyboard_goes(make):
    content = {"train": [[[21], [24]], *PIECES], "valid": [[[50], [51]]], "test": [[[60], [61]]]}
    plain, moved = make(content), make(content, transpose=5)
    firsts = set()
    for epoch in range(30):
        a, b = (task.batch(0, "train", epoch, 100) for task in (plain, moved))
        assert np.array_equal(a.x.sum(), b.x.sum())
        rows = moved._passes.rows(0, "train", epoch, 100)[1]
        firsts |= {int(np.flatnonzero(b.x[0, :, column])[0]) for column, row in enumerate(rows) if row == 0}
    assert firsts == set(range(6))  # never below the lowest key
    assert np.array_equal(plain.batch(0, "test", 0, 8).x, moved.batch(0, "test", 0, 8).x)


def test_generated_batches_are_pure_and_fresh(make):
    task, other = make(), make()
    task.batch(3, "train", 70, 32)
    assert np.array_equal(task.batch(0, "train", 1, 32).x, other.batch(0, "train", 1, 32).x)
    first, second = task.batch(0, "train", 0, 640).x.sum(), task.batch(0, "train", 1, 640).x.sum()
    assert first != second
    baselines = task.baselines()
    assert baselines["each key's own last state"] < baselines["each key's frequency"]


def test_the_scorer_agrees_with_the_baseline_it_is_fed(make):
    task = make()
    train = np.concatenate([piano_rolls.unpack(one) for one in task._parts["train"]])
    later = np.concatenate([piano_rolls.unpack(one)[1:] for one in task._parts["train"]])
    assert len(train) > len(later)
    chance = (later.sum(axis=0) + 1) / (len(later) + 2)
    scorer = task.scorer()
    for batch in batches(task, "test", 64):
        scorer.add(batch, np.log(chance / (1 - chance))[:, None] * np.ones(int(batch.answered.sum())))
    assert scorer.metrics()["nll_per_frame"] == pytest.approx(task.baselines()["each key's frequency"])
    roll, true_notes, _ = scorer.artifacts()
    assert roll.truth.shape == roll.answer.shape == true_notes.roll.shape
    assert len(roll.truth) == task.batch(0, "test", 0, 64).lengths[0]


def test_repeated_pieces_stay_out_of_training(make):
    parts = {"train": [PIECES[0], PIECES[1], PIECES[1], PIECES[3]], "valid": [PIECES[0]], "test": [PIECES[2]]}
    task = make(parts)
    assert [len(task._parts[split]) for split in ("train", "val", "test")] == [2, 1, 1]
    whole = make(PIECES + PIECES)
    contents = [packed.tobytes() for part in whole._parts.values() for packed in part]
    assert len(contents) == len(set(contents)) == 20


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "own.json:1: expected JSON"),
        (b"[[\n[60], [61\n", "own.json:3: expected JSON"),
        (b"\xff[]", "own.json:1: expected UTF-8"),
        (b"[" * 100_000, "own.json: expected JSON of note lists"),
        (b"[[[60], [" + b"9" * 5000 + b"]]]", "own.json: expected JSON of note lists"),
        ([], "expected a list of pieces; got []"),
        ("notes", "expected a list of pieces; got 'notes'"),
        ([PIECES[0]] * 9, "expected at least 3 different pieces"),
        ([[[60]]], "piece 1: expected a list of 2 to 10,000 frames; got 1 frames"),
        ([[[]] * 10_001], "piece 1: expected a list of 2 to 10,000 frames; got 10,001 frames"),
        ([*PIECES, {"a": 1}], "piece 21: expected a list of 2 to"),
        ([*PIECES, [[60], 61]], "piece 21, frame 2: expected a list of MIDI notes; got 61"),
        ([*PIECES, [[60], [20]]], "piece 21, frame 2: expected MIDI notes from 21 to 108, or -1 for silence; got 20"),
        (
            [*PIECES, [[60.5], [60]]],
            "frame 1: expected MIDI notes from 21 to 108, or -1 for silence; got 60.5",
        ),
        ([*PIECES, [[True], [60]]], "got True"),
        ([*PIECES, [[1e300], [60]]], "got 1e+300"),
        ({"train": PIECES, "test": PIECES}, "expected the keys train, valid, test; got test, train"),
        ({"train": PIECES, "valid": [], "test": PIECES}, "valid: expected a list of pieces"),
        ({"train": PIECES, "valid": PIECES, "test": PIECES}, "expected training pieces that validation and test"),
    ],
)
def test_bad_files(make, content, says):
    with pytest.raises(UserError) as caught:
        make(content)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_too_large_or_none(make, tmp_path, monkeypatch):
    monkeypatch.setattr(piano_rolls, "LARGEST_FILE", 10)
    with pytest.raises(UserError, match="expected at most 10 bytes"):
        make(PIECES)
    with pytest.raises(UserError, match=r"expected generated, jsb-chorales, nottingham, or a file ending in \.json"):
        make(source="bach")
    with pytest.raises(UserError, match="expected an existing file"):
        make(source="bach.json")


def test_matlab_files(tmp_path):
    from scipy.io import savemat

    cells = {}
    for number, part in enumerate(piano_rolls.PARTS):
        cell = np.empty((1, 2), object)
        for column in range(2):
            cell[0, column] = np.eye(4 + number, 88, column, dtype=np.uint8)
        cells[f"{part}data"] = cell
    savemat(tmp_path / "t.mat", cells)
    parts = piano_rolls.read_matlab(tmp_path / "t.mat")
    assert [[len(packed) for packed in part] for part in parts] == [[4, 4], [5, 5], [6, 6]]
    assert np.array_equal(piano_rolls.unpack(parts[2][1]), np.eye(6, 88, 1))


def test_published_pieces(make, data_dir):
    jsb = make(source="jsb-chorales", data_dir=str(data_dir))
    assert [len(jsb._parts[split]) for split in ("train", "val", "test")] == [229, 76, 77]
    assert jsb.baselines() == pytest.approx(
        {"each key's frequency": 11.06, "each key's own last state": 10.49}, abs=0.05
    )
    nottingham = make(source="nottingham", data_dir=str(data_dir))
    assert [len(nottingham._parts[split]) for split in ("train", "val", "test")] == [691, 173, 170]
    assert nottingham.baselines() == pytest.approx(
        {"each key's frequency": 10.25, "each key's own last state": 5.15}, abs=0.05
    )
