"""A law that cannot be broken proves nothing: each of these mistakes, planted in a correct model or task, is told."""

from dataclasses import replace

import numpy as np
import pytest

from seqexp import testing
from seqexp.models import rnn
from seqexp.models.lstm import LSTM
from seqexp.models.rnn import RNN
from seqexp.tasks.adding import Adding
from seqexp.tasks.scorers import ValueScorer
from seqexp.testing import gradients, models
from seqexp.testing import tasks as of_tasks

forward, backward = RNN.forward, RNN.backward
batch, held_out = Adding.batch, vars(Adding)["_held_out"].func


def overwrites(self, p, grad, *rest, **how):
    grad.flat[:] = 0
    return backward(self, p, grad, *rest, **how)


def forgets_the_state(self, p, grad, dh, dstate, tape, need_dx=True):
    return backward(self, p, grad, dh, None, tape, need_dx)


def computes_what_nobody_needs(self, p, grad, dh, dstate, tape, need_dx=True):
    return backward(self, p, grad, dh, dstate, tape)


def leaves_out_too_much(self, p, grad, dh, dstate, tape, need_dx=True):
    return backward(self, p, grad if need_dx else p.like(), dh, dstate, tape, need_dx)


def spoils_the_tape(self, p, grad, dh, dstate, tape, need_dx=True):
    found = backward(self, p, grad, dh, dstate, tape, need_dx)
    tape.array("a", (len(tape.x) + 1, 1 + self.hidden_size + self.input_size, tape.x.shape[-1]), p.flat.dtype)[1:] *= 2
    return found


def sees_ahead(self, p, x, *rest, **how):
    return forward(self, p, x if x.ndim == 2 else x + x[-1:] * 0.1, *rest, **how)


def mixes_columns(self, p, x, *rest, **how):
    return forward(self, p, x if x.ndim == 2 else x + 0.1 * np.roll(x, 1, axis=-1), *rest, **how)


def takes_anything(self, p, x, *rest, **how):
    return forward(self, p, x.astype(p.flat.dtype) if x.ndim == 3 else x, *rest, **how)


@pytest.mark.parametrize(
    "law, part, mistake",
    [
        (gradients.gradients_are_exact, "backward", overwrites),
        (gradients.gradients_are_exact, "backward", forgets_the_state),
        (gradients.a_dx_that_nobody_needs_is_not_computed, "backward", computes_what_nobody_needs),
        (gradients.a_dx_that_nobody_needs_is_not_computed, "backward", leaves_out_too_much),
        (gradients.backward_leaves_the_tape_intact, "backward", spoils_the_tape),
        (models.no_step_sees_a_later_one, "forward", sees_ahead),
        (models.state_carries_across_a_split, "forward", sees_ahead),
        (models.columns_are_examples, "forward", mixes_columns),
        (models.a_ragged_batch_is_what_each_column_gives_alone, "forward", mixes_columns),
        (models.bad_input_is_named, "forward", takes_anything),
        (models.gates_are_one_protocol, "gates", lambda self, tape: {}),
    ],
)
def test_a_mistake_in_a_model_is_told(law, part, mistake, monkeypatch):
    law("rnn")
    monkeypatch.setattr(RNN, part, mistake, raising=False)
    with pytest.raises((AssertionError, ValueError)):
        law("rnn")


def test_subnormal_numbers_are_told(monkeypatch):
    monkeypatch.setattr(rnn, "flush", lambda a: None)
    with pytest.raises(AssertionError, match=r"after .* steps a vanishing derivative is subnormal"):
        gradients.a_vanishing_gradient_ends_in_zeros("rnn")


def test_gates_that_are_not_fixed_are_told(monkeypatch):
    whole = LSTM.gates
    monkeypatch.setattr(LSTM, "gates", lambda self, tape: {k: v * 0.99 for k, v in whole(self, tape).items()})
    with pytest.raises(AssertionError, match="is one just where it is fixed"):
        models.gates_are_one_protocol("lstm")


class MeanOfBatches(ValueScorer):
    def add(self, batch, y):
        super().add(batch, y)
        self._count = 1 if self._sum == 0 else self._count + 1 - y.size


calls = iter(range(1, 10**9))


@pytest.mark.parametrize(
    "law, changes",
    [
        (of_tasks.its_metrics_are_known, {"direction": "max"}),
        (of_tasks.its_metrics_are_known, {"primary_metric": "accuracy"}),
        (of_tasks.its_metrics_are_known, {"baselines": lambda self: {}}),
        (of_tasks.what_it_says_of_itself_is_right, {"distance": "lengths"}),
        (of_tasks.what_it_says_of_itself_is_right, {"fingerprint": lambda self: str(next(calls))}),
        (of_tasks.batches_are_pure, {"batch": lambda *a: replace(b := batch(*a), x=b.x + 1e-9 * next(calls))}),
        (of_tasks.batches_are_pure, {"batch": lambda self, seed, _, *a: batch(self, seed, "train", *a)}),
        (of_tasks.batches_fit_the_shape, {"batch": lambda *a: replace(b := batch(*a), x=b.x.swapaxes(1, 2))}),
        (of_tasks.batches_fit_the_shape, {"batch": lambda *a: replace(b := batch(*a), target=b.target * np.nan)}),
        (of_tasks.a_pass_has_every_example_once, {"batches": lambda self, split, size: self.examples // size}),
        (
            of_tasks.a_pass_has_every_example_once,
            {"batch": lambda *a: replace(b := batch(*a), target=b.target + a[-1])},
        ),
        (of_tasks.training_follows_the_seed_and_the_epoch, {"batch": lambda self, _, *a: batch(self, 0, *a)}),
        (
            of_tasks.training_follows_the_seed_and_the_epoch,
            {"batch": lambda self, s, p, i, n: batch(self, s, p, i % 2, n)},
        ),
        (
            of_tasks.validation_and_test_follow_the_split_seed,
            {"_held_out": property(lambda self: held_out(replace(self, split_seed=0)))},
        ),
        (of_tasks.splits_are_disjoint, {"batch": lambda self, seed, _, *a: batch(self, seed, "val", *a)}),
        (of_tasks.scores_do_not_depend_on_the_batch_size, {"scorer": lambda self: MeanOfBatches()}),
        (of_tasks.true_answers_beat_every_baseline, {"direction": "max"}),
        (of_tasks.a_network_learns_from_it, {"batch": lambda *a: replace(b := batch(*a), x=b.x[:, :1])}),
    ],
)
def test_a_mistake_in_a_task_is_told(law, changes, monkeypatch):
    of_tasks._built.cache_clear()
    law("adding", "task.examples=103", "task.length=6", "task.steps_per_epoch=2")
    of_tasks._built.cache_clear()
    for name, value in changes.items():
        monkeypatch.setattr(Adding, name, value)
    with pytest.raises((AssertionError, ValueError)):
        law("adding", "task.examples=103", "task.length=6", "task.steps_per_epoch=2")
    of_tasks._built.cache_clear()


def test_all_laws_in_one_call():
    testing.check_model("rnn", activation="sigmoid")
    testing.check_task("hello")
