"""Series of numbers: their parts, their scale, and what can be told without memory."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.system.errors import UserError
from seqexp.tasks import passes


@pytest.fixture
def make(task_settings):
    settings = task_settings("series_classify")
    return lambda **changes: tasks.create(**(settings | changes))


@pytest.fixture
def table(tmp_path):
    def write(name, rows, shift=0.0):
        path = tmp_path / name
        lines = [f"{n}{name},{t},{shift + n + t},{'ab'[n % 2]}" for n in range(rows) for t in range(3 + n % 2)]
        path.write_text("\n".join(["id,t,value,label", *lines]) + "\n")
        return str(path)

    return write


def columns(batch):
    """Each series' first channel."""
    assert batch.lengths is not None
    return [batch.x[:n, 0, column] for column, n in enumerate(batch.lengths)]


LONG = {"id_column": "id", "time_column": "t"}


def test_own_series_are_in_one_part_each_and_scaled_by_training_alone(make, table):
    task = make(source=table("a.csv", 40), test_source=table("b.csv", 10, shift=100), **LONG)
    x = {split: [one for batch in passes(task, split, 4) for one in columns(batch)] for split in ("val", "test")}
    train = [task.batch(0, "train", i, 4) for i in range(task.batches("train", 4))]
    steps = np.concatenate([one for batch in train for one in columns(batch)])
    assert steps.mean() == pytest.approx(0, abs=1e-6)
    assert steps.std() == pytest.approx(1, abs=1e-6)
    assert len(x["test"]) == 10
    assert len(x["val"]) == 4
    assert min(one.min() for one in x["test"]) > 5  # the test's own scale is not looked at


def test_a_series_that_the_test_has_is_left_out_of_training(make, table):
    task = make(source=table("a.csv", 40), test_source=table("b.csv", 10), **LONG)
    assert sum(task.batch(0, "train", i, 4).size for i in range(task.batches("train", 4))) == 40 - 10 - 4


def test_a_masked_value_is_the_mean_and_said(make, tmp_path):
    lines = [f"{'ab'[n % 2]},{n},{'' if n == 5 else n * 2},{n + 1}" for n in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["label,s1,s2,s3", *lines]) + "\n")
    source = str(tmp_path / "a.csv")
    masked, filled = make(source=source, missing="mask"), make(source=source)
    assert masked.shape.inputs == 2
    assert filled.shape.inputs == 1
    whole = [masked.batch(0, "train", 0, 100), *passes(masked, "val", 100), *passes(masked, "test", 100)]
    gaps = np.concatenate([batch.x[:, 1] for batch in whole], axis=1)
    values = np.concatenate([batch.x[:, 0] for batch in whole], axis=1)
    assert gaps.sum() == 1
    assert values[gaps > 0] == 0


def test_parts_of_other_channels_are_refused(make, tmp_path, table):
    other = tmp_path / "b.csv"
    other.write_text("id,t,value,more,label\nq,0,1,2,a\n")
    with pytest.raises(UserError, match=r"expected as many channels in each part; got train 1, test 2"):
        make(source=table("a.csv", 40), test_source=str(other), **LONG)


def test_a_class_that_training_lacks_is_refused(make, tmp_path, table):
    other = tmp_path / "b.csv"
    other.write_text("id,t,value,label\nq,0,1,c\n")
    with pytest.raises(UserError, match=r"expected series of every class for training; class 'c' has none"):
        make(source=table("a.csv", 40), test_source=str(other), **LONG)


def test_generated_waves_tell_nothing_without_memory(make):
    floors = make().baselines()
    assert floors["mean step"] < 0.56
    assert floors["last step"] < 0.56


def test_japanese_vowels_are_the_published_ones(make, data_dir):
    task = make(source="japanese-vowels", data_dir=data_dir)
    sizes = {split: sum(batch.size for batch in passes(task, split, 64)) for split in ("val", "test")}
    assert sizes == {"val": 27, "test": 370}
    assert task.shape.inputs == 12
    assert len(task.labels) == 9
    assert task.baselines()["mean step"] == pytest.approx(0.954, abs=0.002)


def test_channels_that_are_named_are_all_that_is_read(make, tmp_path):
    lines = [f"{n},{t},{n + t},{n - t},{'ab'[n % 2]}" for n in range(30) for t in range(3)]
    (tmp_path / "a.csv").write_text("\n".join(["id,t,up,down,label", *lines]) + "\n")
    source = str(tmp_path / "a.csv")
    both, one = make(source=source, **LONG), make(source=source, value_columns=("down",), **LONG)
    assert (both.shape.inputs, one.shape.inputs) == (2, 1)
    np.testing.assert_allclose(one.batch(0, "val", 0, 4).x[:, 0], both.batch(0, "val", 0, 4).x[:, 1])
