"""Tunes: transcriptions, keys that are never heard in training, and how playing is scored."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from seqexp import tasks
from seqexp.codecs.music import END
from seqexp.data.generated.tunes import TUNES, note_name
from seqexp.plots.artifacts import draw
from seqexp.tasks.artifacts import Midi, PianoRoll, TextSamples
from seqexp.tasks.melody import KEYS

SPLITS = ("train", "val", "test")
notes_and_feed = pytest.mark.parametrize(
    "notes, feed", [("intervals", "previous"), ("pitches", "previous"), ("pitches", "zeros"), ("intervals", "zeros")]
)


def make(notes="intervals", feed="previous", **changes):
    return tasks.create("melody", **({"notes": notes, "feed": feed, "steps_per_epoch": 4, "split_seed": 0} | changes))


def pairs(task, split):
    return {tuple(task._pairs[row].tolist()) for row in task._splits[split]}


def test_a_dozen_tunes_on_a_piano():
    assert len(TUNES) == 12
    assert all(len(notes) >= 16 and notes.min() >= 43 and notes.max() <= 84 for notes in TUNES.values())
    assert all(np.abs(np.diff(notes)).max() <= 12 for notes in TUNES.values())
    assert len({np.diff(notes)[:12].tobytes() for notes in TUNES.values()}) == 12
    assert sorted(key % 12 for key in KEYS) == list(range(12))
    assert [note_name(number) for number in (60, 61, 59, 21)] == ["C4", "C♯4", "B3", "A0"]


def test_no_tune_and_key_are_in_two_splits():
    task, moved = make(), make(split_seed=1)
    found = [pairs(task, split) for split in SPLITS]
    assert [len(part) for part in found] == [120, 12, 12]
    assert len(set.union(*found)) == 144
    assert {tune for tune, _ in found[2]} == {tune for tune, _ in found[1]} == set(range(12))
    assert pairs(moved, "test") != found[2]


@notes_and_feed
def test_a_batch_is_a_tune(notes, feed):
    task = make(notes, feed)
    size = 1 + task._symbols
    assert task.shape == tasks.Shape(size + 12 + 128, True, size, "steps", "softmax")
    seen = set()
    for index in range(task.batches("test", 5)):
        batch = task.batch(0, "test", index, 5)
        for column, length in enumerate(batch.lengths):
            x, target, answered = (part[:length, column] for part in (batch.x, batch.target, batch.answered))
            tune, first = x[0] - size, x[1] - size - 12
            notes_behind = target[1:-1].astype(int) + task._lowest - 1
            if notes == "intervals":
                notes_behind = first + np.cumsum(notes_behind)
            played = np.array([first, *notes_behind])
            expected = TUNES[task.tunes[tune]]
            assert np.array_equal(played - played[0], expected - expected[0])
            assert (int(tune), int(played[0] - expected[0])) in pairs(task, "test")
            assert target[-1] == END
            assert answered.tolist() == [False] + [True] * (length - 1)
            assert not batch.answered[length:, column].any()
            assert np.array_equal(x[2:], target[1:-1] if feed == "previous" else np.full(length - 2, -1))
            seen.add(int(tune))
    assert seen == set(range(12))


def test_pure_and_on_through_the_epochs():
    one, other = make(), make()
    assert (one.batches("train", 32), one.batches("val", 32)) == (4, 1)
    for key in [(0, "train", 30), (0, "val", 0), (1, "train", 2), (0, "train", 2)]:
        before = one.batch(*key, 32)
        other.batch(5, key[1], 0, 7)
        assert np.array_equal(before.x, other.batch(*key, 32).x)
    assert not np.array_equal(one.batch(0, "train", 2, 32).target, one.batch(1, "train", 2, 32).target)


def player(task, split, spoil=lambda tokens: None):
    """A generator that plays the split's tunes by heart, then what ``spoil`` makes of them."""

    def play(prompt, steps, feed, temperature, seed):
        rows = task._splits[split]
        notes, _ = task._answers.padded(rows)
        assert np.array_equal(prompt, task._prompt(rows))
        assert (feed, temperature, len(notes) < steps) == (task.feed, 0, True)
        tokens = np.ones((steps, len(rows)), np.int64)  # what comes behind the end is never heard
        tokens[: len(notes)] = np.where(notes == END, 1, notes)
        tokens[task._answers.lengths[rows], np.arange(len(rows))] = END
        spoil(tokens)
        return tokens

    return play


