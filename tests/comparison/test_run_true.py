"""run=true with runs that a script stands in for: which seeds are run, when it stops, and that the report's verdict is
that of the test which was asked after each pair."""

import numpy as np
import pytest

from scripts.tables.fabricate import fabricate
from seqexp.statistics.paired import paired
from seqexp.statistics.sequential import Sequential
from tests.comparison.stand_in import fabricated, stand_in

pytestmark = pytest.mark.usefixtures("without_figures")

WORDS = ("run=true", "a=rnn", "b=lstm", "task=adding", "tuned=false", "first_seed=0")


@pytest.fixture
def scripted(runs, monkeypatch):
    """Training is replaced by scores: scripted({"rnn": [...], "lstm": [...]}), a seed each; None diverges. Gives the
    (model, seed) that were run, in their order."""

    def install(scores, stored=None):
        made = []

        def run(run_config, location):
            model, seed = run_config.name("model"), run_config.settings["seed"]
            made.append((model, seed))
            margin = stored or run_config.settings["task"]["margin"]
            return fabricated(run_config, scores[model][seed], margin)

        stand_in(monkeypatch, run)
        return made

    return install


def lines(said, seeds):
    """What was printed of each seed, from the one line that the fixture makes of the output."""
    return [said.partition(f"seed {seed}: ")[2].partition(" pair")[0] for seed in range(seeds)]


def sequential(a, b, *, margin=0.005, level=0.95, max_seeds=20):
    test = Sequential(level, margin, max_seeds, "min")
    for pair in zip(a, b, strict=True):
        if not test.done:
            test.update(*pair)
    return test


ALIKE = [0.5 + 0.1 * (seed % 3) for seed in range(20)]  # of rnn; lstm is always 0.1 better
BETTER = [score - 0.1 for score in ALIKE]


def test_what_was_typed_of_the_task_stands_beside_its_name(scripted, compare):
    scripted({"rnn": ALIKE, "lstm": BETTER})
    code, said, error = compare(*WORDS, "task.split_seed=0", "training.epochs=2")
    assert code == 0, error
    assert "On adding (length 50, split seed 0), lstm is better" in said


def test_seeds_are_run_in_pairs_until_the_verdict_and_no_further(scripted, compare):
    made = scripted({"rnn": ALIKE, "lstm": BETTER})
    code, said, error = compare(*WORDS)
    assert code == 0, error
    assert made == [(model, seed) for seed in range(7) for model in ("rnn", "lstm")], "seven equal differences do it"
    assert [line.rpartition("; ")[2] for line in lines(said, 7)] == [
        *(f"not resolved after {n}" for n in range(1, 7)),
        "lstm is better after 7",
    ]
    assert "lstm is better than rnn in the typical run" in said
    assert "lstm's mean squared error is 0.1 lower" in said
    assert "7 runs of each." in said
    assert "tested after every pair of seeds, level 95 %." in said


