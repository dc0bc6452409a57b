"""The loop's specification: when an epoch ends, what is logged, which weights are kept and tested, when it stops."""

import math

import pytest

from tests.training.scripted import Log, Script, trainer

STEPS = 2  # an epoch


def fit(script, **training):
    """The outcome and the log of a whole training."""
    log = Log()
    return trainer(script, **training).fit(log), log


def epochs(log):
    """After how many epochs training stopped."""
    return len(log.column("val/score"))


# -- an epoch


def test_an_epoch_is_the_tasks_steps_then_a_validation_and_the_test_comes_last():
    _, log = fit(Script(parts=[(4, 1.0), (2, 1.0)]), epochs=2)
    steps = {n: [("step", n, 4, 1.0), ("boundary", n)] for n in (1, 2, 3, 4)}
    batches = {n: [("boundary", n)] * 2 for n in (2, 4)}  # one behind each batch of an evaluation
    assert log.events == [
        *(steps[1] + steps[2] + batches[2] + [("metrics", 2), ("boundary", 2)]),
        *(steps[3] + steps[4] + batches[4] + [("metrics", 4), ("boundary", 4)]),
        *(batches[4] + [("metrics", 4)]),
    ]


def test_training_batches_go_on_over_the_epochs_and_evaluations_take_whole_splits():
    script = Script(parts=[(4, 1.0), (2, 1.0)])
    trainer(script, seed=7, epochs=2, batch_size=8).fit(Log())
    val = [(0, "val", 0, 64), (0, "val", 1, 64)]
    test = [(0, "test", 0, 64), (0, "test", 1, 64)]
    first, second = [(7, "train", n, 8) for n in (0, 1)], [(7, "train", n, 8) for n in (2, 3)]
    assert script.asked == first + val + second + val + test
    script = Script(parts=[(4, 1.0), (2, 1.0)])
    trainer(script, seed=7, data_seed=9, epochs=1, batch_size=8).fit(Log())
    assert script.asked == [(9, "train", 0, 8), (9, "train", 1, 8), *val, *test]
    script = Script()
    trainer(script, epochs=1, batch_size=100).evaluate("val")
    assert script.asked == [(0, "val", 0, 100)]


def test_what_is_logged():
    outcome, log = fit(Script(validations=[(0.25, 9.0)]), epochs=1)
    (end_of_epoch, metrics), (end, tested) = log.lines
    assert end_of_epoch == end == STEPS
    times = {"time/epoch_seconds": 2.5}
    scores = {"val/loss": 9.0, "val/score": 0.25, "val/generated": 2.0}
    assert metrics == {"train/loss": 1.0, "train/grad_norm": 1.0} | scores | times
    assert tested == outcome.metrics == {"test/loss": 9.0, "test/score": 2.0, "test/generated": 2.0}
    assert outcome.artifacts == ["scored", "generated for test"]


def test_the_training_loss_and_norm_are_means_over_the_epochs_steps():
    _, log = fit(Script(losses=[1, 3, 10, 20, 5, 7], gradients=[-1, -2, -3, -5, -4, -6]))
    assert log.column("train/loss") == pytest.approx([2, 15, 6])
    assert log.column("train/grad_norm") == pytest.approx([1.5, 4, 5])


def test_the_validation_loss_is_a_mean_over_answers_not_over_batches():
    _, log = fit(Script(validations=[(0.0, 2.0)], parts=[(3, 1.0), (3, 2.0), (1, 9.0)]), epochs=1)
    assert log.column("val/loss") == pytest.approx([2.0 * (3 * 1 + 3 * 2 + 1 * 9) / 7])


# -- the weights that are kept


@pytest.mark.parametrize(
    "validations, best",
    [
        ([(0.1, 1), (0.9, 1), (0.5, 1)], 2),
        ([(0.9, 1), (0.1, 1), (0.5, 1)], 1),
        ([(0.1, 1), (0.5, 1), (0.9, 1)], 3),
        ([(0.5, 1), (0.9, 50), (0.8, 1)], 2),  # the score decides, whatever the loss
        ([(0.5, 3), (0.5, 2), (0.5, 4)], 2),  # of equal scores the lower loss
        ([(0.5, 2), (0.5, 2), (0.5, 2)], 1),  # of equal losses the earlier
        ([(0.0, 9), (0.0, 9), (0.0, 1)], 3),
        ([(math.nan, 1), (0.2, 1), (0.1, 1)], 2),  # nan is worse than any number
        ([(0.2, 1), (math.nan, 1), (0.3, 1)], 3),
        ([(0.5, math.nan), (0.5, 7), (0.5, 8)], 2),
        ([(math.nan, 1), (math.nan, 1), (math.nan, 1)], 1),
    ],
)
@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_best_weights_are_kept_and_tested_not_the_last(validations, best, direction):
    sign = 1 if direction == "max" else -1
    turned = [(sign * score, loss) for score, loss in validations]
    outcome, log = fit(Script(validations=turned, direction=direction))
    assert epochs(log) == 3
    assert (outcome.best_step, outcome.steps) == (best * STEPS, 3 * STEPS)
    assert outcome.best.flat == [best * STEPS]
    assert outcome.metrics["test/score"] == outcome.metrics["test/generated"] == best * STEPS


def test_the_best_weights_are_a_copy():
    log, run = Log(), trainer(Script(validations=[(0.9, 1), (0.5, 1)]))
    start = run.best.flat.copy()
    run.train_step()
    assert run.best.flat == start != run.p.flat
    outcome = trainer(Script(validations=[(0.9, 1), (0.5, 1)])).fit(log)
    assert outcome.best.flat == [STEPS]


