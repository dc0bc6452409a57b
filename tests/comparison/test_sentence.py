"""From run directories to the sentence: pairs, gaps, ties, both directions, level and margin, against a computation
of its own."""

import numpy as np
import pytest

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models
from seqexp.system.plurals import counted
from tests.comparison.by_hand import as_accuracy, sentence, short, write

pytestmark = pytest.mark.usefixtures("without_figures")

RNN_BY_SEED, LSTM_BY_SEED = dict(enumerate(RNN)), dict(enumerate(LSTM))
# The seed decides most of the score, so that a wrong pair shows: of paired differences the spread is 0.001.
ROUGH = dict(enumerate([0.10, 0.90, 0.30, 0.70, 0.20, 0.80, 0.40, 0.60, 0.50]))
CLOSE = {seed: value - 0.02 - 0.001 * (seed % 3) for seed, value in ROUGH.items()}


def without(scores, *seeds):
    return {seed: score for seed, score in scores.items() if seed not in seeds}


def said_of(compare, *words):
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", *words)
    assert code == 0, error
    return said


# -- pairs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rnn_lacks", "lstm_lacks"),
    [([], []), ([3], []), ([], [0]), ([2], [5]), ([0, 4], [7]), ([1, 2], [6]), ([8], [4])],
    ids=str,
)
def test_runs_are_paired_by_seed_wherever_seeds_are_missing(runs, compare, rnn_lacks, lstm_lacks):
    rnn, lstm = without(ROUGH, *rnn_lacks), without(CLOSE, *lstm_lacks)
    write(runs, rnn, lstm)
    said = said_of(compare, "margin=0.001")
    assert sentence(rnn, lstm, metric="test/mse", direction="min", margin=0.001) in said
    assert "lstm is better than rnn: test/mse 0.0" in said, "by position the spread would hide the difference"
    lost = sorted({*rnn_lacks, *lstm_lacks})
    assert (f"Seeds without a pair: {', '.join(map(str, lost))}." if lost else "Warnings") in said + " Warnings"
    assert ("Seeds without a pair" in said) == bool(lost)


def test_a_run_that_diverged_in_the_middle_leaves_its_pair_out_and_no_other(runs, compare):
    write(runs, without(ROUGH, 4), CLOSE)
    fabricate(runs, "rnn", 4, None)
    said = said_of(compare, "margin=0.001")
    assert sentence(without(ROUGH, 4), CLOSE, metric="test/mse", direction="min", margin=0.001) in said
    assert "1 of 9 rnn runs have no score: the verdict covers only the seeds on which both models finished." in said
    assert "Seeds without a pair: 4." in said


def test_models_with_other_seeds_and_numbers_of_seeds_share_what_they_share(runs, compare):
    rnn, lstm = without(ROUGH, 0, 1), {**without(CLOSE, 8), 20: 0.1, 21: 0.2, 22: 0.3}
    write(runs, rnn, lstm)
    said = said_of(compare)
    assert sentence(rnn, lstm, metric="test/mse", direction="min") in said
    assert "N = 6 seeds" in said
    assert "Seeds without a pair: 0, 1, 8, 20, 21, 22." in said


@pytest.mark.parametrize("shared", [0, 1])
def test_fewer_than_two_pairs_are_no_comparison(runs, compare, shared):
    rnn, lstm = without(ROUGH, *range(4 + shared, 9)), without(CLOSE, *range(4))
    write(runs, rnn, lstm)
    said = said_of(compare)
    words = (
        f"rnn and lstm cannot be compared: {counted(shared, 'seed')} with scores of both, and at least 2 are needed."
    )
    assert f"On adding (length 50), {words}" in said


# -- directions, ties, levels ----------------------------------------------------------------------------------------

TIED = {**dict.fromkeys(range(4), 0.5), 4: 0.6, 5: 0.7, 6: 0.8, 7: 0.9, 8: 0.4}
CASES = {
    "lstm always lower": (RNN_BY_SEED, LSTM_BY_SEED),
    "rnn always lower": (LSTM_BY_SEED, RNN_BY_SEED),
    "seven of nine won": (ROUGH, {**CLOSE, 1: 0.99, 4: 0.21}),
    "unsure": (dict(enumerate([0.1, 0.2, 0.3, 0.15])), dict(enumerate([0.2, 0.1, 0.1, 0.1]))),
    "four ties": (TIED, dict.fromkeys(range(9), 0.5)),
    "all ties": (TIED, TIED),
    "same mean": (dict(enumerate([0.25, 0.5, 0.25, 0.5])), dict(enumerate([0.5, 0.25, 0.5, 0.25]))),
    "nearly the same": (RNN_BY_SEED, {seed: score + 1e-4 * (seed % 2) for seed, score in RNN_BY_SEED.items()}),
}


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("case", CASES)
def test_the_sentence_is_what_the_scores_say(runs, compare, case, direction, level):
    a, b = CASES[case]
    if direction == "max":
        for model, scores in (("rnn", a), ("lstm", b)):
            for seed, score in scores.items():
                fabricate(runs, model, seed, score, result=as_accuracy(score))
    else:
        write(runs, a, b)
    metric = "test/mse" if direction == "min" else "test/accuracy"
    said = said_of(compare, f"level={level}", "margin=0.005")
    assert sentence(a, b, metric=metric, direction=direction, level=level) in said
    assert f"paired by seed, level {100 * level:g} %." in said
    assert f"adding: {metric}, {'smaller' if direction == 'min' else 'larger'} is better;" in said