def test_after_optional_stopping_the_report_has_the_sequential_tests_verdict(scripted, compare):
    """Six equal differences are significant for who fixed six beforehand (2 / 2^6), not for who looked at each."""
    scripted({"rnn": [0.6] * 8, "lstm": [0.5] * 8})
    code, said, error = compare(*WORDS, "max_seeds=6")
    assert code == 0, error
    assert "lstm against rnn is not resolved: a fresh run of lstm beats one of rnn with probability 1.00" in said
    assert "lstm's mean squared error is 0.1 lower (too few pairs for an interval)" in said
    assert "is better than" not in said
    assert "6 pairs, tested after every pair, can never reach the 95 % level" in said
    assert "The same command with max_seeds=12 continues from here." in said
    _, fixed, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert "lstm is better than rnn" in fixed, "the same runs, had their number been fixed"


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_verdict_and_interval_are_the_sequential_tests_own(scripted, compare, seed, level):
    rng = np.random.default_rng(seed)
    rnn, lstm = rng.normal(0.5, 0.1, 12), rng.normal(0.35, 0.1, 12)
    made = scripted({"rnn": rnn, "lstm": lstm})
    code, said, error = compare(*WORDS, "max_seeds=12", f"level={level}")
    assert code == 0, error
    want = sequential(rnn, lstm, level=level, max_seeds=12)
    assert len(made) == 2 * want.n
    low, high = want.interval()
    effect = float(np.mean(rnn[: want.n] - lstm[: want.n]))
    sign = -1 if effect > 0 else 1  # rnn's effect is -effect, lower is better
    shown = sorted(sign * end for end in (low, high)) if effect < 0 else sorted((-low, -high))
    interval = f"{100 * level:g} % interval of the median difference {shown[0]:.3g} to {shown[1]:.3g}"
    assert (interval if np.isfinite(low) else "too few pairs for an interval") in said
    fixed = paired(rnn[: want.n], lstm[: want.n], direction="min", margin=0.005, level=level)
    assert (low, high) != (fixed.low, fixed.high)
    assert ("lstm is better than rnn" in said) == (want.verdict == "worse")
    assert ("is not resolved" in said) == (want.verdict == "not resolved")


def test_equal_models_are_called_equivalent_within_the_margin(scripted, compare):
    scripted({"rnn": ALIKE, "lstm": [score + 1e-4 * (-1) ** n for n, score in enumerate(ALIKE)]})
    code, said, error = compare(*WORDS)
    assert code == 0, error
    assert "are equivalent in the typical run: " in said
    assert "by no more than the margin of 0.005" in said


def test_a_run_that_diverged_loses_its_pair(scripted, compare):
    rnn = [*ALIKE[:2], None, *ALIKE[3:]]
    made = scripted({"rnn": rnn, "lstm": BETTER})
    code, said, error = compare(*WORDS)
    assert code == 1, "a run failed"
    assert made[-1] == ("lstm", 6)
    assert "seed 2: rnn diverged, lstm 0.6; not resolved after 3 pairs" in said
    assert "lstm is better than rnn in the typical run" in said
    assert "lstm's mean squared error is 0.1 lower" in said
    assert "7 runs of each." in said
    assert "Seeds without a pair: 2." in said


def test_only_the_runs_of_this_question_count(runs, scripted, compare):
    """Other runs of the same models lie there: other lengths, and more seeds than were asked for."""
    for model, score in (("rnn", 0.01), ("lstm", 0.9)):
        for seed in range(8):
            fabricate(runs, model, seed, score + 0.01 * seed, settings={"task.length": 77})
    scripted({"rnn": ALIKE, "lstm": BETTER})
    code, said, error = compare(*WORDS)
    assert code == 0, error
    assert "lstm is better than rnn in the typical run" in said
    assert "lstm's mean squared error is 0.1 lower" in said


@pytest.mark.parametrize(
    ("words", "counts"),
    [([], 0.005), (["task.margin={mse:0.3}"], 0.3), (["margin=0.2"], 0.2), (["margin=0"], 0), (["margin=0.01"], 0.01)],
    ids=str,
)
@pytest.mark.parametrize("stored", [None, {"mse": 0.25}], ids=["fresh", "made with another margin"])
def test_the_report_judges_by_the_margin_that_the_test_was_run_with(scripted, compare, words, counts, stored):
    """A margin decides nothing about a run, so that a run made with another one is not made again."""
    scripted({"rnn": ALIKE, "lstm": BETTER}, stored)
    code, said, error = compare(*WORDS, *words)
    assert code == 0, error
    assert f"differences within {counts:.3g} count as equivalent" in said
    last = "equivalent after" if counts > 0.1 else "lstm is better after"
    assert last in said
    assert ("are equivalent in the typical run: " in said) == (counts > 0.1)
    assert ("lstm is better than rnn" in said) == (counts < 0.1)
