"""Arrays as a task: what X and y may be, how they are divided, and what a network then says of new ones."""

from typing import Any

import numpy as np
import pytest

import seqexp
from seqexp.api.arrays import Arrays
from seqexp.codecs import series
from seqexp.testing.batches import fits

RNG = np.random.default_rng(0)
N, T, F = 40, 5, 3
NUMBERS, TOKENS = RNG.normal(0, 1, (N, T, F)), RNG.integers(0, 7, (N, T))
RAGGED = [RNG.normal(0, 1, (2 + n % 3, F)) for n in range(N)]
SIDES = NUMBERS[:, :, 0].sum(axis=1) > 0


@pytest.mark.parametrize(
    "X, y, inputs, tokens, outputs, answers, metric",
    [
        (NUMBERS, SIDES, F, False, 2, "last", "accuracy"),
        (NUMBERS, np.where(SIDES, "up", "down"), F, False, 2, "last", "accuracy"),
        (NUMBERS, SIDES.astype(int)[:, None], F, False, 2, "last", "accuracy"),
        (NUMBERS.tolist(), SIDES.tolist(), F, False, 2, "last", "accuracy"),
        (NUMBERS[:, :, 0], NUMBERS[:, -1, 1], 1, False, 1, "last", "mse"),
        (NUMBERS, NUMBERS[:, -1, :2], F, False, 2, "last", "mse"),
        (NUMBERS, NUMBERS[:, :, 0] > 0, F, False, 2, "steps", "accuracy"),
        (NUMBERS, NUMBERS[:, :, :2], F, False, 2, "steps", "mse"),
        (TOKENS, TOKENS[:, 0] % 2, 7, True, 2, "last", "accuracy"),
        (TOKENS, TOKENS, 7, True, 7, "steps", "accuracy"),
        (RAGGED, SIDES, F, False, 2, "last", "accuracy"),
        (TOKENS, TOKENS[:, -1] / 7, 7, True, 1, "last", "mse"),
        (TOKENS, TOKENS[:, :, None] / 7, 7, True, 1, "steps", "mse"),
        (RAGGED, [one[:, 0] for one in RAGGED], F, False, 1, "steps", "mse"),
    ],
)
def test_the_shapes_of_x_and_y_say_what_is_asked(X, y, inputs, tokens, outputs, answers, metric):
    task = Arrays(X, y)
    shape = task.shape
    assert (shape.inputs, shape.tokens, shape.outputs, shape.answers) == (inputs, tokens, outputs, answers)
    assert task.primary_metric == metric
    assert task.fingerprint() == Arrays(X, y).fingerprint() != Arrays(X, y, split_seed=1).fingerprint()
    fits("arrays", task.batch(0, "train", 0, 8), task)
    assert all(np.isfinite(score) for score in task.baselines().values())
    assert task.codec().shape == shape


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("values", [False, True], ids=["classes", "values"])
@pytest.mark.parametrize("tokens", [False, True], ids=["numbers", "tokens"])
def test_what_is_told_at_each_step_is_spelled_and_recorded(tokens, values, ragged):
    """Typed examples are the batch's; what is said of them scores in predictions.csv as in the test."""
    X: list[np.ndarray] = [(TOKENS if tokens else NUMBERS)[n][: T - n % 3 if ragged else T] for n in range(N)]
    y = [np.stack([one, one], axis=-1) / 7.0 if tokens else one[:, :2] for one in X]
    if not values:
        y = [one[:, 0] > 0.5 for one in y]
    task = Arrays(X, y)
    codec, batch, scorer = task.codec(), task.batch(0, "test", 0, 4), task.scorer()
    assert batch.answered is not None
    lengths = batch.answered.sum(axis=0).tolist()
    rows = sorted(task._splits["test"][:4], key=lambda row: -len(X[row]))
    typed = codec.encode([series.typed(X[row]) for row in rows])
    np.testing.assert_array_equal(typed.answered, batch.answered)
    for column, steps in enumerate(lengths):
        np.testing.assert_allclose(typed.x[:steps, ..., column], batch.x[:steps, ..., column], rtol=1e-6)
    raw = np.random.default_rng(1).normal(size=(codec.shape.outputs, sum(lengths)))
    answers, recorded = codec.decode(batch, raw), codec.record(batch, raw)
    scorer.add(batch, raw)
    if values:
        told = [np.array([step.split(",") for step in one.text.split()], float) for one in answers]
        assert [len(one.rows) for one in answers] == [len(one) for one in told] == lengths
        np.testing.assert_allclose(told[0][0], raw[:, 0], rtol=1e-5)
        assert [(row["step"], row["column"]) for row in recorded] == [*zip(*np.nonzero(batch.answered), strict=True)]
        true, said = ([float(one) for row in recorded for one in row[key].split()] for key in ("truth", "answer"))
        assert scorer.metrics()["mse"] == pytest.approx(np.square(np.subtract(true, said)).mean())
    else:
        assert [len(one.text.split()) for one in answers] == lengths
        right = [a == b for row in recorded for a, b in zip(row["truth"].split(), row["answer"].split(), strict=True)]
        assert scorer.metrics()["accuracy"] == pytest.approx(np.mean(right))


