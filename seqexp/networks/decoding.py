"""How tokens are chosen from a network's answers, one after another: the most likely, drawn, or by beam search."""

from collections.abc import Callable

import numpy as np

# (tokens (1, N), -1 for none; state (S, N)) -> the answers (Y, N) and the state (S, N) after them, of N columns.
Advance = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def sample(y: np.ndarray, temperature: float, rng: np.random.Generator, top_k: int | None = None) -> np.ndarray:
    """A class for each column of y (Y, N): the most likely at temperature 0, else drawn by softmax(y / temperature).

    top_k: drawn among the so many most likely ones only (Fan, Lewis and Dauphin 2018).
    """
    if temperature == 0:
        return y.argmax(axis=0)
    if top_k is not None and top_k < len(y):
        least = np.partition(y, len(y) - top_k, axis=0)[len(y) - top_k]
        y = np.where(y < least, -np.inf, y)
    # The largest of y / temperature plus Gumbel noise has exactly the softmax's distribution (Gumbel 1954).
    return (y / temperature + rng.gumbel(size=y.shape)).argmax(axis=0)


def one_by_one(
    y: np.ndarray,
    state: np.ndarray,
    advance: Advance,
    steps: int,
    choose: Callable[[np.ndarray], np.ndarray],
    feed_back: bool,
    end: int | None,
) -> np.ndarray:
    """Tokens (steps, B), the first chosen from y (Y, B); ``end`` after a column's first end token."""
    # Filled with the end token, so that stopping early leaves a complete answer.
    tokens = np.full((steps, y.shape[1]), 0 if end is None else end, np.int64)
    done = np.zeros(y.shape[1], bool)
    for step in range(steps):
        if step:
            fed = tokens[step - 1 : step] if feed_back else np.full((1, y.shape[1]), -1)
            y, state = advance(fed, state)
        tokens[step] = choose(y)
        if end is not None:
            tokens[step, done] = end
            done |= tokens[step] == end
            if done.all():
                break
    return tokens


def values(ask: Callable[[np.ndarray], np.ndarray], x: np.ndarray, steps: int) -> np.ndarray:
    """Answers (steps, Y, B) to numbers x (T, X, B): each is read next, with zeros for the inputs that no answer is of.

    ask: x -> the last step's answers (Y, B). It is asked anew of the last T steps, as many as it was trained on: a
    state that has read more is one that training never saw.
    """
    said = []
    for _ in range(steps):
        said.append(ask(x).copy())
        following = np.zeros((1, *x.shape[1:]), x.dtype)
        following[0, : len(said[-1])] = said[-1]
        x = np.concatenate([x[1:], following])
    return np.stack(said)


def beam(y: np.ndarray, state: np.ndarray, advance: Advance, steps: int, width: int, end: int | None) -> np.ndarray:
    """Tokens (steps, B): of the sequences that a beam of ``width`` finds for each column, the one of the largest
    probability; ``end`` after its first end token.

    Hypothesis k of column b is column b·width + k of what ``advance`` sees. A finished hypothesis stays in the beam and
    keeps its probability. Those of the others can only fall, so a column is settled when its best one is finished.
    Probabilities are not normalised by length, as in Sutskever, Vinyals and Le 2014, section 3.2.
    """
    Y, B = y.shape
    y, state = np.repeat(y, width, axis=1), np.repeat(state, width, axis=1)
    scores = np.full((B, width), -np.inf)  # at the start there is one hypothesis, the empty one
    scores[:, 0] = 0
    tokens = np.full((steps, B, width), 0 if end is None else end, np.int64)
    done = np.zeros((B, width), bool)
    for step in range(steps):
        log_p = _log_softmax(y.astype(np.float64)).T.reshape(B, width, Y)
        if end is not None:
            log_p[done] = -np.inf  # a finished hypothesis has one continuation, the end token, with probability 1
            log_p[done, end] = 0
        total = (scores[:, :, None] + log_p).reshape(B, width * Y)
        # Partition first: of width times thousands of continuations only ``width`` need an order.
        best = np.argpartition(-total, width - 1, axis=1)[:, :width]
        order = np.argsort(-np.take_along_axis(total, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        scores = np.take_along_axis(total, best, 1)
        parent, token = np.divmod(best, Y)  # each (B, width)
        tokens[:step] = np.take_along_axis(tokens[:step], parent[None], 2)
        tokens[step] = token
        if end is not None:
            done = np.take_along_axis(done, parent, 1) | (token == end)
            if done[:, 0].all():
                break
        if step + 1 < steps:
            columns = (np.arange(B)[:, None] * width + parent).ravel()
            y, state = advance(token.reshape(1, -1), state[:, columns])
    return tokens[:, :, 0]


def _log_softmax(y: np.ndarray) -> np.ndarray:
    z = y - y.max(axis=0)  # the shift cancels; exp cannot overflow
    return z - np.log(np.exp(z).sum(axis=0))
