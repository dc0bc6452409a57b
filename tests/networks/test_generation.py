"""How a network generates: token by token after a prompt, in a beam, from an encoder's last state."""

import numpy as np
import pytest

from seqexp.data.batch import Batch, FeatureBatch, SourceBatch
from seqexp.networks import Chain
from tests.networks.parts import NETWORKS, V_SOURCE, B, F, V, core, drawn, pair


def chain_and_prompt(seed=0):
    network = Chain(core("rnn"), V, "steps")
    return network, drawn(network, seed), np.random.default_rng(seed).integers(0, V, (3, B))


def answers(network, p, x):
    """The last step's answers (Y, B) to tokens x (T, B)."""
    marked = np.zeros(x.shape, bool)
    marked[-1] = True
    return network.forward(p, Batch(x, x, answered=marked))[0]


@pytest.mark.parametrize("feed", ["previous", "zeros"])
def test_each_token_is_the_likeliest_after_all_that_was_fed_so_far(feed):
    network, p, prompt = chain_and_prompt()
    said, seen = [], prompt
    for _ in range(5):
        said.append(answers(network, p, seen).argmax(axis=0))
        seen = np.vstack([seen, said[-1] if feed == "previous" else np.full(B, -1)])
    np.testing.assert_array_equal(network.generate(p, prompt, 5, feed), said)


def test_values_are_read_next_as_they_were_answered():
    """At the end of as many steps as the prompt has, with zeros for what no answer is of, such as the channels that say
    where a value is missing."""
    network = Chain(core("rnn", inputs=3), 2, "steps")
    p, x = drawn(network), np.random.default_rng(1).standard_normal((4, 3, B))
    said, seen = [], x
    for _ in range(3):
        marked = np.arange(4)[:, None] == np.full(B, 3)
        said.append(network.forward(p, Batch(seen, seen, answered=marked))[0].copy())
        seen = np.concatenate([seen[1:], [np.concatenate([said[-1], np.zeros((1, B))])]])
    np.testing.assert_allclose(network.generate(p, x, 3), said, rtol=1e-12)


def test_generation_goes_on_from_a_state():
    network, p, prompt = chain_and_prompt(1)
    _, state, _ = network.forward(p, Batch(prompt[:2], prompt[:2], answered=np.ones((2, B), bool)))
    whole, rest = network.generate(p, prompt, 4), network.generate(p, prompt[2:], 4, state0=state)
    np.testing.assert_array_equal(rest, whole)


def test_what_is_drawn_depends_on_the_seed_and_on_nothing_else():
    network, p, prompt = chain_and_prompt(2)
    p.flat[:] *= 0.1  # so that nothing is nearly sure
    one, same, other = (network.generate(p, prompt, 30, temperature=1.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert len(np.unique(one)) == V
    assert (one != network.generate(p, prompt, 30)).any()


def test_a_prompts_padding_marks_and_lengths_do_not_matter():
    """A prompt has full columns, and its last step is what answers."""
    network, p, prompt = chain_and_prompt(3)
    marked = Batch(prompt, prompt, np.ones(B, int), np.ones(prompt.shape, bool))
    np.testing.assert_array_equal(network.generate(p, marked, 4), network.generate(p, prompt, 4))


def test_a_picture_is_a_prompt():
    network = NETWORKS["features"](0.0)
    p, rng = drawn(network), np.random.default_rng(9)
    start = np.zeros((1, B), int)
    pictures = [FeatureBatch(start, start, features=rng.standard_normal((F, B))) for _ in range(2)]
    said = [network.generate(p, picture, 6) for picture in pictures]
    marked = FeatureBatch(start, start, None, np.ones((1, B), bool), features=pictures[0].features)
    np.testing.assert_array_equal(said[0][0], network.forward(p, marked)[0].argmax(axis=0))
    assert (said[0] != said[1]).any()


@pytest.mark.parametrize("how", [{"temperature": 1.0}, {"feed": "zeros"}], ids=str)
def test_a_beam_draws_nothing_and_feeds_back_its_own_answers(how):
    network, p, prompt = chain_and_prompt()
    with pytest.raises(ValueError, match="a beam search feeds back its own answers and draws nothing"):
        network.generate(p, prompt, 4, beam_width=2, **how)


@pytest.mark.parametrize("bridge", [False, True])
def test_a_translation_begins_in_the_encoders_last_state(bridge):
    network = pair("rnn" if bridge else "lstm", "lstm")
    p, rng = drawn(network), np.random.default_rng(10)
    start, source = np.zeros((1, B), int), rng.integers(0, V_SOURCE, (5, B))
    lengths = np.array([5, 1, 3, 2, 4, 5])
    said, fed = [], start
    for _ in range(4):
        marked = np.zeros(fed.shape, bool)
        marked[-1] = True
        batch = SourceBatch(fed, fed, None, marked, source=source, source_lengths=lengths)
        said.append(network.forward(p, batch)[0].argmax(axis=0))
        fed = np.vstack([fed, said[-1]])
    prompt = SourceBatch(start, start, source=source, source_lengths=lengths)
    np.testing.assert_array_equal(network.generate(p, prompt, 4), said)
