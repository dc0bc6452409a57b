"""Pictures and their names: splits, batches, what is shown."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.batch import Split
from seqexp.system.errors import UserError

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def create(**settings):
    return tasks.create(
        "caption", **({"source": "digits", "language": "en", "examples": 2000, "split_seed": 0} | settings)
    )


def test_every_picture_is_in_one_split():
    task = create()
    rows = np.concatenate([task._rows[split] for split in SPLITS])
    assert len(rows) == len(set(rows.tolist())) == 1797
    assert len(create(examples=100)._rows["train"]) == 100
    assert np.array_equal(create(examples=100)._rows["test"], task._rows["test"])


def test_batches_are_pure_and_spell_what_the_picture_shows():
    task = create()
    assert task.shape.features == 64
    batch, again = (create().batch(1, "train", 60, 32) for _ in range(2))
    assert np.array_equal(batch.features, again.features)
    assert np.array_equal(batch.x, again.x)
    assert batch.features.min() >= 0
    assert batch.features.max() <= 1
    assert (batch.x[0] == -1).all()
    names = set(task._names)
    for column in range(batch.size):
        said = task._letters.decode(batch.target[: batch.lengths[column], column])
        assert said[-1] == "</s>"
        assert "".join(said[:-1]) in names
        assert task._letters.decode(batch.x[1 : batch.lengths[column], column]) == said[:-1]
    with pytest.raises(IndexError):
        task.batch(0, "test", task.batches("test", 32), 32)


def test_an_epoch_shows_each_picture_once():
    task = create(examples=100)
    shown = np.concatenate([task.batch(0, "train", index, 32).features for index in range(4, 8)], axis=1)
    assert shown.shape == (64, 100)
    want = task._seen(task._rows["train"])
    assert sorted(map(bytes, np.ascontiguousarray(shown.T))) == sorted(map(bytes, want))


def test_what_is_said_is_scored_and_shown():
    task = create(language="fr")

    def always_one(prompt, steps, *, end):
        said = [*task._letters.encode("un"), end]
        return np.tile(np.array(said + [end] * (steps - 3))[:, None], prompt.size)

    metrics, (samples, confusion) = task.generate(always_one, "test")
    ones = (task._which[task._rows["test"]] == 1).mean()
    assert metrics["exact_match"] == pytest.approx(ones)
    assert samples.rows[0][1] == "un" != samples.rows[0][2]
    assert confusion.counts[:, 1].sum() == confusion.counts.sum() == len(task._rows["test"])
    assert 0.09 < task.baselines()["most_frequent"] < 0.12

    def nonsense(prompt, steps, *, end):
        return np.zeros((steps, prompt.size), int)

    metrics, (samples, confusion) = task.generate(nonsense, "test")
    assert metrics["exact_match"] == 0
    assert confusion.counts[:, 10].sum() == len(task._rows["test"])


def test_names_are_part_of_the_fingerprint():
    assert create().fingerprint() != create(language="fr").fingerprint()
    with pytest.raises(UserError, match=r"^task.language: expected a language of num2words"):
        create(language="xx")


def test_mnist(data_dir):
    task = create(source="mnist-small", data_dir=str(data_dir), examples=500)
    assert task.shape.features == 784
    assert [len(task._rows[split]) for split in SPLITS] == [500, 2000, 10000]
    batch = task.batch(0, "test", 0, 32)
    assert (batch.features.min(), batch.features.max()) == (0, 1)
    assert "".join(task._letters.decode(batch.target[: batch.lengths[0] - 1, 0])) == "seven"  # the first test picture
    assert 0.09 < task.baselines()["most_frequent"] < 0.12
