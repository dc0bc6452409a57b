"""How tokens are chosen, on a language small enough to be worked out by hand: each token depends on the one before."""

import numpy as np
import pytest

from seqexp.networks.decoding import beam, one_by_one, sample

A, B, END = 0, 1, 2
# Row: the token before. a is followed by a or b, both may end. After b the end is nearly sure.
NEXT = np.array([[0.0, 0.6, 0.4], [0.1, 0.0, 0.9], [0.0, 0.0, 1.0]])


class Language:
    """What a network would be: its state is the token before, and how many steps it was asked for."""

    def __init__(self, table=NEXT):
        with np.errstate(divide="ignore"):
            self.log_p = np.log(np.asarray(table))
        self.fed = []

    def begin(self, *last: int) -> tuple[np.ndarray, np.ndarray]:
        """The answers (Y, N) to a prompt that ended in these tokens, and the state (1, N)."""
        return self.log_p[list(last)].T.copy(), np.array([last])

    def advance(self, x, state):
        assert x.shape == state.shape
        self.fed.append(x.ravel().tolist())
        heard = np.where(x < 0, state, x)  # -1 feeds nothing: the state stays
        return self.log_p[heard[0]].T.copy(), heard


def greedy(y):
    return y.argmax(axis=0)


def test_top_k_draws_the_likeliest_in_their_own_proportions():
    y = np.log(np.array([0.1, 0.4, 0.2, 0.3]))[:, None].repeat(20_000, axis=1)
    drawn = np.bincount(sample(y, 1.0, np.random.default_rng(0), top_k=2), minlength=4) / 20_000
    assert drawn == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.02)
    rng, same = np.random.default_rng(1), np.random.default_rng(1)
    assert np.array_equal(sample(y, 0.5, rng, top_k=9), sample(y, 0.5, same))  # there are but four


# -- one by one ------------------------------------------------------------------------------------------------------


def test_each_choice_is_fed_back():
    language = Language()
    said = one_by_one(*language.begin(A, B), language.advance, 3, greedy, True, None)
    assert said.tolist() == [[B, END], [END, END], [END, END]]
    assert said.dtype == np.int64
    assert language.fed == [[B, END], [END, END]], "one step fewer than tokens: the first answer was there"


def test_or_nothing_is_fed():
    language = Language()
    assert one_by_one(*language.begin(A, B), language.advance, 3, greedy, False, None).tolist() == [[B, END]] * 3
    assert language.fed == [[-1, -1], [-1, -1]]


def test_it_stops_once_every_column_has_ended():
    language = Language()
    said = one_by_one(*language.begin(A, B), language.advance, 9, greedy, True, END)
    assert said.tolist() == [[B, END], *[[END, END]] * 8]
    assert language.fed == [[B, END]]


def test_a_column_that_has_ended_says_nothing_else():
    tokens = iter([[END, A], [A, A], [B, END], [A, A]])
    language = Language()
    said = one_by_one(*language.begin(A, A), language.advance, 4, lambda y: np.array(next(tokens)), True, END)
    assert said.T.tolist() == [[END, END, END, END], [A, A, END, END]]


def test_no_steps_are_no_tokens():
    language = Language()
    assert one_by_one(*language.begin(A), language.advance, 0, greedy, True, END).shape == (0, 1)
    assert language.fed == []


# -- beam ------------------------------------------------------------------------------------------------------------


def found(width, steps, *last, end=END, table=NEXT):
    language = Language(table)
    return beam(*language.begin(*last), language.advance, steps, width, end).T.tolist()


def test_the_greedy_first_step_is_not_the_best_sequence():
    """From a: b and then the end has 0.6 x 0.9 = 0.54, and the end at once 0.4, which is more than b's 0.6 x 0.55."""
    assert found(1, 3, A) == found(2, 3, A) == [[B, END, END]]
    doubtful = [[0.0, 0.6, 0.4], [0.55, 0.0, 0.45], [0.0, 0.0, 1.0]]
    assert found(1, 3, A, table=doubtful) == [[B, A, B]]
    assert found(2, 3, A, table=doubtful) == [[END, END, END]]


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_what_is_added_to_all_answers_changes_nothing(shift):
    """However large they are: exp of them would overflow."""
    language = Language(np.array(NEXT) + 1e-9)
    plain = beam(*language.begin(A, B), language.advance, 3, 2, END)
    language.log_p += shift
    assert beam(*language.begin(A, B), language.advance, 3, 2, END).tolist() == plain.tolist()


def test_columns_are_searched_each_on_their_own():
    assert found(2, 3, A, B, A) == [[B, END, END], [END, END, END], [B, END, END]]


def test_the_words_before_a_winner_are_its_own():
    """The best hypothesis of a later step may descend from the second of an earlier one. 0: start. After 1 four words
    of 0.25 follow, after 2 one of 0.9."""
    table = np.zeros((5, 5))
    table[0, [1, 2]] = 0.55, 0.45
    table[1, [1, 2, 3, 4]] = 0.25
    table[2, [3, 4]] = 0.9, 0.1
    table[[3, 4], [3, 4]] = 1
    assert found(1, 3, 0, end=None, table=table)[0][0] == 1
    assert found(2, 3, 0, end=None, table=table) == [[2, 3, 3]]


def test_a_finished_hypothesis_keeps_its_probability_and_is_not_gone_on_with():
    """A sure end at 0.4 beats b at 0.6, whose every continuation falls to 0.3."""
    table = [[0.0, 0.6, 0.4], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]  # after the end this one would say b
    assert found(3, 4, A, table=table) == [[END, END, END, END]]


def test_a_search_stops_once_every_best_hypothesis_has_ended():
    language = Language()
    beam(*language.begin(B, B), language.advance, 9, 2, END)
    assert language.fed == []
    beam(*language.begin(A, B), language.advance, 9, 2, END)
    assert len(language.fed) == 1


def test_the_last_answer_is_not_fed_back():
    language = Language()
    beam(*language.begin(A), language.advance, 4, 2, None)
    assert len(language.fed) == 3


# -- drawn -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_of_y_over_the_temperature(temperature):
    y = np.repeat(np.log([[0.1], [0.6], [0.3]]), 20_000, axis=1)
    want = np.array([0.1, 0.6, 0.3]) ** (1 / temperature)
    drawn = np.bincount(sample(y, temperature, np.random.default_rng(4))) / 20_000
    np.testing.assert_allclose(drawn, want / want.sum(), atol=0.015)


def test_temperature_0_takes_the_most_likely_of_each_column_and_draws_nothing():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((5, 7))
    before = rng.bit_generator.state
    assert sample(y, 0.0, rng).tolist() == y.argmax(axis=0).tolist()
    assert rng.bit_generator.state == before
