"""Models that are no better than what needs no memory are told so beside the verdict."""

import pytest

from seqexp.comparison.floors import beside_floor
from tests.comparison.test_contest import held, runs


@pytest.mark.parametrize(
    ("a", "b", "said"),  # mean squared errors by seed; the best floor is "always 1" at 0.2
    [
        ([0.1, 0.1], [0.15, 0.15], ""),
        ([0.1, 0.1], [0.3, 0.3], "only rnn clearly beats the method without memory, always 1"),
        ([0.25, 0.25], [0.1, 0.1], "only lstm clearly beats the method without memory, always 1"),
        ([0.25, 0.25], [0.2, 0.2], "neither beats the method without memory, always 1"),
        ([0.1, 0.25], [0.3, 0.3], "neither clearly beats the method without memory, always 1"),
        ([None, None], [0.1, 0.1], ""),
    ],
)
def test_who_beats_the_best_method_without_memory(a, b, said):
    contest = held(runs("rnn", a), runs("lstm", b))
    assert beside_floor(contest, contest.claims[0]) == said
