"""Gradient flow: how much of an answer's derivative reaches the states before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from seqexp.data.batch import Batch, TreeBatch
from seqexp.mechanism.walk import STEPS, Walk, answering, cell_rows, chosen_columns, remembering
from seqexp.models import Rows
from seqexp.networks import Chain, EncoderDecoder, Network, TreeNetwork
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Tape
from seqexp.training.losses import Loss

FITTED = 200  # lags, at most, of a half-life: the number of pairs grows with their square
FLOOR = {"f": 1e-18, "d": 1e-150}  # below it a core's backward pass rounds (``flush``), or squares vanish


@dataclass(frozen=True)
class Flow:
    """Mean norms of the loss's derivative against the lag.

    lag (n,): steps back from the answer; 0 is the state that the answer was read from.
    h (n,):   mean over examples of |dL/dh|, L the loss of that example's one answer; in a stack, h of all layers. Of
              two directions the mean over both, each in its own order; of layers of them, the top layer's.
    c (n,):   likewise |dL/dc| of an LSTM, at fixed h, so 0 at lag 0; None for a core without cells.
    along:    what a lag counts: steps back, or in a tree how deep below the node that answers.
    """

    lag: np.ndarray
    h: np.ndarray
    c: np.ndarray | None
    along: Literal["steps", "depth"] = "steps"

    def half_life(self, of: str = "h") -> float | None:
        """The steps in which the norm of "h" or "c" halves; see ``half_life``."""
        norm = self.h if of == "h" else self.c
        return None if norm is None else half_life(self.lag, norm)


def gradient_flow(network: Network, p: Params, batch: Batch, loss: Loss, steps: int = STEPS) -> Flow:
    """Walk the derivative of one answer per example back through time, step by step.

    The answer is a chain's last one, or an encoder-decoder's first, which depends on the source alone. The lags of the
    latter continue in the encoder, whose last state is one step before the decoder's first. No dropout. Lags that fewer
    than half of the examples have are left out, and so are lags beyond ``steps``.

    In a tree the lag is the depth below its root: an example's norm is the mean over its nodes of that depth.
    """
    with np.errstate(all="ignore"):  # a derivative that overflows is a finding
        if isinstance(network, TreeNetwork):
            assert isinstance(batch, TreeBatch)
            return _down_the_tree(network, p, batch, loss, steps)
        return _flow(network, p, _with_answers(batch), loss, steps)


def _flow(network: Network, p: Params, batch: Batch, loss: Loss, steps: int) -> Flow:
    two = isinstance(network, EncoderDecoder)
    asked = _asked(batch, first=two)  # (B,)
    source, begun = remembering(network, p, batch), None
    if isinstance(network, EncoderDecoder):
        read = [Walk(reading, steps=steps) for reading, _ in source.directions()]
        last = begun = read[0].states[-1] if len(read) == 1 else source.end()
        begun = last if network.bridge is None else network.bridge.forward(p.part("bridge"), last)
        chain, ends = network.decoder, [asked + 1]
        answers = [Walk(answering(network, p, batch, asked + 1), begun, steps)]
    else:
        assert isinstance(network, Chain)
        # A direction reads up to the answer from its own end, or, of an answer at the end, everything.
        chain, ends = network, [asked + 1, source.lengths - (asked if network.answers == "steps" else 0)]
        pairs = zip(source.directions(), ends, strict=False)
        answers = [Walk(reading.up_to(end), None, steps) for (reading, _), end in pairs]
    curve = _Curve(batch.size, steps + 1)
    part = p.part("decoder") if two else p
    dstates = _at_answer(chain, part, answers, _targets(batch, asked), loss)
    for walk, dstate, end in zip(answers, dstates, ends, strict=False):
        cells = cell_rows(walk.reading.encoder.core)
        for t, dstate in walk.back(dstate):  # noqa: B020 - the last one continues into the encoder
            if t >= 0:
                curve.add(cells, dstate, end - 1 - t, share=1 / len(answers))
    # A walk that ended before the decoder's first step has used up its lags; none is left for the source.
    if isinstance(network, EncoderDecoder) and answers[0].first == 0:
        if network.bridge is not None:
            dstate = network.bridge.backward(p.part("bridge"), p.like().part("bridge"), dstate, last)
        for walk, (reading, rows) in zip(read, source.directions(), strict=True):
            cells, lengths = cell_rows(reading.encoder.core), reading.lengths
            for t, after in walk.back(dstate[rows]):
                if t >= 0:
                    curve.add(cells, after, asked + lengths - t, t < lengths, 1 / len(read))
    return curve.flow(cells is not None)


def _down_the_tree(network: TreeNetwork, p: Params, batch: TreeBatch, loss: Loss, steps: int) -> Flow:
    """One backward pass over all trees, whose nodes are then sorted by depth."""
    if batch.beside is not None:  # a root, and no phrase beside it
        batch = cast(TreeBatch, chosen_columns(batch, np.flatnonzero(~batch.beside)))
    forest, tape, part = batch.forest, network.new_tape(), p.part("core")
    _, state, tape = network.forward(p, batch, tape=tape)
    rows, dstate = network.core.output_rows, np.zeros_like(state)
    dstate[rows] = _by_h(network, p, np.ascontiguousarray(state[rows]), batch.target, loss)
    network.core.backward(part, part.like(), dstate, tape.core, need_dx=False)
    derivatives = network.core.derivatives(tape.core)  # (S, N)
    depths, trees = forest.below()
    cells, squares = cell_rows(network.core), np.square(derivatives, dtype=np.float64)
    asked = (trees >= 0) & (depths <= steps)
    place = depths[asked] * batch.size + trees[asked]  # of each node: its depth and its example

    def mean(rows: np.ndarray) -> np.ndarray:
        """(lags, B): the mean norm of each example's nodes of a depth; nan where it has none."""
        norms = np.sqrt(rows.sum(axis=0))[asked]
        size = (int(depths[asked].max(initial=0)) + 1) * batch.size
        sums, counts = np.bincount(place, norms, size), np.bincount(place, minlength=size)
        return (sums / np.where(counts, counts, np.nan)).reshape(-1, batch.size)

    of_h = np.delete(squares, np.arange(len(squares))[cells], axis=0) if cells is not None else squares
    h = mean(of_h)
    few = 2 * np.isfinite(h).sum(axis=1) < batch.size
    n = int(few.argmax()) if few.any() else len(few)
    c = np.nanmean(mean(squares[cells])[:n], axis=1).astype(state.dtype) if cells is not None else None
    return Flow(np.arange(n), np.nanmean(h[:n], axis=1).astype(state.dtype), c, "depth")


