"""Probes agree with derivatives taken another way, with what is known of simple networks, and change no run."""

import json
import math

import numpy as np
import pytest

from seqexp import config, mechanism, models
from seqexp.config.build import build_network, build_task
from seqexp.data.batch import Batch, SourceBatch
from seqexp.mechanism.walk import Walk, remembering
from seqexp.networks import Chain, Encoder, EncoderDecoder
from seqexp.numerics.rng import Purpose, stream
from seqexp.training import losses

TINY = 1e-30  # of a complex step
every_model = pytest.mark.parametrize("model", models.names("sequences"))


def composed(*words):
    from hydra import compose, initialize_config_dir

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        return config.check(compose("config", ["tracking=off", *words]))


def chain(model, answers="last", hidden=4, **settings):
    core = models.create(model, input_size=3, hidden_size=hidden, **settings)
    network = Chain(core, 2, answers)
    rng = np.random.default_rng(5)
    p = network.init(rng, np.float64)
    p.flat[:] += 0.3 * rng.normal(size=p.flat.shape)
    return network, p, rng


def norms_by_complex_step(core, p, x, lengths, loss, after, rows):
    """The mean over columns of |d loss / d state rows| at each lag, which is ``after`` + how long ago.

    loss: of each column, from its last state (S, B).
    """
    sums: dict[int, float] = {}
    counts: dict[int, int] = {}
    complex_p = p.like(p.flat.astype(complex))
    for t in range(x.shape[0]):
        read = np.minimum(lengths, t + 1)
        _, state, _ = core.forward(p, x[: t + 1], lengths=read)
        squares = np.zeros(x.shape[-1])
        for row in rows:
            moved = state.astype(complex)
            moved[row] += TINY * 1j
            rest = x[t + 1 :] if x.dtype.kind in "iu" else x[t + 1 :].astype(complex)
            end = moved
            if len(rest):
                _, end, _ = core.forward(complex_p, rest, moved, lengths=np.maximum(lengths - t - 1, 0))
            squares += (loss(end).imag / TINY) ** 2
        for column in np.flatnonzero(t < lengths):
            lag = int(after[column] + lengths[column] - 1 - t)
            sums[lag] = sums.get(lag, 0.0) + math.sqrt(squares[column])
            counts[lag] = counts.get(lag, 0) + 1
    return {lag: sums[lag] / counts[lag] for lag in sums if 2 * counts[lag] >= x.shape[-1]}


def kinds(core):
    own = getattr(core, "cell_rows", None)
    cells = [] if own is None else list(np.arange(core.state_size)[own])
    yield "h", [row for row in range(core.state_size) if row not in cells]
    if cells:
        yield "c", cells


@every_model
@pytest.mark.parametrize("answers", ["last", "steps"])
def test_gradient_flow_is_the_derivative_by_the_state_at_each_lag(model, answers):
    network, p, rng = chain(model, answers)
    ends, x = np.array([7, 3, 6, 0, 7]), rng.normal(size=(7, 3, 5))
    x[ends[1] :, :, 1] = np.nan if answers == "last" else 0.5  # padding stays out
    if answers == "last":
        batch = Batch(x, rng.normal(size=(2, 5)), ends)
    else:
        answered = np.zeros((7, 5), bool)
        answered[ends[ends > 0] - 1, np.flatnonzero(ends)] = answered[1] = True
        answered[:, 3] = False
        batch = Batch(x, rng.normal(size=(7, 2, 5)), None, answered)
    flow = mechanism.gradient_flow(network, p, batch, losses.create("squared"))

    some = np.flatnonzero(ends)
    ends, x = ends[some], np.nan_to_num(x[..., some])
    target = batch.target[:, some] if answers == "last" else batch.target[ends - 1, :, some].T
    readout = p.part("readout")

    def loss(state):
        y = readout["W_hy"] @ state[network.core.output_rows] + readout["b_y"]
        return ((y - target) ** 2).sum(axis=0)

    for kind, rows in kinds(network.core):
        wanted = norms_by_complex_step(network.core, p.part("core"), x, ends, loss, np.zeros(len(ends)), rows)
        assert list(flow.lag) == sorted(wanted)
        np.testing.assert_allclose(getattr(flow, kind), [wanted[lag] for lag in flow.lag], rtol=1e-10, atol=1e-14)
    assert (flow.c is not None) == hasattr(network.core, "cell_rows")


