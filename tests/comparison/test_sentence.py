"""From run directories to the sentences: gaps, ties, both directions, level and margin, against a computation of its
own."""

import numpy as np
import pytest
from scipy import stats

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models
from seqexp.statistics.typical_run import typical_run
from tests.comparison.by_hand import as_accuracy, said, short, write

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
def test_the_mean_difference_pairs_runs_by_seed_and_the_typical_run_takes_them_all(
    runs, compare, rnn_lacks, lstm_lacks
):
    rnn, lstm = without(ROUGH, *rnn_lacks), without(CLOSE, *lstm_lacks)
    write(runs, rnn, lstm)
    page = said_of(compare, "margin=0.001")
    for one in said(rnn, lstm, noun="mean squared error", direction="min", margin=0.001):
        assert one in page
    assert "lstm's mean squared error is 0.0" in page, "by position the spread would hide the difference"
    lost = sorted({*rnn_lacks, *lstm_lacks})
    assert ("Seeds without a pair" in page) == bool(lost)
    assert f"Seeds without a pair: {', '.join(map(str, lost))}." in page or not lost


def test_a_run_that_diverged_loses_against_every_other(runs, compare):
    write(runs, without(ROUGH, 4), CLOSE)
    fabricate(runs, "rnn", 4, None)
    page = said_of(compare, "margin=0.001")
    lost = {**ROUGH, 4: 1e9}
    assert said(lost, CLOSE, noun="", direction="min", margin=0.001)[0] in page
    assert said(without(ROUGH, 4), CLOSE, noun="mean squared error", direction="min")[1] in page
    assert "1 of 9 rnn runs have no score: one that failed or diverged loses, others count for nothing." in page
    assert "Seeds without a pair: 4." in page


def test_models_without_a_common_seed_are_compared_run_by_run(runs, compare):
    rnn, lstm = {seed: 0.5 + seed / 100 for seed in range(6)}, {seed: seed / 100 for seed in range(10, 17)}
    write(runs, rnn, lstm)
    page = said_of(compare)
    found = typical_run([*rnn.values()], [*lstm.values()], direction="min", margin=0.005)
    assert found.verdict == "worse"
    beats = f"probability 1.00 (95 % interval {1 - found.high:.2f} to 1.00), p = {found.p:.3g}"
    assert f"a fresh run of lstm beats one of rnn with {beats}, 6 runs of rnn and 7 of lstm." in page


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
    noun = "mean squared error" if direction == "min" else "accuracy"
    page = said_of(compare, f"level={level}", "margin=0.005")
    first, second = said(a, b, noun=noun, direction=direction, level=level)
    assert first in page
    assert second in page
    assert f"all runs compared with all, level {100 * level:g} %." in page
    assert f"{noun.capitalize()}, {'smaller' if direction == 'min' else 'larger'} is better;" in page


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
    page = said_of(compare, *words)
    assert f"differences within {short(counts)} count as equivalent" in page
    assert ("are equivalent in the typical run" in page) == (counts > DIFFERENCE)
    assert ("lstm is better than rnn" in page) == (counts < DIFFERENCE)


def test_a_margin_of_zero_finds_even_a_difference_that_does_not_matter(runs, compare):
    write(runs, dict.fromkeys(range(8), 0.1), dict.fromkeys(range(8), 0.1001))
    assert "rnn and lstm are equivalent in the typical run" in said_of(compare)
    assert "rnn is better than lstm in the typical run" in said_of(compare, "margin=0")


def test_the_margin_is_that_of_the_metric_compared(runs, compare):
    two_models(runs, settings={"task.margin": {"mse": 0.5, "loss": 0.001}})
    assert "are equivalent" in said_of(compare)
    page = said_of(compare, "metric=loss")
    assert "lstm is better than rnn in the typical run" in page
    assert "lstm's loss is" in page


# -- advice ----------------------------------------------------------------------------------------------------------


def test_what_is_not_resolved_says_how_many_more_seeds_would_do(runs, compare):
    """Noether 1987: n = v (z_0.975 + z_0.8)^2 / (theta - 1/2)^2, v the variance of the shares that each run beats."""
    rnn, lstm = np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.05, 0.25, 0.28, 0.45])
    write(runs, dict(enumerate(rnn)), dict(enumerate(lstm)))
    page = said_of(compare, "margin=0")
    beats = lstm[:, None] < rnn
    spread = beats.mean(axis=1).var(ddof=1) + beats.mean(axis=0).var(ddof=1)
    spread *= (stats.t.ppf(0.975, 6) / stats.norm.ppf(0.975)) ** 2  # since it is estimated from 4 and 4 runs
    total = np.ceil(spread * ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / (beats.mean() - 0.5)) ** 2)
    assert "4 runs of each can never reach the 95 % level." in page
    assert f"About {total - 4:.0f} more seeds of each model would resolve what is seen here." in page


def test_a_difference_that_nothing_would_resolve_is_called_that(runs, compare):
    write(runs, dict(enumerate([0.1, 0.2, 0.7, 0.8])), dict(enumerate([0.3, 0.4, 0.5, 0.6])))
    assert "No reasonable number of seeds would resolve a difference this small." in said_of(compare, "margin=0")


def test_an_interval_of_the_mean_without_0_beside_no_verdict_is_explained(runs, compare):
    write(runs, dict(enumerate([0.1, 0.2, 0.3, 0.4])), dict(enumerate([0.09, 0.19, 0.29, 0.39])))
    page = said_of(compare, "margin=0")
    assert "is not resolved" in page
    assert "can never reach" in page
    write(runs, *({seed: 0.1 * seed + more for seed in range(4, 9)} for more in (0.0, -0.01)))
    page = said_of(compare, "margin=0")
    assert "The interval of the mean leaves out 0, but it holds only for normal scores, and so decides nothing." in page


# -- beside the typical run ------------------------------------------------------------------------------------------


def test_each_box_has_the_mean_and_the_reliability_beside_the_typical_run(runs, compare):
    write(runs, RNN_BY_SEED, LSTM_BY_SEED)
    fabricate(runs, "rnn", 20, None)
    fabricate(runs, "lstm", 20, LSTM[0])
    page, n = said_of(compare), len(RNN)
    unseen = round(100 * (1 - 0.05 ** (1 / n)))
    assert (
        f"On average: not known, since up to {unseen} % of all seeds may end differently from these {n} seeds" in page
    )
    assert (
        f"Reliability: rnn 0 of {n + 1} failed (0 % to 34 %), 1 of {n + 1} diverged (0 % to 48 %); lstm 0 of {n + 1} "
        in page
    )


def test_the_mean_of_a_metric_without_a_worst_value_is_never_claimed(runs, compare):
    write(runs, RNN_BY_SEED, LSTM_BY_SEED)
    page = said_of(compare)
    assert "and mean squared error has no worst value. In these, lstm's mean squared error is 0.0915 lower" in page
    assert "and on average" not in page


@pytest.mark.parametrize(("seeds", "also"), [(8, False), (20, True)])
def test_the_headline_adds_on_average_only_where_the_bounded_mean_is_known(runs, compare, seeds, also):
    for model, score in (("rnn", 0.55), ("lstm", 0.95)):
        for seed in range(seeds):
            fabricate(runs, model, seed, score, result=as_accuracy(score + 0.001 * (seed % 3)))
    page = said_of(compare)
    assert "lstm is better in the typical run" in page
    assert ("lstm is better in the typical run, and on average" in page) == also
    assert (
        "On average: lstm is better, lstm's accuracy is 0.4 higher (95 % interval for any scores between 0 and 1, "
        in page
    ) == also