@notes_and_feed
def test_playing_by_heart_is_right(notes, feed, tmp_path):
    task = make(notes, feed)
    assert task.generate(player(task, "val"), "val") == ({"note_accuracy": 1.0, "exact_match": 1.0}, [])
    metrics, artifacts = task.generate(player(task, "test"), "test")
    assert metrics == {"note_accuracy": 1.0, "exact_match": 1.0}
    samples, roll, midi = artifacts
    assert isinstance(samples, TextSamples)
    assert isinstance(roll, PianoRoll)
    assert isinstance(midi, Midi)
    assert len(samples.rows) == 24
    assert all(played[4] == wanted[4] for played, wanted in zip(samples.rows[::2], samples.rows[1::2], strict=True))
    assert np.array_equal(roll.truth, roll.answer)
    assert roll.truth.sum() == len(TUNES[samples.rows[0][0]]) - 1
    assert midi.roll.sum() == roll.truth.sum() + 1
    assert not midi.roll[1::2].any()
    assert draw(midi, tmp_path / midi.name).read_bytes()[:4] == b"MThd"
    assert draw(roll, tmp_path / roll.name).stat().st_size > 3000


def test_what_counts_as_wrong():
    def stop_at_once(tokens):
        tokens[0] = END

    def never_stop(tokens):
        tokens[tokens == END] = 1

    def first_note_wrong(tokens):
        tokens[0] += 1

    task = make("pitches")
    assert task.generate(player(task, "val", stop_at_once), "val")[0] == {"note_accuracy": 0.0, "exact_match": 0.0}
    assert task.generate(player(task, "val", never_stop), "val")[0] == {"note_accuracy": 1.0, "exact_match": 0.0}
    behind = sum(len(task._pieces[row]) - 1 for row in task._splits["val"])
    metrics, _ = task.generate(player(task, "val", first_note_wrong), "val")
    assert metrics == {"note_accuracy": pytest.approx(1 - 12 / behind), "exact_match": 0.0}
    moved = make("intervals")  # a wrong interval moves all that follows
    assert moved.generate(player(moved, "val", first_note_wrong), "val")[0]["note_accuracy"] == 0.0
    _, (samples, *shown) = task.generate(player(task, "test", never_stop), "test")
    assert samples.rows[0][4].endswith(" …")
    assert len(shown) == 2


def test_baselines():
    task = make()
    baselines = task.baselines()
    test = [task._pieces[row] for row in task._splits["test"]]
    again = sum(int((piece[1:] == piece[0]).sum()) for piece in test) / sum(len(piece) - 1 for piece in test)
    assert baselines["first note again"] == pytest.approx(again)
    assert 0 < baselines["most frequent note"] < 0.15
    assert make("pitches").baselines() == baselines
    assert (task.primary_metric, task.direction, len(task.fingerprint())) == ("note_accuracy", "max", 64)


def test_padding_is_under_a_tenth(project_root, task_settings):
    size = OmegaConf.load(project_root / "conf/task/melody.yaml").training.batch_size
    task = tasks.create(**task_settings("melody"))
    batches = [task.batch(0, "train", index, size) for index in range(60)]
    own, steps = (
        np.sum([part(batch) for batch in batches]) for part in (lambda b: b.lengths.sum(), lambda b: b.x.size)
    )
    assert own > 0.9 * steps
