"""How one step, and many steps in a row, stretch a small difference between two states."""

import numpy as np

from seqexp.data.batch import Batch
from seqexp.mechanism.walk import Reading, Walk, remembering
from seqexp.networks import Network
from seqexp.networks.encoder import EncoderTape
from seqexp.numerics.params import Params

EXAMPLES = 4  # that the exponents are averaged over
SAMPLED = 2  # examples whose Jacobians are taken, at PAIRS steps each
MOST_COLUMNS = 1_024  # of one backward pass: bounds its memory
EXPONENTS = 16
PAIRS = 4
STEPS = 200
ALIGNING = 5  # the first 1/5 of the steps only turns the directions into the fastest ones


def spectrum(network: Network, p: Params, batch: Batch) -> np.ndarray:
    """The singular values of J = d state_t / d state_{t-1}, (S,), largest first: each the median over some steps of
    some validation examples.

    The core is a chain's, or the encoder's. A step's J comes from one backward pass over S copies of the example; each
    copy yields the derivative of another row of the state. Of two directions: those of both (of their top layer, each
    with its own next step).
    """
    found = [_spectrum(reading) for reading, _ in remembering(network, p, batch).directions()]
    return np.sort(np.concatenate(found))[::-1]


def _spectrum(reading: Reading) -> np.ndarray:
    S = reading.encoder.core.state_size
    reading, steps = _window(reading, max(1, min(SAMPLED, MOST_COLUMNS // S)), STEPS)
    if not len(steps):
        return np.zeros(0)
    walk = Walk(reading, steps=len(steps))
    places = np.unique(np.linspace(1 if len(steps) > 1 else 0, len(steps) - 1, PAIRS).round().astype(int))
    found = [np.linalg.svd(one, compute_uv=False) for place in places for one in jacobians(walk, int(steps[place]))]
    median: np.ndarray = np.median(found, axis=0)
    return median


def jacobians(walk: Walk, t: int) -> np.ndarray:
    """J (B, S, S) of step t for each column: row i the derivative of state_t's row i by state_{t-1}."""
    B, S = walk.states.shape[2], walk.states.shape[1]
    ones = np.tile(np.eye(S, dtype=walk.states.dtype), B)  # (S, B·S): for each column, each row of its state
    before = np.repeat(walk.states[t - walk.first], S, axis=1)
    copies = walk.reading.columns(np.repeat(np.arange(B), S))
    back = copies.back(t, before, ones, EncoderTape(), copies.p.like())
    return np.ascontiguousarray(back.reshape(S, B, S).transpose(1, 2, 0))


def lyapunov(network: Network, p: Params, batch: Batch, count: int = EXPONENTS, steps: int = STEPS) -> np.ndarray:
    """The ``count`` largest Lyapunov exponents, nats a step, of the last ``steps`` of some validation examples.

    lambda_i = mean_t log R_ii of   Q_{t-1} R = J_t^T Q_t,   by QR after every step (Benettin et al. 1980; of recurrent
    networks: Engelken, Wolf and Abbott 2023, section II). We carry derivatives from the last step to the first; the
    product of the J_t has the same growth rates in both directions. The first fifth of the steps is not counted. For
    a short sequence these are its own rates, not limits. exp(lambda_1) is the factor per step by which the fastest
    direction grows; -inf if a direction dies at once. Of a network that reads in two directions: the largest of both.
    """
    found = [_lyapunov(reading, count, steps) for reading, _ in remembering(network, p, batch).directions()]
    return np.sort(np.concatenate(found))[::-1][:count]


def _lyapunov(reading: Reading, count: int, steps: int) -> np.ndarray:
    S = reading.encoder.core.state_size
    k = min(count, S)
    reading, window = _window(reading, max(1, min(EXAMPLES, MOST_COLUMNS // k)), steps)
    E = reading.x.shape[-1]
    if not len(window):
        return np.zeros(0)
    walk = Walk(reading, steps=len(window))
    copies, tape = reading.columns(np.repeat(np.arange(E), k)), EncoderTape()
    # Any k independent directions will do; cosines are fixed ones, since probes draw no random numbers.
    start = np.linalg.qr(np.cos(np.outer(1 + np.arange(S), 1 + np.arange(k))))[0].astype(walk.states.dtype)
    Q, scratch, grown, counted = np.tile(start, (E, 1, 1)), walk.reading.p.like(), np.zeros(k), 0
    for number, t in enumerate(window[::-1]):
        dstate = Q.transpose(1, 0, 2).reshape(S, E * k)  # each example's k directions side by side
        before = np.repeat(walk.states[t - walk.first], k, axis=1)
        back = copies.back(int(t), before, np.ascontiguousarray(dstate), tape, scratch)
        Q, R = np.linalg.qr(back.reshape(S, E, k).transpose(1, 0, 2))
        if number >= len(window) // ALIGNING:
            with np.errstate(divide="ignore"):
                grown += np.log(np.abs(np.diagonal(R, axis1=1, axis2=2))).mean(axis=0)
            counted += 1
    return np.sort(grown / counted)[::-1]


def _window(reading: Reading, examples: int, steps: int) -> tuple[Reading, np.ndarray]:
    """The longest examples, all cut to the length of the shortest of them, and the steps to look at."""
    longest = np.argsort(-reading.lengths, kind="stable")[:examples]
    reading = reading.columns(longest)
    length = int(reading.lengths.min(initial=len(reading.x)))
    cut = Reading(reading.encoder, reading.p, reading.x[:length], np.full(len(longest), length), reading.features)
    return cut, np.arange(max(0, length - steps), length)