@pytest.mark.parametrize("read, said", [("rnn", "rnn"), ("lstm", "lstm"), ("stacked_rnn", "lstm"), ("lstm", "rnn")])
def test_gradient_flow_goes_on_into_the_encoder(read, said):
    rng = np.random.default_rng(1)
    encoder = Encoder(models.create(read, input_size=4, hidden_size=3))
    decoder = Chain(models.create(said, input_size=5, hidden_size=3), 5, "steps")
    network = EncoderDecoder(encoder, decoder, bridge=read != said, reverse_source=True)
    p = network.init(rng, np.float64)
    p.flat[:] += 0.2 * rng.normal(size=p.flat.shape)
    source, lengths = rng.integers(0, 4, (5, 3)), np.array([5, 2, 4])
    batch = SourceBatch(
        rng.integers(0, 5, (4, 3)), rng.integers(0, 5, (4, 3)), None, np.ones((4, 3), bool), source=source,
        source_lengths=lengths,
    )  # fmt: skip
    flow = mechanism.gradient_flow(network, p, batch, losses.create("softmax"))

    turned = source.copy()
    for column, n in enumerate(lengths):
        turned[:n, column] = source[:n, column][::-1]
    complex_p = p.like(p.flat.astype(complex))

    def loss(state):
        begun = state if network.bridge is None else network.bridge.forward(complex_p.part("bridge"), state)
        part = complex_p.part("decoder")
        _, after, _ = decoder.core.forward(part.part("core"), batch.x[:1], begun)
        y = part["readout/W_hy"] @ after[decoder.core.output_rows] + part["readout/b_y"]
        return np.log(np.exp(y).sum(axis=0)) - y[batch.target[0], np.arange(3)]

    for kind, rows in kinds(encoder.core):
        part = p.part("encoder").part("core")
        wanted = norms_by_complex_step(encoder.core, part, turned, lengths, loss, np.ones(3), rows)
        np.testing.assert_allclose(getattr(flow, kind)[1:], [wanted[lag] for lag in flow.lag[1:]], rtol=1e-10)
    assert len(flow.lag) == 5  # the answer itself, and what two of three sources have


@every_model
def test_a_look_no_further_than_asked_sees_the_same(model):
    network, p, rng = chain(model)
    batch = Batch(rng.normal(size=(150, 3, 2)), rng.normal(size=(2, 2)))
    whole = mechanism.gradient_flow(network, p, batch, losses.create("squared"))
    short = mechanism.gradient_flow(network, p, batch, losses.create("squared"), steps=10)
    assert len(whole.lag) == 150
    assert list(short.lag) == list(range(11))
    np.testing.assert_allclose(short.h, whole.h[:11], rtol=1e-12)


def test_half_life():
    lag = np.arange(60)
    norm = 3 * 0.5 ** (lag / 7)
    assert mechanism.half_life(lag, norm) == pytest.approx(7)
    bumpy = norm.copy()
    bumpy[0], bumpy[20:24] = 1e3, 50.0  # the jump at the readout, and a bump
    assert mechanism.half_life(lag, bumpy) == pytest.approx(7, rel=0.05)
    assert mechanism.half_life(lag, np.where(lag < 30, norm, 0)) == pytest.approx(7)
    assert mechanism.half_life(lag, 0.5 ** (lag / 61.0)) is None  # not halved within what was seen
    assert mechanism.half_life(lag, 1.1**lag) is None
    assert mechanism.half_life(lag, np.where(lag == 9, np.inf, norm)) is None
    assert mechanism.half_life(lag[:3], norm[:3]) is None


