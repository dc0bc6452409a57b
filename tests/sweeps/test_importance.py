"""fANOVA finds the setting that moves the score, from a search's trials."""

import numpy as np

from seqexp.sweeps.importance import FEWEST, importances


def trials(count, rng):
    """A score that follows the learning rate, hardly the dropout, and not the optimizer's name."""
    drawn = [
        {"rate": 10 ** rng.uniform(-4, -1), "dropout": rng.uniform(0, 0.5), "optimizer": ["adam", "sgd"][n % 2]}
        for n in range(count)
    ]
    return [(values, (np.log10(values["rate"]) + 2.5) ** 2 + 0.05 * values["dropout"]) for values in drawn]


def test_the_setting_that_decides_has_most_of_the_variance():
    shares = importances(trials(40, np.random.default_rng(0)))
    assert next(iter(shares)) == "rate"
    assert shares["rate"] > 0.8
    assert sum(shares.values()) <= 1 + 1e-9


def test_too_few_trials_or_one_setting_say_nothing():
    some = trials(FEWEST, np.random.default_rng(0))
    assert importances([*some[:-1], (some[-1][0], None)]) == {}
    assert importances([({"rate": values["rate"]}, score) for values, score in some]) == {}
    assert importances([]) == {}
