"""Rows of numbers: one step each, the user's own tables, and what is wrong with them."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.system.errors import UserError


def make(source="wine", **changes):
    settings = {"source": source, "split_seed": 0, "label_column": "label", "value_columns": None}
    return tasks.create("one_to_one", **(settings | changes))


def table(tmp_path, *lines):
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines))
    return str(path)


def rows(count=30, gap=False):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(count, 2)).round(3).tolist()
    lines = [f"{a},{b},{'up' if a > 0 else 'down'}" for a, b in numbers]
    return ["width,height,label", *lines, *(["?,0.5,up"] if gap else [])]


@pytest.mark.parametrize("source, numbers, classes", [("wine", 13, 3), ("iris", 4, 3), ("breast-cancer", 30, 2)])
def test_every_example_is_one_step(source, numbers, classes):
    task = make(source)
    batch = task.batch(0, "train", 0, 8)
    assert batch.x.shape == (1, numbers, 8)
    assert (batch.lengths, batch.answered) == (None, None)
    assert (task.shape.inputs, task.shape.outputs) == (numbers, classes)
    assert task.baselines()["linear"] > 0.85 > task.baselines()["majority"]


def test_numbers_are_scaled_by_the_training_part(tmp_path):
    task = make(table(tmp_path, *rows(200)))
    train = np.concatenate([task.batch(0, "train", i, 40).x[0] for i in range(task.batches("train", 40))], axis=1)
    np.testing.assert_allclose(train.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=1), 1, atol=1e-5)


def test_a_missing_number_is_the_mean_and_is_marked(tmp_path):
    task = make(table(tmp_path, *rows(gap=True)))
    x = np.concatenate([task.batch(0, s, i, 64).x[0] for s in ("train", "val", "test") for i in (0,)], axis=1)
    assert x.shape[0] == 4
    (marked,) = np.flatnonzero(x[2])
    assert x[0, marked] == 0
    assert not x[3].any()
    assert task.codec().encode(["? 1"]).x[0, :, 0].tolist()[::2] == [0.0, 1.0]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["width,label", *(f"{n},a" for n in range(9)), "wide,b"], r"own.csv:11: expected a number in column 'width'"),
        (["width,label", *(f"{n},a" for n in range(9)), "inf,b"], r"own.csv:11: expected a finite number"),
        (["width,class", "1,a"], r"expected a column 'label'"),
        (["label", "a", "b"], r"expected rows of numbers"),
        (["width,label"], r"expected rows of numbers"),
        (["width,label", *(f"?,{'ab'[n % 2]}" for n in range(2)), *(f"{n},a" for n in range(9))], r"class 'b' has"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        make(table(tmp_path, *lines))


@pytest.mark.parametrize("text", ["1", "1 2 3", "a b", "? 1", "inf 1"])
def test_a_row_of_another_form_is_refused(tmp_path, text):
    codec = make(table(tmp_path, *rows())).codec()
    assert codec.encode(["1, 2"]).x.shape == (1, 2, 1)
    with pytest.raises(UserError, match=r"^row: expected 2 numbers"):
        codec.encode([text])


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_part_of_ones_own_is_that_part(tmp_path, part):
    source = table(tmp_path, *rows(60))
    (tmp_path / "part.csv").write_text("width,height,label\n90,0,up\n91,0,down\n")
    task = make(source, **{f"{part}_source": str(tmp_path / "part.csv")})
    own, other = (task.batch(0, split, 0, 64) for split in (part, "test" if part == "val" else "val"))
    assert (own.size, own.x[0, 0].min() > 10) == (2, True)
    assert other.size > 2


def test_columns_that_are_named_are_all_that_is_read(tmp_path):
    source = table(tmp_path, *rows(60))
    assert make(source).shape.inputs == 2
    assert make(source, value_columns=("height",)).shape.inputs == 1
