"""Probes of networks that read from both ends, or start from a state they have learned."""

import numpy as np
import pytest

from seqexp import mechanism, models
from seqexp.data.batch import Batch, SourceBatch
from seqexp.mechanism.walk import Walk, remembering
from seqexp.models.deep import Deep
from seqexp.networks import Chain, Encoder, EncoderDecoder
from seqexp.numerics.tape import reverse
from seqexp.training import losses
from tests.mechanism.test_mechanism import chain, kinds, norms_by_complex_step

ENDS = np.array([7, 3, 6])
two_directions = pytest.mark.parametrize(
    "model, more", [("rnn", {}), ("lstm", {}), ("gru", {"initial_state": "learned"}), ("lstm", {"num_layers": 2})]
)


def top(network, p, x, lengths):
    """The two cores of the top layer with their parameters and what they read, by hand."""
    core, p = network.core, p.part("core")
    if isinstance(core, Deep):
        below, part = core.layers[0], p.part("layer1")
        x = below.forward(part, x, None, lengths)[0].copy()
        core, p = core.layers[1], p.part("layer2")
    ahead, back = core.cores
    return [(ahead, p.part("forward"), x), (back, p.part("backward"), reverse(x, lengths))]


def flow_by_hand(network, p, sides, target, kind):
    """The mean over both sides of the norms at each lag. sides: core, parameters, x, and where each column's answer is
    read, of one side after the other."""
    states = [core.forward(part, x, None, ends)[1] for core, part, x, ends in sides]
    readout = p.part("readout")
    sums: dict[int, float] = {}
    shares: dict[int, int] = {}
    for number, (core, part, x, ends) in enumerate(sides):

        def loss(state, number=number):
            after = [state if n == number else one for n, one in enumerate(states)]
            h = np.concatenate([one[side[0].output_rows] for one, side in zip(after, sides, strict=True)])
            return ((readout["W_hy"] @ h + readout["b_y"] - target) ** 2).sum(axis=0)

        rows = dict(kinds(core))[kind]
        for lag, norm in norms_by_complex_step(core, part, x, ends, loss, np.zeros(len(ends)), rows).items():
            sums[lag], shares[lag] = sums.get(lag, 0) + norm, shares.get(lag, 0) + 1
    return [sums[lag] / shares[lag] for lag in sorted(sums)]


@two_directions
def test_the_gradient_flows_back_from_both_ends(model, more):
    network, p, rng = chain(model, bidirectional=True, **more)
    x, target = rng.normal(size=(7, 3, 3)), rng.normal(size=(2, 3))
    flow = mechanism.gradient_flow(network, p, Batch(x, target, ENDS), losses.create("squared"))
    sides = [(*side, ENDS) for side in top(network, p, x, ENDS)]
    np.testing.assert_allclose(flow.h, flow_by_hand(network, p, sides, target, "h"), rtol=1e-10)
    assert (flow.c is not None) == (model == "lstm")
    if flow.c is not None:
        np.testing.assert_allclose(flow.c, flow_by_hand(network, p, sides, target, "c"), rtol=1e-10, atol=1e-14)


def test_an_answer_in_the_middle_is_read_from_both_sides():
    network, p, rng = chain("gru", "steps", bidirectional=True)
    x, target = rng.normal(size=(7, 3, 3)), rng.normal(size=(7, 2, 3))
    answered = np.zeros((7, 3), bool)
    answered[[0, 2]] = True  # of the last one the way back is 3 steps ahead and 5 back
    flow = mechanism.gradient_flow(network, p, Batch(x, target, None, answered), losses.create("squared"))
    ahead, back = top(network, p, x, None)
    sides = [(*ahead, np.full(3, 3)), (*back, np.full(3, 5))]
    assert list(flow.lag) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(flow.h, flow_by_hand(network, p, sides, target[2], "h"), rtol=1e-10)