def half_life(lag: np.ndarray, norm: np.ndarray) -> float | None:
    """ln 2 / -slope, with the slope of log norm against lag from lag 1 on: the median over all pairs of lags (Theil
    1950, Sen 1968), which a bump or the jump at lag 0 does not move.

    None if it is unknown: fewer than three norms above the floor of the number type, a norm that is not finite, or a
    fitted line that does not fall by half within the measured lags, since the curve beyond them is unknown.
    """
    lag, norm = lag[1:], norm[1:]
    low = norm <= FLOOR.get(norm.dtype.char, FLOOR["f"])
    # From the first rounded norm on, the curve shows rounding and no gradient.
    if low.any():
        lag, norm = lag[: int(low.argmax())], norm[: int(low.argmax())]
    if len(lag) < 3 or not np.isfinite(norm).all():
        return None
    chosen = np.unique(np.linspace(0, len(lag) - 1, FITTED).round().astype(int))
    x, y = lag[chosen].astype(float), np.log(norm[chosen].astype(float))
    one, two = np.triu_indices(len(x), 1)
    slope = float(np.median((y[two] - y[one]) / (x[two] - x[one])))
    if slope * x[-1] > -np.log(2):
        return None
    return float(-np.log(2) / slope)


class _Curve:
    """Sums over examples of norms at each lag."""

    def __init__(self, examples: int, lags: int) -> None:
        self.examples, self.count = examples, np.zeros(lags)
        self.h, self.c = np.zeros(lags), np.zeros(lags)
        self.dtype = np.dtype(float)

    def add(
        self,
        cells: Rows | None,
        dstate: np.ndarray,
        lag: np.ndarray,
        alive: np.ndarray | None = None,
        share: float = 1.0,
    ) -> None:
        """Add dstate (S, B) at each column's own lag (B,), but none that is not ``alive`` or has a negative lag.
        ``share``: of an example, where it has several derivatives at a lag."""
        counted: np.ndarray = (lag >= 0) & (lag < len(self.count))
        if alive is not None:
            counted = counted & alive
        squares = np.square(dstate, dtype=np.float64)  # in float32, squares below 1e-38 vanish
        if cells is not None:
            # add.at: several columns may share a lag, and ``+=`` would count only one of them.
            np.add.at(self.c, lag[counted], share * np.sqrt(squares[cells].sum(axis=0))[counted])
            squares[cells] = 0
        np.add.at(self.h, lag[counted], share * np.sqrt(squares.sum(axis=0))[counted])
        np.add.at(self.count, lag[counted], share)
        self.dtype = dstate.dtype

    def flow(self, cells: bool) -> Flow:
        few = 2 * self.count < self.examples
        n = int(few.argmax()) if few.any() else len(few)
        count = self.count[:n]
        c = (self.c[:n] / count).astype(self.dtype) if cells else None
        return Flow(np.arange(n), (self.h[:n] / count).astype(self.dtype), c)


