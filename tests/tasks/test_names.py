"""Names from a language: what is asked at each step, which names are held out, and the counts beside the network."""

import math
from typing import Any

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.batch import Batch
from seqexp.system.errors import UserError
from seqexp.tasks.surnames import END

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def make(task_settings):
    """The task with the settings of its yaml, changed by keyword."""
    settings = task_settings("names")
    return lambda **changes: tasks.create(**(settings | changes))


@pytest.fixture
def own(tmp_path):
    """Writes a .csv of (category, text) rows and returns its path."""

    def write(rows):
        path = tmp_path / "own.csv"
        path.write_text("category,text\n" + "".join(f"{category},{text}\n" for category, text in rows))
        return str(path)

    return write


ROWS = [(category, f"{category}{'ab' * (i % 4)}{chr(97 + i)}") for i in range(20) for category in ("x", "y")]


def read(task, split, seed=0, epoch=0, size=8):
    """(category, name) of a pass; each is checked for inputs that are the answers one step on."""
    found = []
    count = task.batches(split, size)
    for index in range(epoch * count, (epoch + 1) * count):
        batch = task.batch(seed, split, index, size)
        assert np.array_equal(batch.answered, np.arange(len(batch.x))[:, None] < batch.lengths)
        for column, length in enumerate(batch.lengths):
            x, target = batch.x[:length, column], batch.target[:length, column]
            assert np.array_equal(x[1:], target[:-1])
            assert task.symbols[target[-1]] == END
            found.append((task.categories[x[0] - len(task.symbols)], "".join(task.symbols[t] for t in target[:-1])))
    return found


def test_batches_spell_names(make, own):
    task = make(source=own(ROWS))
    parts = {split: read(task, split) for split in SPLITS}
    known = set("".join(name for _, name in parts["train"]))
    assert [len(part) for part in parts.values()] == [32, 4, 4]
    assert set(parts["train"]) < set(ROWS)
    assert all(len(name) > 0 for part in parts.values() for _, name in part)
    assert known == set(task.symbols) - {END, "<unk>"}
    assert task.shape == tasks.Shape(len(task.symbols) + 2, True, len(task.symbols), "steps", "softmax")
    assert (task.primary_metric, task.direction, len(task.fingerprint())) == ("bits_per_char", "min", 64)
    assert sorted(read(task, "train", seed=3, epoch=2)) == sorted(parts["train"])


def test_pure(make, own):
    one, other = make(source=own(ROWS)), make(source=own(ROWS))
    for key in [(0, "train", 9), (0, "test", 0), (1, "train", 0), (0, "train", 0)]:
        before = one.batch(*key, 5)
        other.batch(2, key[1], 0, 3)
        assert np.array_equal(before.x, other.batch(*key, 5).x)
    with pytest.raises(IndexError, match="names: val has 1 batches"):
        one.batch(0, "val", 1, 5)


def test_a_cut_name_has_no_end(make, own, caplog):
    caplog.set_level("INFO", "seqexp")
    task = make(source=own([*ROWS, ("x", "q" * 30)]), max_length=9)
    assert "the longest has 30 characters, 1 are cut to their first 8 characters" in caplog.text  # and no end
    batches = [task.batch(0, split, index, 8) for split in SPLITS for index in range(task.batches(split, 8))]
    assert max(len(batch.x) for batch in batches) == 9
    ended = sum(int((batch.target[batch.answered] == 0).sum()) for batch in batches)
    assert ended == 40


def test_counting_baselines(make, own):
    rows = [("x", "a"), ("x", "b"), ("x", "c"), ("y", "d"), ("y", "e"), ("y", "f")]
    task = make(source=own(rows))
    train, ((_, first), (_, second)) = read(task, "train"), read(task, "test")
    assert len(train) == 2
    # Symbols: the end, <unk> and two letters. Counts plus one: the end 3, <unk> 1, each letter 2, so 8 in all. Both
    # test names are an unknown letter and the end.
    assert {first, second} == {"<unk>"}
    assert task.baselines()["unigram"] == pytest.approx(-(math.log2(1 / 8) + math.log2(3 / 8)) / 2)
    # After a category one letter was seen: <unk> has 1 of 5; after <unk> nothing was: the end has 1 of 4.
    assert task.baselines()["bigram"] == pytest.approx(-(math.log2(1 / 5) + math.log2(1 / 4)) / 2)


def test_bits_count_the_end(make, own):
    task = make(source=own(ROWS))
    scorer = task.scorer()
    answered = np.array([[True, True], [True, False]])
    y = np.zeros((4, 3), np.float32)
    y[2, 2] = 1000  # the third answer is sure of symbol 2: at no cost, and without overflow
    scorer.add(Batch(np.zeros((2, 2), int), np.array([[1, 0], [2, 0]]), np.array([2, 1]), answered), y)
    assert scorer.metrics() == {"bits_per_char": pytest.approx(2 * 2 / 3)}


def test_samples_stand_beside_held_out_names(make, own):
    task = make(source=own(ROWS), temperature=0.5)
    asked: dict[str, Any] = {}

    def spell(prompt, steps, feed, temperature, seed):
        asked.update(prompt=prompt, steps=steps, feed=feed, temperature=temperature)
        tokens = np.full((steps, prompt.shape[1]), task.symbols.index("a"))
        tokens[2, 1:] = 0
        return tokens

    assert task.generate(spell, "val") == ({}, [])
    metrics, (samples,) = task.generate(spell, "test")
    assert metrics == {}
    assert asked["prompt"].tolist() == [[len(task.symbols)] * 3 + [len(task.symbols) + 1] * 3]
    assert (asked["feed"], asked["temperature"]) == ("previous", 0.5)
    assert samples.headers[1] == "sampled at temperature 0.5"
    assert samples.rows[0][1] == "a" * asked["steps"] + "…"  # it never ended
    assert [row[1] for row in samples.rows[1:]] == ["aa"] * 5
    held_out = {name for _, name in ROWS if name not in {spelled for _, spelled in read(task, "train")}}
    assert {row[3] for row in samples.rows} - {""} <= held_out
    assert [row[0] for row in samples.rows] == ["x"] * 3 + ["y"] * 3


def test_one_category_is_enough(make, own):
    task = make(source=own([("x", f"name{letter}") for letter in "abcdefghij"]))
    assert task.categories == ("x",)
    assert [len(read(task, split)) for split in SPLITS] == [8, 1, 1]
    assert math.isfinite(task.baselines()["bigram"])
    with pytest.raises(UserError, match="at least 3 different texts of each class"):
        make(source=own([("x", "one"), ("x", "two")]))


def test_real_names(make, data_dir):
    task = make(data_dir=str(data_dir))
    assert len(task.categories) == 18
    baselines = task.baselines()
    assert 3.4 < baselines["bigram"] < 3.7 < 4.6 < baselines["unigram"] < 4.9
