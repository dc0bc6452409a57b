"""One training step: what it draws, in which order it clips, decays and updates, and how large the update is."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from seqexp import models
from seqexp.data.batch import Batch
from seqexp.networks import Chain
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import Diverged
from seqexp.tasks import Shape
from seqexp.tasks.scorers import ValueScorer
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training
from tests.training.scripted import Log, Script, trainer


def moves(run, steps):
    """By how much each step moves the weight."""
    weights = [float(run.p.flat[0])]
    for _ in range(steps):
        run.train_step()
        weights.append(float(run.p.flat[0]))
    return np.diff(weights)


def test_it_returns_the_loss_before_the_update_and_the_gradient_norm():
    run = trainer(Script(losses=[4.0, 9.0], gradients=[-2.0, 3.0]))
    assert run.train_step() == (4.0, 2.0)
    assert run.train_step() == (9.0, 3.0)
    assert run.step == 2


def test_the_gradient_is_clipped_before_the_update_and_its_norm_taken_before_that():
    run = trainer(Script(gradients=[-5.0, -0.5, 5.0]), clip_norm=2.0)
    norms = []
    for weight in (2.0, 2.5, 0.5):
        norms.append(run.train_step()[1])
        assert run.p.flat == [weight]
    assert norms == [5.0, 0.5, 5.0]


def test_without_a_clip_norm_nothing_is_clipped():
    assert moves(trainer(Script(gradients=[-5000.0]), clip_norm=None), 1) == [5000.0]


def test_gradients_of_earlier_steps_are_gone():
    run = trainer(Script(gradients=[-3.0, -1.0, 0.0]))
    assert moves(run, 3).tolist() == [3.0, 1.0, 0.0]


def test_the_schedule_runs_over_all_planned_steps():
    """Three epochs of two steps: cosine is at its middle after one and a half of them."""
    cosine = optimizers.create("sgd", learning_rate=1.0, schedule="cosine")
    want = [0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(6)]
    np.testing.assert_allclose(moves(trainer(Script(), optimizer=cosine), 6), want)
    halves = optimizers.create("sgd", learning_rate=1.0, schedule="step", step_fraction=0.5, step_factor=0.25)
    assert moves(trainer(Script(), optimizer=halves), 6).tolist() == [1, 1, 1, 0.25, 0.25, 0.25]


class Told:
    """An optimizer that writes down what it is told."""

    learning_rate = 1.0

    def __init__(self):
        self.said = []

    def init(self, flat):
        return {}

    def rate(self, progress):
        return 10 + progress

    def update(self, flat, grad, state, rate, step, spans):
        self.said.append((rate, step))


def test_an_optimizer_is_told_its_rate_and_steps_from_one_on():
    told = Told()
    trainer(Script(), optimizer=told, epochs=2).fit(Log())
    assert told.said == [(10, 1), (10.25, 2), (10.5, 3), (10.75, 4)]


@pytest.mark.parametrize("name", optimizers.names())
def test_weight_decay_follows_the_scheduled_rate(name):
    """With no gradient all that moves the weight is its decay."""
    optimizer = optimizers.create(name, learning_rate=0.5, schedule="cosine", weight_decay=0.1)
    run, want = trainer(Script(gradients=[0.0], start=8.0), optimizer=optimizer), 8.0
    for step in range(6):
        want *= 1 - 0.1 * optimizer.rate(step / 6)
        run.train_step()
        np.testing.assert_allclose(run.p.flat, want, rtol=1e-12)


@pytest.mark.parametrize("name", optimizers.names())
def test_the_first_step_of_an_optimizer_is_its_first(name):
    """Adam's correction at step 1 makes its first move the rate itself; the others' follow from their equations."""
    optimizer = optimizers.create(name, learning_rate=0.125)
    first = {"sgd": 0.125 * 4, "momentum": 0.125 * 4, "rmsprop": 0.125 / math.sqrt(1 - 0.99), "adam": 0.125}
    np.testing.assert_allclose(moves(trainer(Script(gradients=[-4.0]), optimizer=optimizer), 1), first[name], rtol=1e-6)


# -- randomness


def test_each_step_has_a_dropout_mask_of_its_own_and_an_evaluation_none():
    script = Script(dropout=0.5, parts=[(4, 1.0), (2, 1.0)])
    trainer(script, seed=3, epochs=2).fit(Log())
    drawn = [stream(3, Purpose.DROPOUT, step).random() for step in range(4)]
    assert script.draws == [*drawn[:2], None, None, *drawn[2:], None, None, None, None]
    assert len(set(drawn)) == 4


def test_without_dropout_nothing_is_drawn():
    script = Script(dropout=0.0)
    trainer(script, epochs=1).fit(Log())
    assert set(script.draws) == {None}


class Ones:
    """Two features that are always one; the answer is one."""

    shape = Shape(inputs=2, tokens=False, outputs=1, answers="last", loss="squared")
    primary_metric, direction, carry_state = "mse", "min", False

    def batches(self, split, batch_size):
        return 3

    def batch(self, seed, split, index, batch_size):
        return Batch(np.ones((4, 2, batch_size)), np.ones((1, batch_size)))

    def scorer(self):
        return ValueScorer()

    test_scorer = scorer

    def generate(self, generator, split):
        return {}, []


@pytest.mark.parametrize("name", models.names("sequences"))
def test_the_start_depends_on_the_seed_and_on_nothing_else(name):
    def start(seed, dropout=0.0, rate=0.1, data_seed=None):
        network = Chain(models.create(name, input_size=2, hidden_size=3), 1, "last", None, dropout)
        settings = Training(epochs=1, batch_size=2, clip_norm=None, patience=None, max_seconds=None)
        sgd = optimizers.create("sgd", learning_rate=rate)
        task: Any = Ones()
        return Trainer(network, task, sgd, settings, seed=seed, data_seed=data_seed, dtype=np.float64).p.flat

    assert np.array_equal(start(1), start(1, dropout=0.5, rate=0.2, data_seed=2))
    starts = [start(seed) for seed in range(3)]
    for other in (1, 2):
        assert not np.allclose(starts[0], starts[other])
    assert not np.allclose(starts[1], starts[2])


# -- a real network


def of_a_real_network(dtype=np.float64, optimizer="sgd", **settings):
    network = Chain(models.create("rnn", input_size=2, hidden_size=3), 1, "last")
    training = Training(epochs=1, batch_size=2, clip_norm=None, patience=None, max_seconds=None)
    task: Any = Ones()
    return Trainer(network, task, optimizers.create(optimizer, **settings), training, seed=1, dtype=dtype)


def test_a_step_goes_down_the_gradient():
    run = of_a_real_network(learning_rate=0.25)
    before, grad = run.p.like(run.p.flat.copy()), run.p.like()
    batch = Ones().batch("train", 0, 0, 2)
    y, _, tape = run.network.forward(before, batch)
    loss, loss_tape = run.loss.forward(y, batch.answers())
    run.network.backward(before, grad, run.loss.backward(loss_tape), tape)
    told, norm = run.train_step()
    assert (told, norm) == (float(loss), pytest.approx(float(np.linalg.norm(grad.flat))))
    np.testing.assert_allclose(run.p.flat, before.flat - 0.25 * grad.flat, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_of_a_training_is_in_one_precision(dtype):
    run = of_a_real_network(dtype, "adam", learning_rate=0.1)
    run.train_step()
    arrays = [run.p.flat, run.best.flat, run.grad.flat, *run.state.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_training_steps_write_over_one_tape_and_evaluations_over_another():
    """So that neither asks for memory again and again."""
    run = of_a_real_network(learning_rate=0.1)
    forward, tapes = run.network.forward, []

    def watched(p, batch, state0=None, dropout_rng=None, tape=None, keep=True):
        tapes.append((keep, id(tape)))
        return forward(p, batch, state0, dropout_rng, tape, keep)

    run.network.forward = watched
    run.fit(Log())
    assert [keep for keep, _ in tapes] == [True] * 3 + [False] * 6
    assert len(set(tapes)) == len({tape for _, tape in tapes} - {id(None)}) == 2


# -- the state that is carried


def test_a_carried_state_goes_from_step_to_step_and_each_epoch_starts_without():
    script = Script(carry_state=True, parts=[(4, 1.0), (4, 1.0)], steps=3)
    trainer(script, epochs=2).fit(Log())
    train, val, train_again, val_again, test = [None, 1, 2], [None, 4], [None, 6, 7], [None, 9], [None, 11]
    assert script.states == [*train, *val, *train_again, *val_again, *test]


def test_a_task_that_carries_nothing_starts_each_batch_from_zeros():
    script = Script(carry_state=False, parts=[(4, 1.0), (4, 1.0)])
    run = trainer(script, epochs=1)
    run.fit(Log())
    assert set(script.states) == {None}
    assert run.carried is None


# -- divergence


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["losses", "gradients"])
def test_a_loss_or_gradient_that_is_no_number_stops_before_it_moves_anything(bad, where):
    momentum = optimizers.create("momentum", learning_rate=0.25)
    script = Script(losses=[1.0, bad]) if where == "losses" else Script(gradients=[1.0, bad])
    run = trainer(script, optimizer=momentum, clip_norm=3.0)
    run.train_step()
    before = run.p.flat.copy(), run.state["u"].copy(), asdict(run.counters)
    with pytest.raises(Diverged, match=r"step 2: .*optimizer.learning_rate \(now 0.25\).*clip_norm \(now 3.0\)"):
        run.train_step()
    assert (run.p.flat, run.state["u"], asdict(run.counters)) == before
    assert run.step == 1