def _with_answers(batch: Batch) -> Batch:
    """The batch of those examples that have an answer."""
    if batch.answered is None:
        lengths = np.full(batch.size, len(batch.x)) if batch.lengths is None else batch.lengths
        asked = np.asarray(lengths > 0)
    else:
        asked = np.asarray(batch.answered.any(axis=0))
    return batch if asked.all() else chosen_columns(batch, np.flatnonzero(asked))


def _asked(batch: Batch, first: bool) -> np.ndarray:
    """The step (B,) of each column's probed answer: the first, or the last."""
    if batch.answered is None:
        return np.full(batch.size, len(batch.x) - 1) if batch.lengths is None else batch.lengths - 1
    if first:
        return batch.answered.argmax(axis=0)
    return len(batch.answered) - 1 - batch.answered[::-1].argmax(axis=0)


def _targets(batch: Batch, asked: np.ndarray) -> np.ndarray:
    """The targets of these answers: classes (B,) or values (Y, B)."""
    if batch.answered is None:
        return batch.target
    columns = np.arange(batch.size)
    if batch.target.ndim == 2:
        return batch.target[asked, columns]
    return batch.target[asked, :, columns].T


def _at_answer(chain: Chain, p: Params, walks: Sequence[Walk], target: np.ndarray, loss: Loss) -> list[np.ndarray]:
    """d(loss of each column's own answer)/d state (S, B) at the step of the answer, of each direction."""
    rows = [walk.reading.encoder.core.output_rows for walk in walks]
    parts = [walk.states[-1][those] for walk, those in zip(walks, rows, strict=True)]
    dh = _by_h(chain, p, np.concatenate(parts), target, loss)
    found = []
    for walk, those, its in zip(walks, rows, np.split(dh, np.cumsum([len(one) for one in parts])[:-1]), strict=True):
        found.append(np.zeros_like(walk.states[-1]))
        found[-1][those] = its
    return found


def _by_h(network: Chain | TreeNetwork, p: Params, h: np.ndarray, target: np.ndarray, loss: Loss) -> np.ndarray:
    """d(loss of each column's own answer)/d h (H, B) that it was read from."""
    part = p.part("readout")
    _, tape = loss.forward(network.readout.forward(part, h, Tape()), target)
    dy = loss.backward(tape) * h.shape[1]  # a loss is the mean over its answers
    return network.readout.backward(part, part.like(), dy.astype(h.dtype, copy=False), h)
