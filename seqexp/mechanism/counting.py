"""Which unit counts: how well each cell, or unit, follows a number that the task keeps, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.data.batch import Batch
from seqexp.mechanism.walk import cell_rows
from seqexp.models import is_bidirectional
from seqexp.networks import Chain, Network
from seqexp.numerics.params import Params


@dataclass(frozen=True)
class Counting:
    """The best counter of a core.

    quantity: what is counted, in words. kind: c, or h of a core without cells. unit: which of them.
    correlation: Pearson's, of the unit with the count over all steps of all strings; of every unit in ``correlations``.
    a_count: by how much the unit changes with one more (least squares).
    read:        the symbols of the longest string, ``count`` (T,) and ``value`` (T,) along it.
    """

    quantity: str
    kind: str
    unit: int
    correlation: float
    correlations: np.ndarray
    a_count: float
    read: Sequence[str]
    count: np.ndarray
    value: np.ndarray


def counting(
    network: Network, p: Params, batch: Batch, counts: Mapping[str, np.ndarray], symbols: Sequence[str]
) -> Counting | None:
    """The unit and the quantity that go together best; None of a network that is no chain read from its start, or where
    nothing varies.

    counts: quantity -> (T, B) what it is after each step of the batch's tokens x (T, B).
    """
    if not isinstance(network, Chain) or is_bidirectional(network.core) or not counts:
        return None
    cells = cell_rows(network.core)
    states = _states(network, p, batch)[:, network.core.output_rows if cells is None else cells]  # (T, H, B)
    T, B = batch.x.shape
    lengths = np.full(B, T) if batch.lengths is None else batch.lengths
    alive = np.arange(T)[:, None] < lengths
    values = states.transpose(0, 2, 1)[alive]  # (N, H)
    found: dict[str, np.ndarray] = {name: _correlations(values, count[alive]) for name, count in counts.items()}
    quantity = max(found, key=lambda name: np.abs(found[name]).max())
    unit = int(np.abs(found[quantity]).argmax())
    if not found[quantity][unit]:
        return None
    column = int(lengths.argmax())
    steps, counted = int(lengths[column]), counts[quantity]
    slope = np.polyfit(counted[alive].astype(float), values[:, unit], 1)[0]
    return Counting(
        quantity=quantity,
        kind="h" if cells is None else "c",
        unit=unit,
        correlation=float(found[quantity][unit]),
        correlations=found[quantity],
        a_count=float(slope),
        read=[symbols[id] if id >= 0 else " " for id in batch.x[:steps, column].tolist()],
        count=counted[:steps, column],
        value=states[:steps, unit, column],
    )


def _states(network: Chain, p: Params, batch: Batch) -> np.ndarray:
    """(T, S, B): the state after every step."""
    tape, state, found = network.new_tape(), None, []
    for step in range(len(batch.x)):
        x = batch.x[step : step + 1]
        _, state = network.run(p, x, None, state, None, tape, False)
        found.append(state.copy())
    return np.stack(found)


def _correlations(values: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Of each column of values (N, H) with count (N,); 0 where one never changes."""
    centred, against = values - values.mean(axis=0), count - count.mean()
    size = np.sqrt((centred**2).sum(axis=0) * (against**2).sum())
    return np.divide(centred.T @ against, size, out=np.zeros(values.shape[1]), where=size > 0)
