"""The plan that is printed before anything is run, word for word, and how its seconds are estimated."""

import itertools
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from seqexp import config
from seqexp.comparison import duration, protocol
from seqexp.comparison.arguments import parsed
from seqexp.comparison.plan import planned, timed
from seqexp.comparison.planned_lines import estimate
from seqexp.comparison.protocol_words import Asked, check
from seqexp.config.build import build_task
from seqexp.sweeps.search_space import Range
from seqexp.system.errors import UserError

EPOCH = {"rnn": 0.01, "lstm": 0.02, "gru": 0.03}


@pytest.fixture
def arguments(monkeypatch):
    """The words of a comparison on two cores of an idle machine, whose models take the seconds of EPOCH."""
    config.register_resolvers()
    monkeypatch.setattr(duration, "seconds_an_epoch", lambda run_config, task: EPOCH[run_config.name("model")])
    monkeypatch.setattr(protocol, "_cores", lambda words: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return lambda *words: parsed(["run=true", "tracking=off", *words])


SAME = "match=params: model.param_budget=4353, what rnn has with 64 units, the embedding not counted"
UNITS = [
    "  rnn gets 64 units: 4,353 parameters (one more: 4,486)",
    "  lstm gets 31 units: 4,248 parameters (one more: 4,513)",
]
ON_ADDING = (
    "plan: rnn against lstm on adding, by test/mse (smaller is better); differences within 0.005 count as equivalent; "
    "level 95 %"
)
LOOK = "after each a test looks, and ends at a verdict"
SEEDS = f"confirming: up to 20 fresh seeds; {LOOK} (pairs that one takes: {{}} at least)"
EARLY = "runs that are there are not made again, and patience or a solved task end some early"
TIMES = "estimate: {} on 2 cores (an epoch: rnn 0.01 s, lstm 0.02 s); " + EARLY
PLANS = {
    "a=rnn b=lstm task=adding trials=4": [
        ON_ADDING,
        SAME,
        *UNITS,
        "tuning: 4 trials of each model, the same for all: 4 with training.epochs=10, then 2 with training.epochs=20; "
        "scored on validation, seeds 1000 to 1001",
        "  optimizer.learning_rate in tag(log, interval(0.0001, 0.03)), the first trial at 0.003",
        SEEDS.format(7),
        TIMES.format("12 to 22 s"),
    ],
    "a=rnn b=lstm task=adding tuned=false match=seconds training.max_seconds=3": [
        ON_ADDING,
        "match=seconds: all models train for 3 s, in any number of epochs",
        "tuning: none (tuned=false), so the verdict holds at these settings alone, and its headline says UNTUNED",
        SEEDS.format(7),
        TIMES.format("28 to 72 s"),
    ],
    "a=rnn b=lstm task=adding optimizer=sgd trials=1 robustness=true": [
        ON_ADDING,
        SAME,
        *UNITS,
        "tuning: 1 trial of each model, the same for all: 1 with training.epochs=20; scored on validation, seed 1000",
        "  optimizer.learning_rate in tag(log, interval(0.0033, 1.0)), the first trial at 0.1",
        SEEDS.format(7),
        "  checked at: default settings, 4,353 parameters, untuned",
        "  checked at: half the budget, 2,176 parameters, tuned as the claim",
        "  checked at: twice the budget, 8,706 parameters, tuned as the claim",
        "  checked at: split 1, 4,353 parameters, tuned as the claim",
        "  checked at: split 2, 4,353 parameters, tuned as the claim",
        TIMES.format("35 to 92 s"),
    ],
    "a=rnn b=lstm task=adding trials=3 budgets=small,large "
    "model.forget_bias=choice(1,4) training.clip_norm=choice(0.5,2)": [
        ON_ADDING,
        SAME,
        *UNITS,
        "tuning: 3 trials of each model, the same for all: 3 with training.epochs=20; scored on validation, seed 1000",
        "  rnn: training.clip_norm in choice(0.5, 2), the first trial at 1.0",
        "  lstm: model.forget_bias in choice(1, 4), the first trial at 1.0",
        "  lstm: training.clip_norm in choice(0.5, 2), the first trial at 1.0",
        SEEDS.format(9),
        "  2 claims in all, so each is tested at 97.5 %",
        "  repeated at: large, 17,412 parameters, tuned anew",
        TIMES.format("1.4 to 2.6 minutes"),
    ],
}
THREE = [
    "plan: rnn, lstm, gru on adding, by test/mse (smaller is better); differences within 0.005 count as equivalent; "
    "level 95 %",
    "match=params: model.param_budget=4000, as budget= says, the embedding not counted",
    "tuning: none (tuned=false), so the verdict holds at these settings alone, and its headline says UNTUNED",
    "confirming: up to 8 fresh seeds, each with its own division of the data; after each a test looks, and ends at a "
    "verdict (pairs that one takes: more than 8: raise max_seeds)",
    "  3 claims in all, so each is tested at 98.33 %",
]


@pytest.mark.parametrize("words", PLANS, ids=["tuned", "untuned", "checked", "repeated"])
def test_the_plan_says_what_will_be_done(words, arguments):
    assert protocol.plan_lines(arguments(*words.split())) == PLANS[words]


def test_three_models_share_a_budget_and_an_error(arguments):
    words = ["models=rnn,lstm,gru", "task=adding", "budget=4000", "splits=true", "tuned=false", "max_seeds=8"]
    said = protocol.plan_lines(arguments(*words))
    assert [line for line in said[:-1] if " units: " not in line] == THREE


def test_a_busy_machine_is_told(arguments, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0, 0.0, 0.0))
    (last,) = protocol.plan_lines(arguments("a=rnn", "b=lstm", "task=adding", "tuned=false"))[-1:]
    assert last.endswith("; this machine is busy, so it may take 3 times as long")