@every_model
def test_the_jacobian_of_a_step_agrees_with_the_complex_step(model):
    network, p, rng = chain(model)
    batch = Batch(rng.normal(size=(5, 3, 2)), rng.normal(size=(2, 2)))
    walk = Walk(remembering(network, p, batch))
    found, core = mechanism.jacobians(walk, 3), network.core
    S, part = core.state_size, p.part("core")
    before = np.repeat(walk.states[3][:, 1:], S, axis=1) + 1j * TINY * np.eye(S)
    x = np.repeat(batch.x[3:4, :, 1:], S, axis=2).astype(complex)
    after = core.forward(part.like(part.flat.astype(complex)), x, before)[1]
    np.testing.assert_allclose(found[1], after.imag / TINY, rtol=1e-10, atol=1e-14)
    assert mechanism.spectrum(network, p, batch).shape == (S,)


def test_lyapunov_exponents_of_a_linear_network_are_the_logarithms_of_its_eigenvalues():
    network, p, _ = chain("rnn", hidden=3)
    p.flat[:] = 0
    p["core/W_hh"][:] = np.diag([0.5, 0.9, 0.7])  # at zero input the state stays 0, where tanh is linear
    batch = Batch(np.zeros((300, 3, 2)), np.zeros((2, 2)))
    np.testing.assert_allclose(mechanism.lyapunov(network, p, batch), np.log([0.9, 0.7, 0.5]), atol=1e-3)
    np.testing.assert_allclose(mechanism.spectrum(network, p, batch), [0.9, 0.7, 0.5], rtol=1e-12)


@every_model
def test_all_lyapunov_exponents_add_up_to_the_mean_log_determinant(model):
    network, p, rng = chain(model)
    batch = Batch(rng.normal(size=(10, 3, 1)), rng.normal(size=(2, 1)))
    walk = Walk(remembering(network, p, batch))
    of_steps = [np.linalg.slogdet(mechanism.jacobians(walk, t)[0])[1] for t in range(8)]  # the last two only align
    exponents = mechanism.lyapunov(network, p, batch, count=network.core.state_size)
    assert exponents.sum() == pytest.approx(np.mean(of_steps), rel=1e-8)


def test_gates_are_those_of_the_equations_and_their_time_constants():
    network, p, rng = chain("lstm")
    batch = Batch(rng.normal(size=(70, 3, 2)), rng.normal(size=(2, 2)), np.array([70, 20]))
    core, part = network.core, p.part("core")
    h, _, tape = core.forward(part, batch.x)
    column = np.concatenate([h[4], batch.x[5]])
    for gate, values in core.gates(tape).items():
        z = part[f"W_{gate}"] @ column + part[f"b_{gate}"]
        np.testing.assert_allclose(values[5], 1 / (1 + np.exp(-z)), rtol=1e-12)

    f = np.concatenate([core.gates(tape)["f"][:, :, 0], core.gates(tape)["f"][:20, :, 1]])  # (90, H)

    def used(network, p):
        uses = mechanism.gate_use(network, p, batch)
        assert uses is not None
        return uses["f"]

    use = used(network, p)
    assert use.mean == pytest.approx(f.mean())
    assert use.high == pytest.approx((f > 0.9).mean())
    np.testing.assert_allclose(use.time_constants, -1 / np.log(f).mean(axis=0), rtol=1e-10)
    assert use.shares.sum() == pytest.approx(1)
    frozen, p, _ = chain("lstm", freeze_gates=("f",))
    assert np.isinf(used(frozen, p).time_constants).all()
    plain, p, _ = chain("rnn")
    assert mechanism.gate_use(plain, p, batch) is None


@every_model
@pytest.mark.parametrize("task", ["hello", "copy", "translate", "caption", "polyphony", "sentiment", "tagging"])
def test_every_shape_of_task_can_be_probed(model, task):
    fewer = ["task.examples=64"] if task in ("translate", "polyphony", "sentiment", "tagging") else []
    settings = composed(f"model={model}", f"task={task}", "model.hidden_size=5", *fewer).settings
    problem = build_task(settings["task"], None)
    network = build_network(settings["model"], problem.shape)
    p = network.init(stream(0, Purpose.INIT), np.float32)
    found = mechanism.measured(
        network, p, mechanism.probe_batch(problem, network, 4), losses.create(problem.shape.loss)
    )
    assert len(found["gradient"]["lag"]) > 2
    assert all(value is not None and value > 0 for value in found["gradient"]["h"])
    assert (found["gates"] is not None) == hasattr(models.lookup(model), "gate_names")
    json.dumps(found, allow_nan=False)
