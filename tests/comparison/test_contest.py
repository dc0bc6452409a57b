"""The runs of some models on a task: what is counted of each model, which pairs are compared, and who is told."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seqexp.comparison.contest import Contest, Entry, Terms, contest, direction_of
from seqexp.comparison.family import corrected
from seqexp.comparison.tuning_studies import Study
from seqexp.comparison.warnings import warnings
from seqexp.comparison.wording import advice, headline, number, percent
from seqexp.runs.reader import Run
from seqexp.system.errors import UserError
from tests.fabricated import run_result

TERMS = Terms("test/mse", "min", 0.005, 0.95)


def run(model, seed, score, settings=None, **fields):
    """A run that finished with this test/mse; None: it diverged."""
    known = {"status": "DIVERGED" if score is None else "FINISHED", "metrics": {"test/mse": score}}
    about = {"signature": f"{model}{seed}", "baseline": {"always 1": 0.2, "zero": 0.3}, "seconds": float(seed)}
    return Run(run_result(model=model, seed=seed, **(known | about | fields)), None, settings or {})


def runs(model, scores, **more):
    return {seed: run(model, seed, score, **more) for seed, score in enumerate(scores)}


def held(*models, terms=TERMS, pairs=None, studies=None) -> Contest:
    """The contest of the runs of these models, seed -> run each."""
    by_model = {next(iter(of_seed.values())).result.model: of_seed for of_seed in models}
    return contest("adding", terms, by_model, pairs, studies or {}, [])


# -- one model -------------------------------------------------------------------------------------------------------


def test_a_model_is_told_by_its_finished_runs_and_no_lost_seed_is_dropped():
    of_seed = runs("lstm", [0.5, None, 0.25, 0.75])
    of_seed[4] = run("lstm", 4, None, status="KILLED", error="its process\nwas \x1bkilled")
    of_seed[5] = run("lstm", 5, None, status="FINISHED", metrics={"test/loss": 1.0})
    entry = Entry("lstm", of_seed, TERMS)
    assert entry.scores == {0: 0.5, 2: 0.25, 3: 0.75}
    assert [(lost.seed, lost.status, lost.reason) for lost in entry.lost] == [
        (1, "DIVERGED", "no reason was recorded"),
        (4, "KILLED", "its process was �killed"),
        (5, "FINISHED", "it lacks test/mse"),
    ]
    assert [entry.count(status) for status in ("DIVERGED", "KILLED", "FAILED")] == [1, 1, 0]
    values = [0.5, 0.25, 0.75]
    assert entry.mean == pytest.approx(np.mean(values))
    assert entry.std == pytest.approx(np.std(values, ddof=1))
    assert entry.interval == pytest.approx(stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))
    assert entry.seconds == np.mean([0, 2, 3, 5])  # of those that finished


def test_a_long_reason_is_cut_and_a_model_without_scores_has_no_mean():
    entry = Entry("lstm", {0: run("lstm", 0, None, error="x" * 1000)}, TERMS)
    assert entry.lost[0].reason == "x" * 300
    assert all(map(math.isnan, (entry.mean, entry.std, *entry.interval, entry.seconds)))
    assert math.isnan(Entry("lstm", runs("lstm", [0.5]), TERMS).std)


def test_what_a_model_has_is_told_by_its_first_run():
    sizes = {"params": 500, "embedding_params": 200, "hidden_size": 8, "params_per_unit": 30}
    entry = Entry("lstm", {3: run("lstm", 3, 0.5, **sizes), 4: run("lstm", 4, 0.5)}, TERMS)
    assert (entry.params, entry.counted, entry.hidden, entry.a_unit) == (500, 300, 8, 30)


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_all_pairs_are_compared_in_the_models_order_or_those_asked_for():
    three = [runs(model, [0.5, 0.4]) for model in ("rnn", "stacked_rnn", "lstm")]
    claims = held(*three).claims
    assert [(c.a, c.b) for c in claims] == [("rnn", "stacked_rnn"), ("rnn", "lstm"), ("stacked_rnn", "lstm")]
    asked = held(*three, pairs=[("lstm", "rnn")])
    assert [(c.a, c.b) for c in asked.claims] == [("lstm", "rnn")]
    assert [entry.model for entry in asked.entries] == ["rnn", "stacked_rnn", "lstm"]
    assert asked.entry("stacked_rnn").model == "stacked_rnn"


def test_a_claim_pairs_equal_seeds_and_names_the_others():
    rnn, lstm = runs("rnn", [0.5, None, 0.6, 0.7]), runs("lstm", [0.1, 0.1, 0.3])
    (claim,) = held(rnn, lstm | {9: run("lstm", 9, 0.2)}).claims
    assert (claim.seeds, claim.unpaired) == ((0, 2), (1, 3, 9))
    assert claim.paired is not None
    assert claim.paired.n == 2
    assert claim.paired.effect == pytest.approx(-0.35)  # lower is better: lstm


def test_one_pair_is_no_comparison():
    (claim,) = held(runs("rnn", [0.5]), runs("lstm", [0.1])).claims
    assert (claim.paired, claim.verdict, claim.seeds) == (None, "not resolved", (0,))
    assert headline(claim) == "not resolved"
    assert advice(claim).startswith("1 run of each can never reach the 95 % level. ")


def test_the_sequential_verdict_is_taken_where_seeds_were_added_until_there_was_one():
    """Six equal differences suffice if their number was fixed, seven if each was looked at."""
    terms = Terms("test/mse", "min", 0.005, 0.95, sequential=True)
    for n, fixed, looked in ((6, "worse", "not resolved"), (7, "worse", "worse")):
        both = runs("rnn", [0.5] * n), runs("lstm", [0.25] * n)
        assert held(*both).claims[0].verdict == fixed
        assert held(*both, terms=terms).claims[0].verdict == looked
    (claim,) = held(*both, terms=terms).claims
    assert claim.paired is not None
    assert (claim.paired.low, claim.paired.high) == pytest.approx((-0.25, -0.25))
    # What came after the verdict changes nothing.
    (claim,) = held(runs("rnn", [0.5] * 9), runs("lstm", [*[0.25] * 7, 0.9, 0.9]), terms=terms).claims
    assert claim.verdict == "worse"


@pytest.mark.parametrize(("lost", "of", "alarms"), [(1, 10, False), (1, 9, True), (0, 1, False), (1, 1, True)])
def test_an_alarm_is_raised_where_more_than_a_tenth_of_a_models_seeds_are_lost(lost, of, alarms):
    scores = [None] * lost + [0.5] * (of - lost)
    (claim,) = held(runs("rnn", scores), runs("lstm", [0.25] * of)).claims
    end = "have no score: one that failed or diverged loses, others count for nothing."
    assert claim.alarm == (f"{lost} of {of} rnn runs {end}" if alarms else "")
    (claim,) = held(runs("rnn", scores), runs("lstm", scores)).claims
    assert claim.alarm == (f"{lost} of {of} rnn runs and {lost} of {of} lstm runs {end}" if alarms else "")


def test_p_values_are_corrected_for_all_claims_of_all_tasks():
    """Holm's: of 2 / 2^6 and 2 / 2^9, the smaller is tripled, the larger doubled; one run of each decides nothing."""
    six = held(runs("rnn", [0.5] * 6), runs("lstm", [0.25] * 6))
    nine = held(runs("rnn", [0.5] * 9, task="copy"), runs("lstm", [0.25] * 9, task="copy"))
    none = held(runs("rnn", [0.5]), runs("stacked_rnn", [0.25]))
    claims = [claim for each in corrected([six, nine, none]) for claim in each.claims]
    assert [claim.task for claim in claims] == ["adding", "copy", "adding"]
    assert [claim.holm for claim in claims] == [pytest.approx(2 * 2 / 64), pytest.approx(3 * 2 / 512), 1]
    assert [claim.verdict for claim in claims] == ["not resolved", "worse", "not resolved"]
    assert [claim.typical is not None and claim.typical.reachable for claim in claims] == [False, True, False]
    assert "as one of 3 claims it is not" in advice(claims[0])
    assert [claim.holm for claim in corrected([six])[0].claims] == [None], "one claim"


