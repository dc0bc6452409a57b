"""The layers around a core: they turn tokens and numbers into columns, and columns into answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqexp.kernels import threads
from seqexp.kernels.threads import SPLIT_WORK
from seqexp.numerics.initializers import glorot
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape, lie_by_column, sum_by_token
from seqexp.system import blas


class Readout:
    """The answer layer: y = W_hy h + b_y, on columns h (H, N); W_hy (Y, H), b_y (Y, 1)."""

    def __init__(self, hidden_size: int, outputs: int) -> None:
        self.hidden_size, self.outputs = hidden_size, outputs
        self.layout = Layout()
        self.layout.add("W_hy", (outputs, hidden_size))
        self.layout.add("b_y", (outputs, 1))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p["W_hy"][:] = glorot(rng, self.outputs, self.hidden_size)

    def forward(self, p: Params, h: np.ndarray, memory: Tape) -> np.ndarray:
        """y (Y, N), stored answer by answer: a large softmax then runs along contiguous memory."""
        rows = memory.array("y", (h.shape[1], self.outputs), h.dtype)
        if blas.dealt() > 1:

            def some(n: slice) -> None:
                np.dot(h.T[n], p["W_hy"].T, out=rows[n])
                rows[n] += p["b_y"].T

            threads.split(some, len(rows), self._worth(h), 48)
            return rows.T
        y = rows.T
        np.dot(h.T, p["W_hy"].T, out=rows)
        y += p["b_y"]
        return y

    def backward(self, p: Params, grad: Params, dy: np.ndarray, h: np.ndarray) -> np.ndarray:
        """dh (H, N)."""
        if blas.dealt() > 1:
            return self._backward_by_threads(p, grad, dy, h)
        grad["W_hy"] += dy @ h.T
        grad["b_y"] += dy.sum(axis=1, keepdims=True)
        dh: np.ndarray = (dy.T @ p["W_hy"]).T if lie_by_column(h) else p["W_hy"].T @ dy  # as h lies
        return dh

    def _backward_by_threads(self, p: Params, grad: Params, dy: np.ndarray, h: np.ndarray) -> np.ndarray:
        """The same, answers and then columns dealt out."""
        dh = np.empty((dy.shape[1], self.hidden_size), dy.dtype)

        def of_answers(some: slice) -> None:
            grad["W_hy"][some] += dy[some] @ h.T
            grad["b_y"][some] += dy[some].sum(axis=1, keepdims=True)

        threads.split(of_answers, len(dy), self._worth(h), 48)
        threads.split(lambda n: np.dot(dy.T[n], p["W_hy"], out=dh[n]), len(dh), self._worth(h), 48)
        return dh.T

    def _worth(self, h: np.ndarray) -> int:
        """How many threads a product is worth."""
        return int(h.size * self.outputs // SPLIT_WORK)


class Embedding:
    """A learned vector for each token: x_t = row ``token`` of E (V, D), and zeros for -1."""

    def __init__(self, vocabulary: int, size: int) -> None:
        self.vocabulary, self.size = vocabulary, size
        self.layout = Layout()
        self.layout.table("E", (vocabulary, size))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p["E"][:] = rng.normal(0, 1 / np.sqrt(self.size), (self.vocabulary, self.size))  # columns of about unit length

    def forward(self, p: Params, tokens: np.ndarray, memory: Tape) -> np.ndarray:
        """x (T, D, B) for tokens (T, B)."""
        T, B = tokens.shape
        rows = memory.array("rows", (T, B, self.size), p.flat.dtype)
        # "clip" takes row 0 for -1, which is zeroed below; "raise", the default, would buffer all of ``out``.
        np.take(p["E"], tokens, axis=0, out=rows, mode="clip")
        nothing = tokens < 0
        if nothing.any():
            rows[nothing] = 0
        x = memory.array("x", (T, self.size, B), p.flat.dtype)
        np.copyto(x, rows.swapaxes(1, 2))
        return x

    def backward(self, grad: Params, dx: np.ndarray, tokens: np.ndarray) -> None:
        """Add dx (T, D, B) to the gradient of the tokens' rows."""
        rows = dx.swapaxes(1, 2).reshape(tokens.size, -1)
        grad.add_rows("E", *sum_by_token(rows, tokens.ravel()))


class Dense:
    """A learned linear map of columns: y = W x + b, on x (X, B); W (Y, X), b (Y, 1)."""

    part = "dense"

    def __init__(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.layout = Layout()
        self.layout.add("W", (outputs, inputs))
        self.layout.add("b", (outputs, 1))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p["W"][:] = glorot(rng, self.outputs, self.inputs)

    def forward(self, p: Params, x: np.ndarray, memory: Tape | None = None) -> np.ndarray:
        """y (Y, B)."""
        y: np.ndarray = p["W"] @ x + p["b"]
        return y

    def backward(
        self, p: Params, grad: Params, dy: np.ndarray, x: np.ndarray, memory: Tape | None = None
    ) -> np.ndarray:
        """dx (X, B)."""
        grad["W"] += dy @ x.T
        grad["b"] += dy.sum(axis=1, keepdims=True)
        dx: np.ndarray = p["W"].T @ dy
        return dx


def dropout_mask(rng: np.random.Generator, rate: float, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Inverted dropout: 0 with the probability ``rate``, else 1 / (1 - rate)."""
    kept = rng.random(shape, dtype=np.float32) >= rate  # float32 for every dtype: the same units stay in each
    return kept * dtype.type(1 / (1 - rate))
