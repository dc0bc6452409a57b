"""One run on one text: what it reads, what every unit holds at every step, what it says, and what flows back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqexp.codecs import Codec, Options
from seqexp.data.batch import Batch, SourceBatch
from seqexp.mechanism.walk import Reading, Walk, cell_rows, remembering
from seqexp.microscope.by_hand import Layer, NotByHand, Stepped, Where, stepped
from seqexp.models import Gated, is_bidirectional
from seqexp.networks import Chain, EncoderDecoder
from seqexp.networks.encoder import EncoderTape
from seqexp.numerics.functions import sigmoid
from seqexp.numerics.params import Params
from seqexp.runs.trained import Usable
from seqexp.system.errors import UserError

STEPS = 800  # of a text, at most: the page has every number of every step
SEEN = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # as the page shows them
AGREES = 1e-9  # relative to the largest: what the equations give, and the core


@dataclass
class Look:
    """A run on a text; all numbers in float64.

    steps: what each step reads, in the order in which it is read. unknown: steps that the run reads as ``<unk>``.
    so_far: what would be answered behind each step, the likeliest first; empty where no step can say so. course: the
    chance of one answer over the steps, or the answer itself, and what it is; empty alike.
    said: the answer. derived: what of it the way back is the derivative of. sensitive: |derivative by the input| of
    each step, or None. layers: the cells by hand; plain: what is known without equations, and why there are none.
    differs: by how much the equations' h differs from the core's, at most.
    """

    run: Usable
    steps: list[str]
    unknown: list[int]
    said: str
    derived: str
    so_far: list[list[tuple[str, float]]] = field(default_factory=list)
    course: tuple[str, list[float]] = ("", [])
    layers: list[Layer] = field(default_factory=list)
    sensitive: list[float] | None = None
    differs: float = 0.0
    plain: dict[str, np.ndarray] = field(default_factory=dict)
    without: str = ""


def look(run: Usable, text: str) -> Look:
    """UserError where the text cannot be read, is too long, or the model does not read sequences."""
    with np.errstate(all="ignore"):  # a network may overflow on a text, which the page then says
        return _look(run, text)


def _look(run: Usable, text: str) -> Look:
    network, codec = run.trained.network, run.codec
    if not isinstance(network, Chain | EncoderDecoder):
        raise UserError(f"on: expected a run of a model that reads sequences; {run.result.model} reads trees")
    p = Params(network.layout, run.trained.p.flat.astype(np.float64))
    batch = codec.encode([text])
    if batch.answered is None and codec.shape.answers == "steps":  # a prompt of what is generated: its last step asks
        batch = replace(batch, answered=np.ones(batch.x.shape, bool))
    reading = remembering(network, p, batch)
    if len(reading.x) > STEPS:
        raise UserError(f"on: expected at most {STEPS} steps; got {len(reading.x):,}: take a part of the text")
    steps = codec.steps(text, batch) if len(batch.x) == len(reading.x) else _source_steps(codec, reading)
    y, _, tape = network.forward(p, batch)
    dy, derived = derivative(codec, y)
    found = Look(run, steps, _unknown(codec, steps, reading), _said(run, text, batch, y), derived)
    h, _, _ = reading.encoder.core.forward(*fed_of(reading))
    if isinstance(network, Chain):
        h = h.copy()
        found.so_far, found.course = _so_far(codec, network, p, h, reading)
    try:
        _by_hand(found, network, p, batch, dy, tape, reading, h)
    except NotByHand as why:
        found.without, found.plain = str(why), _plain(reading, h)
    if not np.isfinite(found.course[1]).all():
        found.so_far, found.course = [], ("", [])
    if found.sensitive is not None and not np.isfinite(found.sensitive).all():
        found.sensitive = None
    return found


def fed_of(reading: Reading) -> tuple[Params, np.ndarray]:
    """The core's parameters, and its input: tokens (T, 1) or numbers (T, X, 1)."""
    x = reading.encoder.fed(reading.p, reading.x, EncoderTape(), reading.features)
    return reading.p.part("core"), x


def as_columns(core_input: np.ndarray, p: Params) -> tuple[np.ndarray, np.ndarray | None]:
    """x (T, X, B) of what a core is fed, and of tokens (T, B) the ids that occur (P,), which are its X rows."""
    if core_input.ndim == 3:
        return core_input.astype(p.flat.dtype), None
    ids = np.unique(core_input[core_input >= 0])
    return (core_input[:, None, :] == ids[:, None]).astype(p.flat.dtype), ids


def _by_hand(
    found: Look,
    network: Chain | EncoderDecoder,
    p: Params,
    batch: Batch,
    dy: np.ndarray,
    tape: Any,
    reading: Reading,
    h: np.ndarray,
) -> None:
    """Step the core there and back, if there are equations for it. NotByHand if not."""
    core, (of_core, fed) = reading.encoder.core, fed_of(reading)
    hand = step_all(core, of_core, fed, None)
    if not np.isfinite(hand.h).all():
        raise NotByHand(f"the numbers of {found.run.result.model} overflow on this text")
    found.differs = float(np.abs(hand.h - h).max(initial=0))
    if found.differs > AGREES * max(1.0, float(np.abs(h).max(initial=0))):
        raise NotByHand(f"the core of {found.run.result.model} does not compute what its class's equations say")
    dh, dstate = _arrives(network, p, batch, dy, tape, h)
    dx = hand.back(dh, dstate)
    found.layers = hand.layers
    if fed.ndim == 3:
        found.sensitive = np.sqrt(np.square(dx[:, :, 0]).sum(axis=1)).tolist()