# -- terms -----------------------------------------------------------------------------------------------------------


def test_models_on_unlike_problems_are_refused_with_what_differs():
    rnn = runs("rnn", [0.5], settings={"task.length": 50, "model.a": 1})
    lstm = runs("lstm", [0.5], settings={"task.length": 100, "task.source": "x", "model.a": 2})
    with pytest.raises(UserError) as refused:
        held(rnn, lstm)
    assert str(refused.value) == (
        "adding: expected the models' runs to have the same task; they differ in task.length (50, 100); "
        "task.source (absent, x); choose one, such as task.length=100"
    )


def test_the_baseline_is_the_best_of_the_metric_compared():
    both = runs("rnn", [0.5, 0.4], baseline={}), runs("lstm", [0.5, 0.4])
    assert held(*both).baseline == ("always 1", 0.2)
    assert held(*both, terms=Terms("test/loss", "min", 0.0, 0.95)).baseline is None


def test_a_direction_that_runs_contradict_each_other_on_is_refused():
    up, down = (run("rnn", 0, 0.5, primary_metric="test/gain", direction=d) for d in ("max", "min"))
    assert (direction_of("test/gain", [up, up]), direction_of("test/gain", [down])) == ("max", "min")
    with pytest.raises(UserError) as refused:
        direction_of("test/gain", [up, down])
    assert str(refused.value) == (
        "metric test/gain: expected runs that agree whether larger is better; got max and min"
    )


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.12345, "0.123"), (-0.5, "-0.5"), (0, "0"), (999.4, "999"), (1000, "1,000"), (-12345.6, "-12,346"),
     (math.nan, "unknown"), (math.inf, "unknown"), (1e-9, "1e-09")],
)  # fmt: skip
def test_a_number_has_three_digits(value, said):
    assert number(value) == said


def test_a_level_is_a_percentage_without_needless_digits():
    assert [percent(level) for level in (0.95, 0.999, 0.5)] == ["95 %", "99.9 %", "50 %"]


