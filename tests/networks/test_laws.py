"""What every network keeps beside its gradient: where it starts, what dropout leaves alone, and what a tape lends."""

import tracemalloc

import numpy as np
import pytest

from seqexp.data.batch import Batch
from seqexp.networks import Chain, Dense, Embedding, Encoder, EncoderDecoder
from seqexp.networks.layers import Readout, dropout_mask
from seqexp.numerics.params import Params
from tests.networks.parts import NETWORKS, V_SOURCE, B, D, F, T, V, batch_for, core, drawn, every_network, pair, step


@every_network
def test_a_lent_tape_changes_nothing(kind):
    """Whatever it was used for before: another shape, dropout, or columns of full length."""
    network, rng = NETWORKS[kind](0.3), np.random.default_rng(0)
    p, tape = drawn(network), network.new_tape()
    for n, (steps, columns, ragged) in enumerate([(4, 6, True), (2, 3, False), (5, 1, True), (4, 6, False)] * 2):
        batch, seed = batch_for(kind, rng, steps, columns, ragged), n if n % 3 else None
        for alone, lent in zip(step(network, p, batch, None, seed), step(network, p, batch, tape, seed), strict=True):
            np.testing.assert_array_equal(alone, lent)


@every_network
def test_no_tape_gives_the_same_answers(kind):
    network = NETWORKS[kind](0.0)
    p, batch = drawn(network), batch_for(kind, np.random.default_rng(1))
    y, state, tape = network.forward(p, batch)
    y_eval, state_eval, _ = network.forward(p, batch, tape=tape, keep=False)
    np.testing.assert_array_equal(y_eval, network.forward(p, batch)[0])
    np.testing.assert_array_equal(state_eval, state)


@every_network
def test_backward_changes_no_array_of_the_callers(kind):
    network = NETWORKS[kind](0.3)
    p, batch = drawn(network), batch_for(kind, np.random.default_rng(2))
    y, state, tape = network.forward(p, batch, None, np.random.default_rng(0))
    before, dy, dstate = p.flat.copy(), np.cos(y), np.sin(state)
    kept = dy.copy(), dstate.copy()
    network.backward(p, p.like(), dy, tape, dstate)
    for array, was in zip((p.flat, dy, dstate), (before, *kept), strict=True):
        np.testing.assert_array_equal(array, was)


@every_network
def test_an_absent_derivative_of_the_state_is_zero(kind):
    network = NETWORKS[kind](0.0)
    p, batch = drawn(network), batch_for(kind, np.random.default_rng(3))
    y, state, tape = network.forward(p, batch)
    absent, zero = p.like(), p.like()
    ends = [network.backward(p, absent, y, tape), network.backward(p, zero, y, tape, np.zeros_like(state))]
    np.testing.assert_array_equal(absent.flat, zero.flat)
    np.testing.assert_array_equal(*ends)


@every_network
def test_the_gradient_along_a_random_direction_is_exact(kind):
    """Of the answers and the last state together, by the parameters and the first state, with dropout."""
    network, rng = NETWORKS[kind](0.3), np.random.default_rng(11)
    p, batch = drawn(network), batch_for(kind, rng)
    first = (network.encoder if isinstance(network, EncoderDecoder) else network).core.state_size
    state0 = rng.standard_normal((first, B))
    y, state, tape = network.forward(p, batch, state0, np.random.default_rng(0))
    dy, dstate = rng.standard_normal(y.shape), rng.standard_normal(state.shape)
    grad = p.like()
    dstate0 = network.backward(p, grad, dy, tape, dstate)
    along, along0 = rng.standard_normal(p.flat.size), rng.standard_normal(state0.shape)
    moved = p.like(p.flat + 1e-30j * along), state0 + 1e-30j * along0
    y, state, _ = network.forward(moved[0], batch, moved[1], np.random.default_rng(0))
    want = ((dy * y).sum() + (dstate * state).sum()).imag / 1e-30  # Squire and Trapp 1998
    assert grad.flat @ along + (dstate0 * along0).sum() == pytest.approx(want, rel=1e-12)