def test_without_a_test_the_best_weights_validation_is_the_outcome():
    script, log = Script(validations=[(0.1, 1), (0.9, 4), (0.5, 1)]), Log()
    outcome = trainer(script).fit(log, test=False)
    assert outcome.metrics == {"val/loss": 4.0, "val/score": 0.9, "val/generated": 2 * STEPS}
    assert "test" not in {split for _, split, _, _ in script.asked}
    assert len(log.lines) == 3  # one an epoch; its scores are not told twice


# -- the end


@pytest.mark.parametrize(
    "scores, patience, stops",
    [
        ([1, 0, 0, 0, 0, 0], None, 6),
        ([1, 0, 0, 0, 0, 0], 1, 2),
        ([1, 0, 0, 0, 0, 0], 2, 3),
        ([1, 0, 2, 0, 0, 0], 2, 5),  # a better epoch starts the count again
        ([1, 0, 2, 0, 3, 0], 2, 6),
        ([1, 0, 2, 1.5, 3, 0], 1, 2),  # what counts is the best so far,
        ([1, 0, 0.5, 0.8, 3, 0], 3, 4),  # not the epoch before
    ],
)
def test_patience_is_so_many_epochs_without_a_better_one(scores, patience, stops):
    _, log = fit(Script(validations=[(score, 1) for score in scores]), epochs=6, patience=patience)
    assert epochs(log) == stops


def test_a_lower_loss_at_an_equal_score_is_better_to_patience_too():
    _, log = fit(Script(validations=[(0, 9), (0, 8), (0, 7), (0, 7), (0, 7), (0, 7)]), epochs=6, patience=2)
    assert epochs(log) == 5


@pytest.mark.parametrize("max_seconds, stops", [(None, 6), (0.1, 1), (2.5, 1), (2.6, 2), (5.0, 2), (5.1, 3), (99, 6)])
def test_max_seconds_ends_with_the_epoch_in_which_they_pass(max_seconds, stops):
    """An epoch takes two seconds of training and half a second of validation."""
    outcome, log = fit(Script(), epochs=6, max_seconds=max_seconds)
    assert epochs(log) == stops
    assert outcome.seconds == 2.5 * stops  # the test is not counted
    assert log.column("time/epoch_seconds") == [2.5] * stops


@pytest.mark.parametrize(
    ("direction", "solved", "stops"),
    [("max", 0.9, 3), ("max", 0.95, 3), ("max", 0.96, 6), ("max", None, 6), ("min", 0.05, 6), ("min", 0.3, 2)],
)
def test_stop_when_solved_ends_with_the_epoch_whose_validation_solves_the_task(direction, solved, stops):
    scores = [0.5, 0.3, 0.95, 0.2, 0.1, 0.06]
    script = Script(validations=[(score, 1) for score in scores], direction=direction, solved=solved)
    outcome, log = fit(script, epochs=6, stop_when_solved=True)
    assert epochs(log) == outcome.epochs == stops
    assert outcome.stop == ("solved" if stops < 6 else "epochs")
    script = Script(validations=[(score, 1) for score in scores], direction=direction, solved=solved)
    assert epochs(fit(script, epochs=6)[1]) == 6, "by default it goes on"


@pytest.mark.parametrize(
    ("training", "stop"),
    [({}, "epochs"), ({"patience": 1}, "patience"), ({"max_seconds": 0.1}, "max_seconds")],
    ids=["nothing", "patience", "seconds"],
)
def test_the_outcome_says_what_ended_the_training(training, stop):
    assert fit(Script(), epochs=3, **training)[0].stop == stop


def test_epochs_are_the_most_there_are():
    outcome, log = fit(Script(), epochs=4, patience=9, max_seconds=1e9)
    assert (epochs(log), outcome.steps) == (4, 4 * STEPS)


def test_what_an_observer_does_uncounted_takes_no_time():
    script = Script()

    class Busy(Log):
        def on_boundary(self, trainer):
            with trainer.uncounted():
                script.now += 100

    outcome = trainer(script, max_seconds=7.4).fit(Busy())
    assert outcome.seconds == 7.5


def test_waiting_for_whoever_takes_the_metrics_takes_no_time():
    """A server of MLflow's that has died lets a run wait for seconds each epoch."""
    script = Script()

    class Slow(Log):
        def on_metrics(self, step, metrics):
            super().on_metrics(step, metrics)
            script.now += 100

    log = Slow()
    outcome = trainer(script, epochs=4, max_seconds=7.4).fit(log)
    assert outcome.seconds == 7.5
    assert log.column("time/epoch_seconds") == [2.5] * 3


@pytest.mark.parametrize(
    ("wanted", "carries", "batches"),
    [(2, False, [0, 2]), (2, True, [0, 1]), (3, False, [0, 1, 3]), (5, False, [0, 1, 2, 3, 4]), (9, True, range(5))],
)
def test_val_batches_bounds_the_validation_and_never_the_test(wanted, carries, batches):
    script = Script(parts=[(4, 1.0)] * 5, carry_state=carries)
    trainer(script, epochs=1, val_batches=wanted).fit(Log())
    assert [index for _, split, index, _ in script.asked if split == "val"] == [*batches]
    assert [index for _, split, index, _ in script.asked if split == "test"] == [0, 1, 2, 3, 4]


def test_during_an_evaluation_everybody_can_see_how_far_it_is():
    seen = []

    class Watching(Log):
        def on_boundary(self, trainer):
            seen.append(trainer.evaluated)

    trainer(Script(parts=[(4, 1.0)] * 2), epochs=1).fit(Watching())
    assert seen == [None, None, ("val", 1, 2), ("val", 2, 2), None, ("test", 1, 2), ("test", 2, 2)]


def test_what_comes_before_fit_takes_no_time():
    script = Script()
    run = trainer(script, epochs=1)
    script.now += 100
    assert run.fit(Log()).seconds == 2.5