def test_the_verdict_in_a_few_words_names_the_better_model():
    a, b = runs("rnn", [0.5 + n / 100 for n in range(8)]), runs("lstm", [0.25] * 8)
    assert [headline(held(a, b, pairs=[pair]).claims[0]) for pair in (("rnn", "lstm"), ("lstm", "rnn"))] == [
        "lstm is better in the typical run",
        "lstm is better in the typical run",
    ]
    alike = held(runs("rnn", [0.5] * 8), runs("stacked_rnn", [0.501] * 8)).claims[0]
    assert headline(alike) == "equivalent in the typical run"


def test_a_model_that_wins_most_seeds_and_fails_in_some_is_better_in_the_typical_run_and_worse_on_average():
    """Accuracy 0.52 against a steady 0.5, but 0 in a fifth of 60 seeds: the mean is 0.416."""
    terms = Terms("test/mse", "max", 0.0, 0.95, bounds=(0.0, 1.0))
    risky, steady = runs("rnn", ([0.52] * 4 + [0.0]) * 60), runs("lstm", [0.5] * 300)
    (claim,) = held(risky, steady, terms=terms).claims
    assert headline(claim) == "rnn is better in the typical run, lstm on average"


@pytest.mark.parametrize(
    ("n", "sequential", "said"),
    [
        (8, False, ""),
        (5, False, "5 runs of each can never reach the 95 % level. "
                   "About 1 more seed of each model would resolve what is seen here."),
        (6, True, "The same command with max_seeds=12 continues from here."),
    ],
)  # fmt: skip
def test_advice_is_what_would_resolve_a_claim(n, sequential, said):
    terms = Terms("test/mse", "min", 0.005, 0.95, sequential)
    (claim,) = held(runs("rnn", [0.5] * n), runs("lstm", [0.25] * n), terms=terms).claims
    assert advice(claim) == said


# -- warnings --------------------------------------------------------------------------------------------------------


def test_long_values_are_cut_and_of_many_five_are_shown():
    hashes = [f"{n}" + "x" * 60 for n in range(7)]
    rnn = {seed: run("rnn", seed, 0.5, data=value) for seed, value in enumerate(hashes)}
    lstm = {seed: run("lstm", seed, 0.5, data=hashes[0]) for seed in range(7)}
    shown = ", ".join(value[:40] for value in hashes[:5])
    assert warnings(held(rnn, lstm), None) == [
        f"adding: the runs read different data (hashes {shown} …): their scores are not comparable"
    ]


def test_too_few_runs_are_told_once_for_all_claims_alike():
    three = [runs(model, [0.5, 0.4 + n / 10, 0.3]) for n, model in enumerate(("rnn", "stacked_rnn", "lstm"))]
    (warning,) = warnings(held(*three), None)
    assert warning == (
        "adding: 3 runs of rnn and stacked_rnn, rnn and lstm, stacked_rnn and lstm can never reach the 95 % level; "
        "at least 6 of each are needed"
    )


@pytest.mark.parametrize(("level", "enough"), [(0.5, 2), (0.75, 3), (0.9, 5), (0.95, 6), (0.9375, 5), (0.999, 11)])
def test_the_fewest_runs_are_those_whose_only_pattern_is_rare_enough(level, enough):
    """2 / 2^n <= 1 - level."""
    terms = Terms("test/mse", "min", 0.0, level)
    for n in range(2, enough + 1):
        found = warnings(held(runs("rnn", [0.5] * n), runs("lstm", [0.25] * n), terms=terms), None)
        assert found == ([] if n == enough else [found[0]])
        assert n == enough or found[0].endswith(f"at least {enough} of each are needed")


def test_a_model_of_unknown_size_hides_no_other_models_budget():
    sizes = {"rnn": 1000, "stacked_rnn": None, "lstm": 2000}
    three = [runs(model, [0.5] * 6, params=params) for model, params in sizes.items()]
    assert warnings(held(*three, terms=Terms("test/mse", "min", 0.005, 0.9)), None) == [
        "adding: budgets differ by 50%: rnn has 1,000 parameters, lstm 2,000, without the embedding; "
        "model.param_budget makes them equal"
    ]


def test_of_three_models_one_tuned_is_told_beside_each_other_one():
    def study(model, trials):
        return Study(Path(), "adding", model, {}, trials, "tpe", "val/mse", "min", [0.1], frozenset({f"{model}0"}))

    three = [runs(model, [0.5] * 6) for model in ("rnn", "stacked_rnn", "lstm")]
    tuned = "adding: lstm's runs come from a tuning study's winner, {}'s runs do not".format
    assert warnings(held(*three, studies={"lstm": study("lstm", 3)}), None) == [tuned("rnn"), tuned("stacked_rnn")]
    both = {"lstm": study("lstm", 3), "rnn": study("rnn", 5)}
    assert sorted(warnings(held(*three, studies=both), None)) == [
        tuned("stacked_rnn"),
        "adding: rnn's runs come from a tuning study's winner, stacked_rnn's runs do not",
        "adding: tuned unequally: trials 5 for rnn, 3 for lstm",
    ]