def step_all(core: Any, p: Params, fed: np.ndarray, lengths: np.ndarray | None) -> Stepped:
    """A core stepped over what it is fed, of tokens over those that occur alone. NotByHand if it has no equations."""
    x, ids = as_columns(fed, p)
    return stepped(core, p, x, None, Where(lengths=lengths, ids=ids))


def _arrives(
    network: Chain | EncoderDecoder, p: Params, batch: Batch, dy: np.ndarray, tape: Any, h: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of the answer by h (T, H, 1) at each step, and by the state (S, 1) after the last."""
    dh = np.zeros_like(h)
    if isinstance(network, EncoderDecoder):
        grad = p.like()
        dstate = network.decoder.backward(p.part("decoder"), grad.part("decoder"), dy, tape.decoder)
        if network.bridge is not None:
            dstate = network.bridge.backward(p.part("bridge"), grad.part("bridge"), dstate, tape.state)
        return dh, dstate
    column = p.part("readout")["W_hy"].T @ dy[:, -1:]
    dstate = np.zeros((network.core.state_size, 1), h.dtype)
    if network.answers == "last":
        dstate[network.core.output_rows] = column
    else:
        assert batch.answered is not None
        dh[np.flatnonzero(batch.answered[:, 0])[-1]] = column
    return dh, dstate


def derivative(codec: Codec, y: np.ndarray) -> tuple[np.ndarray, str]:
    """dy (Y, N) of the last answer's likelihood, and what that is in words: of the likeliest class, of the set that is
    told; of numbers the first one itself."""
    dy, last = np.zeros_like(y), y[:, -1]
    names = codec.output_words
    if codec.shape.loss == "softmax":
        said = int(last.argmax())
        dy[:, -1] = -softmax(y)[:, -1]
        dy[said, -1] += 1
        name = names[said] if said < len(names) else str(said)
        return dy, f"ln p({SEEN.get(name, name)})"
    if codec.shape.loss == "sigmoid":
        dy[:, -1] = (last > 0) - sigmoid(last)
        return dy, "ln p(the set that is told)"
    dy[0, -1] = 1
    return dy, "the answer"


def _said(run: Usable, text: str, batch: Batch, y: np.ndarray) -> str:
    if isinstance(batch, SourceBatch):
        return run.codec.answer(run.trained, [text], Options())[0].text
    return run.codec.decode(batch, y)[0].text


def _source_steps(codec: Codec, reading: Reading) -> list[str]:
    words = codec.input_words
    return [words[id].strip() or words[id] for id in reading.x[:, 0].tolist()]


def _unknown(codec: Codec, steps: Sequence[str], reading: Reading) -> list[int]:
    """The steps whose token is ``<unk>`` while something else was typed."""
    words = codec.input_words
    if reading.x.ndim != 2 or not words or words[0] != "<unk>":
        return []
    return [t for t, id in enumerate(reading.x[:, 0].tolist()) if id == 0]


def _so_far(
    codec: Codec, network: Chain, p: Params, h: np.ndarray, reading: Reading
) -> tuple[list[list[tuple[str, float]]], tuple[str, list[float]]]:
    """What the readout says of each step's h, though it may be asked for the last one only; and its course."""
    if network.answers == "last" and is_bidirectional(network.core):
        return [], ("", [])
    readout = p.part("readout")
    y = readout["W_hy"] @ h[:, :, 0].T + readout["b_y"]  # (Y, T)
    names = list(codec.output_words) or [str(row) for row in range(len(y))]
    if codec.shape.loss == "squared":
        return [[("", float(value))] for value in y[0]], ("answer, if it ended here", y[0].tolist())
    chances = softmax(y) if codec.shape.loss == "softmax" else sigmoid(y)
    order = np.argsort(-chances, axis=0, kind="stable")[:3]
    likeliest = [[(names[row], float(chances[row, t])) for row in order[:, t]] for t in range(y.shape[1])]
    if codec.shape.loss == "sigmoid":
        return likeliest, ("", [])
    if network.answers == "last":
        said = int(y[:, -1].argmax())
        return likeliest, (f"p({SEEN.get(names[said], names[said])}), if it ended here", chances[said].tolist())
    if codec.input_words[: len(names)] == codec.output_words and reading.x.ndim == 2:
        ahead = reading.x[1:, 0]
        given = [float(chances[id, t]) if 0 <= id < len(y) else 0.0 for t, id in enumerate(ahead.tolist())]
        return likeliest, ("chance that it gave to what came next", given)
    return likeliest, ("", [])


def softmax(y: np.ndarray) -> np.ndarray:
    """Of each column of y (Y, T)."""
    z = np.exp(y - y.max(axis=0))
    return z / z.sum(axis=0)


def _plain(reading: Reading, h: np.ndarray) -> dict[str, np.ndarray]:
    """h, and c and the gates where the core has some, each (T, ·), of a core without equations."""
    core, (p, fed) = reading.encoder.core, fed_of(reading)
    found = {"h": h[:, :, 0].copy()}
    _, _, tape = core.forward(p, fed)
    if isinstance(core, Gated):
        found |= {name: values[:, :, 0].copy() for name, values in core.gates(tape).items()}
    rows = cell_rows(core)
    if rows is not None and not is_bidirectional(core):
        found["c"] = Walk(reading, steps=STEPS).states[1:, rows, 0].copy()
    return found
