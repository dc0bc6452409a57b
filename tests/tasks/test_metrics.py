"""Metrics by name: whether larger is better, and which score solves a task. What makes a class a task."""

from typing import Any

import pytest

from seqexp import tasks
from seqexp.system.errors import UserError
from seqexp.tasks import Task, metrics
from seqexp.tasks.metrics import Metric


@pytest.mark.parametrize("name", ["mse", "test/mse", "best/val/mse"])
def test_a_metric_is_found_with_and_without_its_split(name):
    assert metrics.lookup(name) == Metric("mse", "mean squared error", "min")
    assert metrics.label(name) == "mean squared error"


def test_a_metric_nobody_registered_is_refused_but_may_stand_at_an_axis():
    with pytest.raises(UserError, match=r"metric mean_luck: expected one of accuracy, macro_f1, .*, loss, or one that"):
        metrics.lookup("test/mean_luck")
    assert metrics.label("test/mean_luck") == "mean_luck"


def test_what_a_task_may_be_judged_by_comes_first(monkeypatch):
    table = {name: Metric(name, name, "min", primary=name > "b") for name in ("c", "a", "loss", "d")}
    monkeypatch.setattr(metrics, "_table", table)
    assert metrics.names() == ["c", "loss", "d", "a"]


def test_a_metric_is_registered_once(monkeypatch):
    """Two tasks may share one, but not disagree about it."""
    monkeypatch.setattr(metrics, "_table", {})
    luck = Metric("luck", "luck", "max")
    assert metrics.register(luck) == metrics.register(Metric("luck", "luck", "max")) == luck
    with pytest.raises(ValueError, match=r"'luck' is registered twice: .*direction='max'.* and .*direction='min'"):
        metrics.register(Metric("luck", "luck", "min"))
    assert metrics.lookup("luck") is luck


@pytest.mark.parametrize(
    "direction, solved, scores",
    [
        ("max", 0.9, {0.89: False, 0.9: True, 1.0: True, float("nan"): False, None: False}),
        ("min", 0.1, {0.11: False, 0.1: True, 0.0: True, float("nan"): False, None: False}),
        ("max", None, {1.0: None, None: None}),
    ],
)
def test_a_task_is_solved_from_the_score_it_states(direction, solved, scores, task_settings):
    task = tasks.create(**task_settings("copy"))
    task.direction, task.solved = direction, solved
    assert [tasks.solves(task, score) for score in scores] == list(scores.values())


def test_a_class_that_is_no_whole_task_is_refused_with_what_it_lacks():
    class Half(Task):
        def baselines(self):
            return {}

        def batches(self, split, batch_size):
            return 1

    half: Any = Half
    alien: Any = object
    with pytest.raises(TypeError, match=r"^task 'half' lacks batch, fingerprint, scorer, shape$"):
        tasks.register("half")(half)
    with pytest.raises(TypeError, match=r"^task 'alien' lacks its base class, seqexp\.tasks\.Task$"):
        tasks.register("alien")(alien)
    assert not {"half", "alien"} & set(tasks.names())


def test_a_metric_says_its_bounds_and_its_name_in_a_sentence():
    assert metrics.bounds("test/accuracy") == (0, 1)
    assert metrics.bounds("test/mse") is metrics.bounds("test/mean_luck") is None
    assert metrics.noun("test/accuracy") == "accuracy"
    assert metrics.noun("test/mean_luck") == "mean_luck"
