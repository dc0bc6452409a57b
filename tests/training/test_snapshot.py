"""A training that stops at any boundary and goes on from its snapshot ends as one that never stopped."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from seqexp.training import optimizers
from seqexp.training.checkpoints import Snapshot
from tests.training.scripted import Log, Script, trainer

SETTINGS: dict[str, Any] = {"epochs": 5, "patience": 2, "max_seconds": 1e6}


def script():
    """Five epochs of two steps, of which the third is the best and patience ends with the fifth."""
    validations = [(1, 5.0), (0, 4.0), (3, 4.0), (3, 9.0), (0, 1.0)]
    return Script(validations=validations, parts=[(3, 1.0), (1, 9.0)], losses=[float(n) for n in range(1, 11)])


def build(run_script):
    optimizer = optimizers.create("momentum", learning_rate=1.0, momentum=0.0, schedule="constant")
    return trainer(run_script, optimizer=optimizer, **SETTINGS)


class Cut(Exception):
    pass


class Until(Log):
    """Takes the snapshot of the boundary with this number, as a file would keep it, and ends there."""

    def __init__(self, number):
        super().__init__()
        self.number, self.snapshot = number, None
        self.count = 0

    def on_boundary(self, trainer):
        if self.count == self.number:
            taken = trainer.snapshot()
            arrays = {name: array.copy() for name, array in taken.arrays.items()}
            self.snapshot = Snapshot(arrays, json.loads(json.dumps(taken.numbers)))
            raise Cut
        self.count += 1


def told(log):
    """The logged lines but their times."""
    return [(step, {k: v for k, v in metrics.items() if not k.startswith("time/")}) for step, metrics in log.lines]


def boundaries():
    log = Log()
    build(script()).fit(log)
    return Counter(event[0] for event in log.events)["boundary"]


@pytest.mark.parametrize("number", range(boundaries()))
def test_going_on_from_any_boundary(number):
    whole_log, first_log, second_log = Log(), Until(number), Log()
    whole = build(script()).fit(whole_log)
    with pytest.raises(Cut):
        build(script()).fit(first_log)
    assert first_log.snapshot is not None
    run = build(script())
    run.network._steps = run_steps = first_log.snapshot.numbers["step"]  # the script is at that step
    run.restore(first_log.snapshot)
    assert run.step == run_steps
    outcome = run.fit(second_log)
    assert told(first_log) + told(second_log) == told(whole_log)
    assert (outcome.best_step, outcome.steps, outcome.metrics) == (whole.best_step, whole.steps, whole.metrics)
    assert np.array_equal(outcome.best.flat, whole.best.flat)


def test_time_goes_on_from_where_the_snapshot_was_taken():
    first = Until(4)  # within the first validation's end: two steps, two parts, then the epoch's boundary
    with pytest.raises(Cut):
        build(script()).fit(first)
    assert first.snapshot is not None
    assert first.snapshot.numbers["seconds"] == 3.0
    again = script()
    run = build(again)
    run.restore(first.snapshot)
    again.now += 500  # nobody trains meanwhile
    log = Log()
    outcome = run.fit(log)
    assert outcome.seconds == 5 * 3.0
    assert log.column("time/epoch_seconds") == [3.0] * 4


def test_a_snapshot_has_the_epochs_sums_so_far():
    first = Until(0)
    with pytest.raises(Cut):
        build(script()).fit(first)
    assert first.snapshot is not None
    numbers = first.snapshot.numbers
    assert (numbers["step"], numbers["epoch"], numbers["loss_sum"], numbers["norm_sum"]) == (1, 0, 1.0, 1.0)
    assert (numbers["seconds"], numbers["epoch_seconds"]) == (1.0, 1.0)
    assert set(first.snapshot.arrays) == {"weights", "best", "optimizer.u"}


def test_a_carried_state_is_restored_as_a_copy():
    run = trainer(Script(carry_state=True))
    run.train_step()
    taken = run.snapshot()
    other = trainer(Script(carry_state=True))
    other.restore(taken)
    assert other.carried is not None
    assert np.array_equal(other.carried, taken.arrays["carried"])
    assert not np.shares_memory(other.carried, taken.arrays["carried"])
    fresh = trainer(Script(carry_state=True))
    fresh.train_step()
    fresh.restore(trainer(Script(carry_state=True)).snapshot())
    assert fresh.carried is None


def changed(**changes):
    run = build(script())
    run.train_step()
    taken = run.snapshot()
    arrays = dict(taken.arrays) | {k[6:].replace("__", "."): v for k, v in changes.items() if k.startswith("array_")}
    numbers = dict(taken.numbers) | {k: v for k, v in changes.items() if not k.startswith("array_")}
    return Snapshot(arrays, {k: v for k, v in numbers.items() if v is not None})


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"step": None}, "counters"),
        ({"step": 1.0}, "counters"),
        ({"step": True}, "counters"),
        ({"epoch": None}, "counters"),
        ({"epoch": 0.0}, "counters"),
        ({"over": 0}, "counters"),
        ({"more": 1}, "counters"),
        ({"step": 3}, "step 3 is not in epoch 1 of 5"),
        ({"step": -1}, "step -1"),
        ({"step": 1, "epoch": 1}, "step 1 is not in epoch 2 of 5"),
        ({"step": 12, "epoch": 6}, "step 12 is not in epoch 7 of 5"),
        ({"step": -2, "epoch": -1}, "step -2"),
        ({"array_optimizer__M": np.zeros(1)}, "arrays"),
        ({"array_weights": np.zeros(1, np.float32)}, r"weights is float32 \(1,\), not float64 \(1,\)"),
        ({"array_best": np.zeros(2)}, r"best is float64 \(2,\), not float64 \(1,\)"),
        ({"array_carried": np.zeros((2, 3))}, r"carried is float64 \(2, 3\), not float64 \(1, 3\)"),
    ],
)
def test_a_snapshot_of_something_else_is_refused_and_changes_nothing(changes, says):
    run = build(script())
    before = run.p.flat.copy(), run.best.flat.copy(), run.counters, run.step
    with pytest.raises(ValueError, match=says):
        run.restore(changed(**changes))
    assert (run.p.flat, run.best.flat, run.counters, run.step) == before


@pytest.mark.parametrize("changes", [{"step": 2}, {"step": 2, "epoch": 1}, {"step": 10, "epoch": 5, "over": True}])
def test_the_first_and_the_last_step_of_an_epoch_belong_to_it(changes):
    run = build(script())
    run.restore(changed(**changes))
    assert run.step == changes["step"]