def test_equal_examples_are_in_one_part_and_parts_of_ones_own_stay_as_they_are():
    whole = Arrays(np.concatenate([NUMBERS, NUMBERS]), np.concatenate([SIDES, SIDES]))
    assert sum(len(part) for part in whole._splits.values()) == N
    own = Arrays(NUMBERS, SIDES, test=(NUMBERS[:10] + 9, SIDES[:10]))
    batch = own.batch(0, "test", 0, 10)
    assert batch.size == 10
    assert batch.x.min() > 2, "scaled by the training part"


@pytest.mark.parametrize(
    "X, y, says",
    [
        (NUMBERS, SIDES[:-1], "y: expected 40 rows, one an example of X; got 39"),
        ("text", SIDES, r"X: expected X \(examples, steps, features\)"),
        (["good", "bad"], [1, 0], "for texts take task=sentiment with a file"),
        (NUMBERS * np.nan, SIDES, "X: expected finite numbers"),
        (TOKENS - 9, SIDES, "tokens from 0 on; example 0 has none or others"),
        (NUMBERS, SIDES * 0, r"y: expected two classes at least, or floats; got only \[0\]"),
        (NUMBERS, NUMBERS[:, :2] > 0, r"y: expected one answer of example 0; got an array of shape \(2, 3\)"),
        (NUMBERS[:3], ["a", "b", "c"], "X, y: expected at least 3 different examples of each class"),
        (NUMBERS[:0], SIDES[:0], "X: expected examples; got none"),
    ],
)
def test_arrays_that_cannot_be_used_are_told_in_one_line(X, y, says):
    with pytest.raises(seqexp.UserError, match=says):
        Arrays(X, y)


def test_arrays_apart_are_told_to_be_a_pair():
    with pytest.raises(seqexp.UserError, match=r"^X: expected arrays as one pair, task=\(X, y\)$"):
        seqexp.run(model="lstm", X=NUMBERS, y=SIDES)


def test_a_pair_of_arrays_is_a_task_and_its_run_answers_new_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick: dict[str, Any] = {"tracking": "off", "figures": "none", "training": {"epochs": 2}}
    result = seqexp.run("model.hidden_size=4", task=(NUMBERS, SIDES), model="lstm", predictions=True, **quick)
    assert (result.result.task, set(result.baseline)) == ("arrays", {"majority", "one step"})
    answers = seqexp.load(result.directory).predict(NUMBERS[:3])
    assert {answer.text for answer in answers} <= {"True", "False"}
    assert [one.text for one in answers] == [result.predict([NUMBERS[n]])[0].text for n in range(3)]
    again = seqexp.run("model.hidden_size=4", task=(NUMBERS, SIDES), model="lstm", predictions=True, **quick)
    assert again.metrics == result.metrics
    values = seqexp.run("model.hidden_size=4", task=(NUMBERS, NUMBERS[:, -1, 1]), model="rnn", **quick)
    (answer,) = values.predict(NUMBERS[:1])
    assert answer.rows == ({"y1": float(answer.rows[0]["y1"])},)