def test_the_flow_goes_on_into_an_encoder_of_two_directions():
    rng = np.random.default_rng(3)
    encoder = Encoder(models.create("lstm", input_size=4, hidden_size=3, bidirectional=True))
    decoder = Chain(models.create("rnn", input_size=5, hidden_size=3), 5, "steps")
    network = EncoderDecoder(encoder, decoder, bridge=True, reverse_source=False)
    p = network.init(rng, np.float64)
    p.flat[:] += 0.2 * rng.normal(size=p.flat.shape)
    source, x = rng.integers(0, 4, (5, 3)), rng.integers(0, 5, (2, 3))
    batch = SourceBatch(x, x, None, np.ones((2, 3), bool), source=source, source_lengths=np.full(3, 5))
    flow = mechanism.gradient_flow(network, p, batch, losses.create("softmax"))
    complex_p = p.like(p.flat.astype(complex))
    part, said = p.part("encoder").part("core"), complex_p.part("decoder")
    ahead, back = encoder.core.cores  # type: ignore[attr-defined]
    sides = [(ahead, part.part("forward"), source), (back, part.part("backward"), source[::-1])]
    states = [core.forward(own, read)[1] for core, own, read in sides]
    wanted = np.zeros((2, 5))
    for number, (core, own, read) in enumerate(sides):

        def loss(state, number=number):
            last = np.concatenate([state if n == number else one for n, one in enumerate(states)])
            begun = network.bridge.forward(complex_p.part("bridge"), last.astype(complex))  # type: ignore[union-attr]
            _, after, _ = decoder.core.forward(said.part("core"), x[:1], begun)
            y = said["readout/W_hy"] @ after + said["readout/b_y"]
            return np.log(np.exp(y).sum(axis=0)) - y[x[0], np.arange(3)]

        for row, (_, rows) in enumerate(kinds(core)):
            norms = norms_by_complex_step(core, own, read, np.full(3, 5), loss, np.ones(3), rows)
            wanted[row] += [norms[lag] / 2 for lag in range(1, 6)]
    assert flow.c is not None
    np.testing.assert_allclose([flow.h[1:], flow.c[1:]], wanted, rtol=1e-10)


@pytest.mark.parametrize("more", [{"bidirectional": True}, {"bidirectional": True, "num_layers": 2}])
def test_the_dynamics_are_those_of_each_direction(more):
    network, p, rng = chain("rnn", **more)
    batch = Batch(rng.normal(size=(9, 3, 2)), rng.normal(size=(2, 2)))
    alone = [Chain(core, 2, "last") for core, _, _ in top(network, p, batch.x, None)]
    singular, exponents = [], []
    for one, (_, part, x) in zip(alone, top(network, p, batch.x, None), strict=True):
        q = one.init(rng, np.float64)
        q.part("core").flat[:] = part.flat
        singular += [*mechanism.spectrum(one, q, Batch(x, batch.target))]
        exponents += [*mechanism.lyapunov(one, q, Batch(x, batch.target))]
    np.testing.assert_allclose(mechanism.spectrum(network, p, batch), sorted(singular)[::-1], rtol=1e-10)
    np.testing.assert_allclose(mechanism.lyapunov(network, p, batch), sorted(exponents)[::-1], rtol=1e-10)


@pytest.mark.parametrize(
    "more", [{"bidirectional": True}, {"num_layers": 2, "bidirectional": True}, {"initial_state": "learned"}]
)
def test_gates_are_those_of_a_whole_pass(more):
    network, p, rng = chain("gru", **more)
    x = rng.normal(size=(70, 3, 3))  # longer than what is read at once in one direction
    lengths = np.array([70, 20, 66])
    use = mechanism.gate_use(network, p, Batch(x, rng.normal(size=(2, 3)), lengths))
    assert use is not None
    _, _, tape = network.core.forward(p.part("core"), x, None, lengths)
    alive = np.arange(70)[:, None] < lengths
    for name, values in network.core.gates(tape).items():
        wanted = values.transpose(0, 2, 1)[alive]
        assert use[name].mean == pytest.approx(wanted.mean(), rel=1e-12)
        assert len(use[name].time_constants) == wanted.shape[1]


@pytest.mark.parametrize("more", [{}, {"num_layers": 2}])
def test_a_walk_starts_from_the_state_that_was_learned(more):
    network, p, rng = chain("lstm", initial_state="learned", **more)
    x = rng.normal(size=(4, 3, 2))
    walk = Walk(remembering(network, p, Batch(x, rng.normal(size=(2, 2)))))
    names = [f"{name}.{l}" for l in (1, 2) for name in ("h_0", "c_0")] if more else ["h_0", "c_0"]
    np.testing.assert_array_equal(walk.states[0], np.tile(np.concatenate([p["core/" + n] for n in names]), 2))
    np.testing.assert_allclose(walk.states[-1], network.core.forward(p.part("core"), x)[1], rtol=1e-12)
