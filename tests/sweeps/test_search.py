"""The same random search for every model: which trials there are, which train longer, and which wins."""

import json
import math
from typing import Any

import pytest

from seqexp.runs.result import RunResult
from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.search import TUNING_SEEDS, Search, design, halving, run
from seqexp.sweeps.search_space import Choice, Range
from seqexp.system.errors import UserError

RATE = "optimizer.learning_rate"
SPACE = {RATE: Range(1e-4, 1e-1, log=True)}
DEFAULT = {RATE: "0.003"}
ABOUT = {"task": "adding", "model": "rnn"}


def record(score, *, direction="min", status="FINISHED", seconds=1.0):
    result = RunResult(
        status=status,
        model="rnn",
        task="adding",
        seed=1000,
        signature="abc",
        primary_metric="val/mse",
        direction=direction,
        seconds=seconds,
        metrics={"val/mse": score},
    )
    return JobRecord(job=0, status=status, result=result)


def search(trials, model="rnn", words=("model=rnn",)):
    return Search({**ABOUT, "model": model}, words, SPACE, DEFAULT, halving(trials))


class Launched:
    """Jobs whose score is a function of the model's word and of their rate."""

    def __init__(self, score):
        self.score = score
        self.stages: list[Any] = []

    def run(self, jobs):
        self.stages.append(jobs)
        rates = [float(next(w for w in words if RATE in w).partition("=")[2]) for words in jobs]
        return [record(self.score(words[0], rate)) for rate, words in zip(rates, jobs, strict=True)]


@pytest.mark.parametrize(
    ("trials", "field", "shares"),
    [
        (1, [1], [1]),
        (2, [2], [1]),
        (3, [3], [1]),
        (4, [4, 2], [0.5, 1]),
        (8, [8, 4, 2], [0.25, 0.5, 1]),
        (9, [9, 5, 3], [0.25, 0.5, 1]),
        (20, [20, 10, 5], [0.25, 0.5, 1]),
    ],
)
def test_the_field_is_halved_and_trains_twice_as_long_each_time_on_a_seed_of_its_own(trials, field, shares):
    rungs = halving(trials)
    assert [rung.trials for rung in rungs] == field
    assert [rung.share for rung in rungs] == shares
    assert [rung.seed for rung in rungs] == [*TUNING_SEEDS][: len(rungs)]


def test_values_begin_with_the_given_ones_and_leave_no_part_of_a_range_out():
    values = design(SPACE, 8, DEFAULT)
    assert values[0] == DEFAULT
    place = sorted(math.log10(float(one[RATE]) / 1e-4) / 3 * 7 for one in values[1:])
    assert [int(each) for each in place] == [*range(7)], "one value in each seventh, on the log scale"
    assert values == design(SPACE, 8, DEFAULT)


def test_choices_and_whole_numbers_are_drawn_too():
    space: Any = {"training.batch_size": Range(16, 64, step=16), "training.clip_norm": Choice(("1", "null"))}
    values = design(space, 9, {"training.batch_size": "32", "training.clip_norm": "1"})
    assert {one["training.batch_size"] for one in values} == {"16", "32", "48", "64"}
    assert {one["training.clip_norm"] for one in values} == {"1", "null"}


def test_all_models_get_the_same_trials_and_each_keeps_its_own_best():
    """The first model learns best at 1e-3, the second at 3e-2."""
    rnn, lstm = search(8), search(8, "lstm", ("model=lstm",))
    best = {"model=rnn": 1e-3, "model=lstm": 3e-2}
    launched: Any = Launched(lambda model, rate: abs(math.log(rate / best[model])))
    run([rnn, lstm], launched)
    assert [len(jobs) for jobs in launched.stages] == [16, 8, 4]
    first = launched.stages[0]
    assert [words[1:] for words in first[:8]] == [words[1:] for words in first[8:]], "the same but for the model"
    assert all("test=false" in words for jobs in launched.stages for words in jobs)
    assert abs(math.log(float(rnn.best[RATE]) / 1e-3)) < 1
    assert abs(math.log(float(lstm.best[RATE]) / 3e-2)) < 1
    assert rnn.runs == lstm.runs == 14
    assert rnn.seconds == 14


def test_the_last_stage_decides_however_good_a_trial_was_before():
    one = search(4)
    one.tell(0, [record(score) for score in (0.4, 0.1, 0.2, 0.3)])
    assert len(one.jobs(1)) == 2
    one.tell(1, [record(0.9), record(0.5)])
    assert one.best == design(SPACE, 4, DEFAULT)[2]


@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_trial_without_a_score_is_among_the_worst(direction):
    one = search(2)
    one.tell(0, [record(None, direction=direction, status="DIVERGED"), record(0.5, direction=direction)])
    assert one.best == design(SPACE, 2, DEFAULT)[1]
    none = search(2)
    none.tell(0, [record(None, status="DIVERGED"), record(None, status="FAILED")])
    assert none.best is None


def test_a_refused_trial_ends_the_search():
    one = search(2)
    with pytest.raises(UserError, match="no such file"):
        one.tell(0, [JobRecord(job=0, status="BAD_INPUT", error="no such file"), record(0.5)])


def test_the_record_is_a_study_that_reports_read(tmp_path):
    from seqexp.comparison import tuning_studies

    one = search(8)
    launched: Any = Launched(lambda model, rate: rate)
    run([one], launched)
    one.signatures = ["abc"]
    one.save(tmp_path)
    one.signatures = ["def"]
    one.save(tmp_path)
    found, broken = tuning_studies.find(tmp_path, "adding", ["rnn"])
    assert broken == []
    (study,) = found["rnn"]
    assert study.signatures == {"abc", "def"}, "of every comparison that went on from it"
    assert (study.trials, study.sampler) == (8, "random, halving")
    assert study.edges == {RATE: "smallest"}
    assert study.words == one.best
    scores = json.loads(study.path.read_text())["scores"]
    assert [trial["stages"] for trial in scores].count(3) == 2