def test_the_estimate_is_the_sum_of_what_the_plan_does(arguments):
    """Tuning, then at least 7 and at most 20 pairs, on two cores; a run takes 0.4 s beside its epochs."""
    plan = timed(planned(arguments("a=rnn", "b=lstm", "task=adding", "trials=4")))
    run = {model: [0.4 + epochs * EPOCH[model] for epochs in (10, 20)] for model in ("rnn", "lstm")}
    tuning = sum(4 * short + 2 * whole for short, whole in run.values())
    pair = sum(whole for _, whole in run.values())
    assert estimate(plan, 2) == pytest.approx(tuple(4 + (tuning + n * pair) / 2 for n in (7, 20)))
    assert estimate(plan, 1) == pytest.approx(tuple(4 + tuning + n * pair for n in (7, 20)))


RATES = Range(1e-3, 1e-1, log=True)


@pytest.mark.parametrize(
    "asked, match, keys, studies, says",
    [
        (Asked(budget=5), "hidden", set(), [], "budget: expected no match=hidden beside it"),
        (Asked(budget=5), None, {"model.param_budget"}, [], "budget: expected no model.param_budget beside it"),
        (Asked(budget=5), "params", {"model.param_budget"}, [], "budget: expected no model.param_budget beside it"),
        (
            Asked(budgets=["small", "large"]),
            "seconds",
            set(),
            [],
            "budgets: .* got match=seconds",
        ),
        (
            Asked(tuned=False, space={"training.x": RATES}),
            None,
            set(),
            [],
            "training.x: expected one value",
        ),
        (Asked(tuned=False), None, set(), ["of_rnn"], "study: expected no tuned=false beside it"),
        (Asked(budget=5), "params", {"model.dropout"}, [], None),
        (Asked(budgets=["small", "large"]), None, set(), ["of_rnn"], None),
    ],
)
def test_words_that_exclude_each_other_are_refused(asked, match, keys, studies, says):
    if says is None:
        check(asked, match, keys, studies)
        return
    with pytest.raises(UserError, match=f"^{says}"):
        check(asked, match, keys, studies)


# -- how long an epoch takes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "low, high, said",
    [
        (0.2, 0.3, "1 s"),
        (1.2, 9.6, "1 to 10 s"),
        (14, 26, "14 to 26 s"),
        (95, 119, "95 to 120 s"),
        (20, 120, "0.3 to 2.0 minutes"),
        (600, 601, "10.0 minutes"),
        (600, 7199, "10.0 to 120.0 minutes"),
        (3600, 7200, "1.0 to 2.0 hours"),
    ],
)
def test_a_span_of_seconds_is_said_as_one_would(low, high, said):
    assert duration.told(low, high) == said


class Clocked:
    """A trainer whose steps take these seconds, the first one longer."""

    steps_an_epoch = 10

    def __init__(self, total_steps: int, seconds: list[float]) -> None:
        self.total_steps, self.now, self.steps = total_steps, 0.0, 0
        self.seconds: Iterator[float] = itertools.chain([5.0], itertools.cycle(seconds))

    def train_step(self) -> None:
        self.now += next(self.seconds)
        self.steps += 1


@pytest.mark.parametrize(
    "total, seconds, steps, found",
    [
        (1000, [0.01, 0.02, 0.01], 21, 0.0135),  # twenty after the first, which does not count
        (1000, [0.2], 3, 0.2),  # 0.3 seconds are enough
        (4, [0.01], 4, 0.01),
        (1, [0.01], 2, 0.01),
    ],
)
def test_a_step_takes_the_mean_of_a_few(total, seconds, steps, found, monkeypatch):
    trainer: Any = Clocked(total, seconds)
    monkeypatch.setattr(duration, "thread_time", lambda: trainer.now)
    assert duration._a_step(trainer) == pytest.approx(found)
    assert trainer.steps == steps


@pytest.mark.parametrize(
    "words, evaluated",
    [
        (["training.batch_size=100"], 10),
        (["training.batch_size=16"], 16 * 4),  # evaluations have batches of 64
        (["training.batch_size=16", "training.val_batches=2"], 2 * 4),
    ],
)
def test_an_epoch_is_its_draw_its_steps_and_a_third_for_each_batch_that_is_evaluated(words, evaluated, monkeypatch):
    config.register_resolvers()
    own = ["task.examples=1000", "task.steps_per_epoch=10"]
    run_config = config.check(config.composed(["model=rnn", "task=adding", "tracking=off", *own, *words]))
    monkeypatch.setattr(duration, "_a_step", lambda trainer: 0.5)
    monkeypatch.setattr(duration, "_a_draw", lambda trainer: 0.25)
    task = build_task(run_config.settings["task"], None)
    assert duration.seconds_an_epoch(run_config, task) == pytest.approx(0.25 + 0.5 * (10 + evaluated / 3))


def test_the_first_batch_of_a_new_epoch_tells_what_its_examples_take(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def batch(seed, split, index, size):
        assert (seed, split, size) == (7, "train", 32)
        clock.now += 0.3 if index % 10 == 0 and index > 0 else 0.001

    trainer: Any = SimpleNamespace(
        task=SimpleNamespace(batch=batch), data_seed=7, steps_an_epoch=10, training=SimpleNamespace(batch_size=32)
    )
    monkeypatch.setattr(duration, "thread_time", lambda: clock.now)
    assert duration._a_draw(trainer) == pytest.approx(0.3)
