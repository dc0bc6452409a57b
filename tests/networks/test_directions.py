"""Networks of layers and directions: their gradients, and where two directions are refused."""

from typing import Any

import numpy as np
import pytest
import yaml

from seqexp import config, models, tasks
from seqexp.config.build import build_network, build_task
from seqexp.data import sources
from seqexp.data.batch import Batch
from seqexp.networks import Chain, Encoder, EncoderDecoder
from seqexp.system.errors import UserError
from seqexp.tasks import Shape
from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.training import losses
from tests.networks.test_encoder_decoder import V_SOURCE, B, V, check_gradient, pairs

SETTINGS = {"name": "lstm", "hidden_size": 3, "param_budget": None, "embedding_size": 2, "dropout": 0.4}
TRANSLATION = Shape(
    inputs=V, tokens=True, outputs=V, answers="steps", loss="softmax", source=V_SOURCE, reverse_source=True
)
TWO = {"bidirectional": True, "num_layers": 2}


@pytest.mark.parametrize("more", [TWO, {"initial_state": "learned"}, {"bidirectional": True, "decoder": "gru"}])
def test_gradient_of_an_encoder_decoder(more):
    rng = np.random.default_rng(0)
    check_gradient(build_network(SETTINGS | more, TRANSLATION), pairs(rng), rng)


@pytest.mark.parametrize("answers", ["last", "steps"])
def test_gradient_of_a_chain_in_two_directions(answers):
    rng = np.random.default_rng(1)
    shape = Shape(inputs=V, tokens=True, outputs=V, answers=answers, loss="softmax", causal=False)
    network, batch, loss = build_network(SETTINGS | TWO, shape), pairs(rng), losses.create("softmax")
    target = batch.target if answers == "steps" else batch.target[0]
    batch = Batch(batch.x, target, batch.lengths, batch.answered if answers == "steps" else None)
    p = network.init(rng, np.float64)
    p.flat[:] = 0.7 * rng.standard_normal(p.flat.size)

    def value(flat):
        y, _, _ = network.forward(p.like(flat), batch, None, np.random.default_rng(5))
        return loss.forward(y, batch.answers())[0]

    y, _, tape = network.forward(p, batch, None, np.random.default_rng(5))
    _, loss_tape = loss.forward(y, batch.answers())
    grad = p.like(np.ones_like(p.flat))
    network.backward(p, grad, loss.backward(loss_tape), tape)
    assert worst_error(grad.flat - 1, complex_step(value, p.flat)) <= 1e-12


def test_a_decoder_reads_in_one_direction_and_starts_from_both():
    network: Any = build_network(SETTINGS | TWO, TRANSLATION)
    assert models.is_bidirectional(network.encoder.core)
    assert not models.is_bidirectional(network.core)
    assert network.init(np.random.default_rng(0)).part("bridge")["W"].shape == (2 * 2 * 3, 2 * 2 * 2 * 3)
    deep: Any = build_network(SETTINGS | {"num_layers": 2}, TRANSLATION)
    assert deep.bridge is None
    learned = build_network(SETTINGS | {"initial_state": "learned"}, TRANSLATION)
    assert "decoder/core/h_0" not in learned.layout.names()
    assert "encoder/core/h_0" in learned.layout.names()


def test_a_stack_of_its_own_lends_another_decoder_no_layers():
    stack = SETTINGS | {"name": "stacked_rnn", "num_layers": 3}
    assert build_network(stack | {"decoder": "lstm"}, TRANSLATION).core.state_size == 2 * 3
    assert build_network(SETTINGS | {"num_layers": 3, "decoder": "stacked_rnn"}, TRANSLATION).core.state_size == 2 * 3
    assert build_network(SETTINGS | {"num_layers": 3, "decoder": "gru"}, TRANSLATION).core.state_size == 3 * 3


def test_what_reads_its_own_answers_has_one_direction():
    core = models.create("rnn", input_size=V, hidden_size=3, bidirectional=True)
    chain = Chain(core, V, "steps")
    with pytest.raises(ValueError, match="a bidirectional network cannot generate"):
        chain.generate(chain.init(np.random.default_rng(0)), np.zeros((1, B), int), 3)
    with pytest.raises(ValueError, match="a bidirectional decoder would have read"):
        EncoderDecoder(Encoder(core), chain, bridge=False, reverse_source=False)


def carried():
    for name in tasks.names():
        own = yaml.safe_load((config.conf_directory() / "task" / f"{name}.yaml").read_text())["task"]
        if own.get("source") not in sources.FILES:
            yield name


@pytest.mark.parametrize("name", list(carried()))
def test_a_task_whose_answers_are_read_next_is_refused(name):
    """What the shape says is what the batches show: in which an answer is what the next step reads."""
    config.register_resolvers()
    fewer = ["task.examples=400"] if name in ("translate", "video") else []
    settings = config.check(config.composed([f"task={name}", "tracking=off", *fewer])).settings["task"]
    task = build_task(settings, None)
    batch, shape = task.batch(0, "val", 0, 8), task.shape
    read_next = False
    if batch.answered is not None and batch.target.shape == batch.x.shape:
        same = batch.target[:-1] == batch.x[1:]
        same = same.all(axis=1) if same.ndim == 3 else same
        read_next = bool(same[batch.answered[:-1]].mean() > 0.5)
    legal = shape.source is not None or shape.answers == "last" or not shape.causal
    if read_next and shape.source is None:
        assert not legal
    if legal:
        build_network(SETTINGS | {"bidirectional": True}, shape)
    else:
        with pytest.raises(UserError, match=r"^model.bidirectional: expected false, since what this task asks for"):
            build_network(SETTINGS | {"bidirectional": True}, shape)