@every_network
def test_a_second_step_takes_the_firsts_memory(kind):
    """The buffers that a tape holds are most of what a step needs."""
    network = NETWORKS[kind](0.0)
    p, batch = drawn(network), batch_for(kind, np.random.default_rng(12), 50, 40, False)

    def peak(tape):
        tracemalloc.start()
        step(network, p, batch, tape)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(None)  # imports and caches
    tape = network.new_tape()
    first, second = peak(tape), peak(tape)
    assert second < 0.6 * first


@every_network
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_what_comes_out_has_the_dtype_of_the_parameters_whatever_the_batch_has(kind, dtype):
    network = NETWORKS[kind](0.3)
    p = network.init(np.random.default_rng(0), dtype)
    batch = batch_for(kind, np.random.default_rng(4))  # whose numbers are float64
    y, state, tape = network.forward(p, batch, None, np.random.default_rng(0))
    ends = [network.backward(p, p.like(), y, tape, dstate) for dstate in (state, None)]
    assert {array.dtype for array in (p.flat, y, state, *ends)} == {np.dtype(dtype)}


@every_network
def test_parameters_are_float32_unless_another_type_is_asked_for(kind):
    single, double = (NETWORKS[kind](0.0).init(np.random.default_rng(0), *of) for of in ((), (np.float64,)))
    assert (single.flat.dtype, double.flat.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(double.flat.astype(np.float32), single.flat)  # the same start, rounded
    rounded = {name for name in double if (double[name] == single[name]).all() and double[name].std() > 0}
    assert not rounded, "of these no digit beyond float32's was drawn"


# -- dropout ---------------------------------------------------------------------------------------------------------


@every_network
def test_dropout_is_drawn_anew_from_its_generator_and_is_off_without_one(kind):
    plain, dropping = NETWORKS[kind](0.0), NETWORKS[kind](0.5)
    p, batch = drawn(plain), batch_for(kind, np.random.default_rng(5))
    y = plain.forward(p, batch)[0]
    np.testing.assert_array_equal(dropping.forward(p, batch)[0], y)
    np.testing.assert_array_equal(plain.forward(p, batch, None, np.random.default_rng(1))[0], y)
    one, same, other = (dropping.forward(p, batch, None, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, y)
    assert not np.allclose(one, other)


def test_dropout_on_the_way_out_leaves_the_state_alone():
    network = Chain(core(), V, "last", dropout=0.5)
    p, batch = drawn(network), batch_for("numbers", np.random.default_rng(6))
    y, state, _ = network.forward(p, batch)
    y_dropped, state_dropped, _ = network.forward(p, batch, None, np.random.default_rng(0))
    np.testing.assert_array_equal(state_dropped, state)
    assert not np.allclose(y_dropped, y)


def test_dropout_between_the_layers_of_what_reads():
    """Numbers enter as they are, so that an encoder of two layers has no other dropout."""
    read = Encoder(core("rnn", D, num_layers=2), None, 0.5)
    network = EncoderDecoder(
        read, Chain(core("rnn", V, num_layers=2), V, "steps", None, 0.0), bridge=False, reverse_source=False
    )
    p, batch = drawn(network), batch_for("encoder-decoder of numbers", np.random.default_rng(7))
    dropped = network.forward(p, batch, None, np.random.default_rng(0))[0]
    assert not np.allclose(dropped, network.forward(p, batch)[0])


def test_dropout_drops_whole_units_at_its_rate_and_scales_up_the_rest():
    mask = dropout_mask(np.random.default_rng(0), 0.2, (50, 40, 30), np.dtype(np.float64))
    assert set(np.unique(mask)) == {0.0, 1 / (1 - 0.2)}
    assert (mask == 0).mean() == pytest.approx(0.2, abs=0.005)
    assert mask.mean() == pytest.approx(1, abs=0.01)


def test_the_same_units_are_dropped_in_every_dtype():
    masks = [dropout_mask(np.random.default_rng(3), 0.3, (9, 8), np.dtype(d)) for d in (np.float32, np.float64)]
    assert [mask.dtype for mask in masks] == [np.float32, np.float64]
    np.testing.assert_array_equal(masks[0] == 0, masks[1] == 0)


# -- the start -------------------------------------------------------------------------------------------------------


def test_a_core_starts_alike_whatever_feeds_and_reads_it():
    chains = [
        Chain(core(inputs=D), V, "last"),
        Chain(core(inputs=D), 2, "steps", Embedding(V, D)),
        Chain(core(inputs=D), V, "steps", Embedding(9, D), 0.5, Dense(F, D)),
    ]
    starts = [chain.init(np.random.default_rng(7)).part("core").flat for chain in chains]
    alone = core(inputs=D).init(np.random.default_rng(7)).flat
    for start in starts:
        np.testing.assert_array_equal(start, alone)


def test_layers_start_at_the_scale_of_their_sources():
    """Uniform in +- sqrt(6 / (rows + columns)): Glorot and Bengio 2010, eq. 16. Columns of E have about unit length."""
    rng = np.random.default_rng(0)
    for layer, name, other in ((Readout(100, 50), "W_hy", "b_y"), (Dense(100, 50), "W", "b")):
        p = Params.zeros(layer.layout, np.float64)
        layer.init(p, rng)
        limit = np.sqrt(6 / 150)
        assert 0.99 * limit < np.abs(p[name]).max() <= limit
        assert p[name].std() == pytest.approx(limit / np.sqrt(3), rel=0.03)
        assert not p[other].any()
    embedding = Embedding(400, 25)
    p = Params.zeros(embedding.layout, np.float64)
    embedding.init(p, rng)
    assert p["E"].std() == pytest.approx(1 / 5, rel=0.03)
    assert p["E"].mean() == pytest.approx(0, abs=0.01)


def test_every_part_of_a_network_starts_at_random_and_from_the_generator_alone():
    for kind, build in NETWORKS.items():
        one, same, other = (build(0.0).init(np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.flat, same.flat)
        weights = [name for name in one.names() if "/b" not in name]
        assert all(one[name].any() and (one[name] != other[name]).any() for name in weights), kind


def test_two_embeddings_are_counted_and_a_dense_layer_is_none():
    assert Chain(core(), V, "last").embedded == 0
    assert NETWORKS["features"](0.0).embedded == V * D
    assert pair().embedded == (V + V_SOURCE) * D


# -- shapes that fit -------------------------------------------------------------------------------------------------


def test_a_picture_encoder_needs_an_embedding_of_its_size():
    with pytest.raises(ValueError, match="a picture encoder needs outputs of the embedding's size"):
        Chain(core(inputs=D), V, "steps", Embedding(V, D + 1), picture=Dense(F, D))


def test_a_network_whose_steps_answer_asks_for_marks():
    network = Chain(core(), V, "steps")
    batch = Batch(np.zeros((T, B), int), np.zeros(B, int))
    with pytest.raises(ValueError, match=r"Batch\.answered must be \(T, B\), got None"):
        network.forward(drawn(network), batch)


def test_features_enter_at_the_first_step_and_are_added_to_what_is_fed_there():
    network = NETWORKS["features"](0.0)
    p, batch = drawn(network), batch_for("features", np.random.default_rng(8))
    plain = Chain(core(inputs=D), V, "steps", Embedding(V, D))
    fed = np.concatenate([p["embedding/E"], np.zeros((1, D))])[batch.x].swapaxes(1, 2)
    fed[0] += p["dense/W"] @ batch.features + p["dense/b"]
    numbers = Chain(core(inputs=D), V, "steps")
    weights = numbers.init(np.random.default_rng(0), np.float64)
    weights.part("core").flat[:], weights.part("readout").flat[:] = p.part("core").flat, p.part("readout").flat
    want = numbers.forward(weights, Batch(fed, batch.target, batch.lengths, batch.answered))[0]
    np.testing.assert_allclose(network.forward(p, batch)[0], want, atol=1e-14)
    without = plain.init(np.random.default_rng(0), np.float64)
    for part in ("embedding", "core", "readout"):
        without.part(part).flat[:] = p.part(part).flat
    got = plain.forward(without, batch)[0]
    assert not np.allclose(got, want)
    # A batch of tokens alone feeds nothing beside them.
    tokens = Batch(batch.x, batch.target, batch.lengths, batch.answered)
    np.testing.assert_array_equal(network.forward(p, tokens)[0], got)