def test_the_chance_to_win_a_fresh_seed_has_the_interval_of_the_level_asked_for(runs, compare):
    """Eight of eight pairs: Clopper and Pearson's lower end is (alpha / 2)^(1/8)."""
    two_models(runs)
    for level in (0.5, 0.9, 0.95, 0.99):
        least = ((1 - level) / 2) ** (1 / 8)
        assert f"with probability 1.00 ({least:.2f} to 1.00)" in said_of(compare, f"level={level}")


# -- margins ---------------------------------------------------------------------------------------------------------

DIFFERENCE = float(np.mean(np.subtract(RNN, LSTM)))  # about 0.09; adding.yaml has a margin of 0.005


@pytest.mark.parametrize(
    ("words", "own", "counts"),
    [
        ([], None, 0.005),
        ([], {"mse": 0.5}, 0.5),
        ([], {"mse": 0.0}, 0),
        ([], {"accuracy": 0.5}, 0),
        (["margin=0.6"], None, 0.6),
        (["margin=0.6"], {"mse": 0.001}, 0.6),
        (["margin=0.001"], {"mse": 0.5}, 0.001),
        (["margin=0"], {"mse": 0.5}, 0),
        (["margin=0"], None, 0),
    ],
    ids=str,
)
def test_the_word_beats_the_runs_own_margin_which_beats_the_yaml(runs, compare, words, own, counts):
    two_models(runs, settings={} if own is None else {"task.margin": own})
    said = said_of(compare, *words)
    assert f"differences within {short(counts)} count as equivalent" in said
    assert ("rnn and lstm are equivalent" in said or "lstm and rnn are equivalent" in said) == (counts > DIFFERENCE)
    assert ("lstm is better than rnn" in said) == (counts < DIFFERENCE)


def test_a_margin_of_zero_finds_even_a_difference_that_does_not_matter(runs, compare):
    two_models(runs, RNN, [score + 1e-4 for score in RNN])
    assert "rnn and lstm are equivalent: rnn's test/mse 0.0001 lower" in said_of(compare)
    assert "rnn is better than lstm: test/mse 0.0001 lower" in said_of(compare, "margin=0")


def test_the_margin_is_that_of_the_metric_compared(runs, compare):
    two_models(runs, settings={"task.margin": {"mse": 0.5, "loss": 0.001}})
    assert "are equivalent" in said_of(compare)
    assert "lstm is better than rnn: test/loss" in said_of(compare, "metric=loss")


# -- advice ----------------------------------------------------------------------------------------------------------


def test_what_is_not_resolved_says_how_many_more_seeds_would_do(runs, compare):
    """Differences 0.03 +- 0.0383: power 0.8 of a two-sided t test at 0.95 needs 14.83 pairs (noncentral t)."""
    d = [0.0, 0.08, 0.0, 0.04]
    write(runs, dict(enumerate([0.1 + each for each in d])), dict.fromkeys(range(4), 0.1))
    more = 15 - 4
    said = said_of(compare)
    assert "4 pairs can never reach the 95 % level with a sign-flip test." in said
    assert f"About {more} more seeds of each model would resolve the observed difference." in said


def test_a_difference_that_nothing_would_resolve_is_called_that(runs, compare):
    write(runs, dict(enumerate([0.1, 0.2, 0.1, 0.2])), dict(enumerate([0.2, 0.1, 0.2, 0.1])))
    assert "No reasonable number of seeds would resolve a difference this small." in said_of(compare, "margin=0")


# -- the three answers -----------------------------------------------------------------------------------------------


def test_each_box_has_the_typical_run_the_mean_and_the_reliability(runs, compare):
    write(runs, RNN_BY_SEED, LSTM_BY_SEED)
    fabricate(runs, "rnn", 20, None)
    fabricate(runs, "lstm", 20, LSTM[0])
    said = said_of(compare)
    wins = np.mean([[b < a for b in [*LSTM, LSTM[0]]] for a in RNN] + [[True] * (len(LSTM) + 1)])  # the lost run loses
    assert f"In the typical run, a run without a score losing: rnn wins with probability {1 - wins:.2f} (" in said
    n = len(RNN)
    assert (
        f"On average: not known from {n} seeds; up to {round(100 * (1 - 0.05 ** (1 / n)))} % of seeds may end" in said
    )
    assert f"lstm: 0 of {len(LSTM) + 1} failed (0 % to " in said
    assert f"1 of {n + 1} diverged" in said


def test_the_mean_of_a_metric_without_a_worst_score_is_never_claimed(runs, compare):
    write(runs, RNN_BY_SEED, LSTM_BY_SEED)
    said = said_of(compare)
    assert "may end differently from all of these, and the metric has no worst score." in said
