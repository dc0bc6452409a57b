"""Convolution and pooling by sliding windows and products: what turns a picture into a column for a core."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqexp.data.shape import Picture
from seqexp.networks.layers import Dense
from seqexp.numerics.initializers import he
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape

MAPS = (8, 32)  # of the two convolutions
SUM_SCALE = 0.25  # of sums over places: numbers of about the size that places have
K = 3  # a window's side
WINDOW_BYTES = 1 << 19  # of the windows that are multiplied at once: they stay in a core's own cache


class Convolution:
    """Pictures (F, N), F = C·height·width, to columns (Y, N), by two convolutions and a linear map.

        z^l = W^l * a^{l-1} + b^l        windows of 3 x 3, zeros around the picture, so that its size stays
        a^l = max(0, the largest of each 2 x 2 of z^l)
        y   = W [a^2; s] + b             a^2 as one column, s each map's sum over all places; ``summed`` has s alone

    Sums say what is there and how often, but not where: one weight counts for all places (as the mean of Lin, Chen and
    Yan 2014 does), and is learned sooner than as many for each place. The sizes are halved, and an odd last row or
    column is left out; a side of 1 stays as it is. Of equal largest numbers the first gets the derivative.
    W.l (maps, C·3·3), its columns channel by channel and window row by row; b.l (maps, 1); W (Y, …), b (Y, 1).
    Source: LeCun, Bottou, Bengio and Haffner 1998, with the rectifier of Nair and Hinton 2010 and He et al. 2015's
    initial weights.
    """

    part = "convolution"

    def __init__(self, picture: Picture, outputs: int, maps: tuple[int, ...] = MAPS, *, summed: bool = False) -> None:
        channels, height, width = picture
        self.picture, self.inputs, self.outputs = picture, channels * height * width, outputs
        self.layout = Layout()
        self._layers = []
        for number, filters in enumerate(maps, start=1):
            layer = ConvolutionLayer(number, channels, height, width, filters)
            layer.add_to(self.layout)
            self._layers.append(layer)
            channels, height, width = filters, layer.pooled[0], layer.pooled[1]
        self._places = 0 if summed else channels * height * width
        self._dense = Dense(self._places + channels, outputs)
        self.layout.add("W", (outputs, self._dense.inputs))
        self.layout.add("b", (outputs, 1))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        for layer in self._layers:
            layer.init(p, rng)
        self._dense.init(p, rng)

    def forward(self, p: Params, x: np.ndarray, memory: Tape) -> np.ndarray:
        """y (Y, N) of pictures x (F, N); ``memory`` keeps what ``backward`` reads."""
        a = x.reshape(*self.picture, x.shape[1])
        for layer in self._layers:
            a = layer.forward(p, a, memory)
        return self._dense.forward(p, self._column(a))

    def _column(self, a: np.ndarray) -> np.ndarray:
        """What the linear map reads of the last answer (maps, height, width, N)."""
        sums = SUM_SCALE * a.sum(axis=(1, 2))
        return np.concatenate([a.reshape(-1, a.shape[-1]), sums]) if self._places else sums

    def backward(self, p: Params, grad: Params, dy: np.ndarray, x: np.ndarray, memory: Tape) -> None:
        """Add to grad what follows from dy (Y, N). Nobody asks for the derivative of a picture."""
        last = self._layers[-1]
        a = last.answer(memory, dy.shape[1], dy.dtype)
        dcolumn = self._dense.backward(p, grad, dy, self._column(a))
        da: np.ndarray | None = np.broadcast_to(SUM_SCALE * dcolumn[self._places :, None, None], a.shape)
        if self._places:
            da = da + dcolumn[: self._places].reshape(a.shape)
        for layer in reversed(self._layers):
            assert da is not None
            da = layer.backward(p, grad, da, memory)


class ConvolutionLayer:
    """One convolution of pictures a (C, height, width, N), its rectifier and its pooling."""

    def __init__(self, number: int, channels: int, height: int, width: int, filters: int) -> None:
        self.number, self.channels, self.height, self.width, self.filters = number, channels, height, width, filters
        self.pool = min(2, height), min(2, width)
        self.pooled = height // self.pool[0], width // self.pool[1]

    def add_to(self, layout: Layout) -> None:
        layout.add(f"W.{self.number}", (self.filters, self.channels * K * K))
        layout.add(f"b.{self.number}", (self.filters, 1))

    def init(self, p: Params, rng: np.random.Generator) -> None:
        p[f"W.{self.number}"][:] = he(rng, self.filters, self.channels * K * K)

    def forward(self, p: Params, a: np.ndarray, memory: Tape) -> np.ndarray:
        """(filters, height / 2, width / 2, N)."""
        N, dtype = a.shape[-1], p.flat.dtype
        padded = memory.array(f"padded.{self.number}", self._padded(N), dtype)
        for edge in (padded[:, 0], padded[:, -1], padded[:, :, 0], padded[:, :, -1]):
            edge[:] = 0
        padded[:, 1:-1, 1:-1] = a
        z = memory.array(f"z.{self.number}", (self.filters, self.height, self.width, N), dtype)
        W, b = p[f"W.{self.number}"], p[f"b.{self.number}"]
        for rows, columns, windows in self._windows(padded, memory):
            out = z[:, rows, columns].reshape(self.filters, -1)  # a view: whole rows, or a stretch of one
            np.matmul(W, windows, out=out)
            out += b
        return self._pooled(z, memory)

    def answer(self, memory: Tape, N: int, dtype: np.dtype) -> np.ndarray:
        """What ``forward`` has returned."""
        return memory.array(f"a.{self.number}", (self.filters, *self.pooled, N), dtype)

    def _pooled(self, z: np.ndarray, memory: Tape) -> np.ndarray:
        answer = self.answer(memory, z.shape[-1], z.dtype)
        first, *others = self._corners(z)
        np.maximum(first, 0, out=answer)  # the rectifier commutes with the maximum, and costs a quarter behind it
        for corner in others:
            np.maximum(answer, corner, out=answer)
        return answer

    def _corners(self, z: np.ndarray) -> list[np.ndarray]:
        """The first number of every 2 x 2, the second, …: views of z, (filters, height / 2, width / 2, N) each."""
        (tall, wide), (high, far) = self.pool, self.pooled
        return [z[:, i : tall * high : tall, j : wide * far : wide] for i in range(tall) for j in range(wide)]

    def backward(self, p: Params, grad: Params, da: np.ndarray, memory: Tape) -> np.ndarray | None:
        """Add to grad what follows from da; return the derivative of what it read, None of the picture itself."""
        N, dtype = da.shape[-1], p.flat.dtype
        z = memory.array(f"z.{self.number}", (self.filters, self.height, self.width, N), dtype)
        padded = memory.array(f"padded.{self.number}", self._padded(N), dtype)
        dz = self._to_largest(da, z, memory)
        W, dW, db = (p[f"W.{self.number}"], grad[f"W.{self.number}"], grad[f"b.{self.number}"])
        db += dz.reshape(self.filters, -1).sum(axis=1, keepdims=True)
        dpadded = memory.array(f"dpadded.{self.number}", padded.shape, dtype) if self.number > 1 else None
        if dpadded is not None:
            dpadded[:] = 0
        for rows, columns, windows in self._windows(padded, memory):
            dz_here = dz[:, rows, columns].reshape(self.filters, -1)
            dW += dz_here @ windows.T
            if dpadded is not None:
                np.matmul(W.T, dz_here, out=windows)
                self._add_windows(dpadded, windows, rows, columns)
        return None if dpadded is None else dpadded[:, 1:-1, 1:-1]

    def _to_largest(self, da: np.ndarray, z: np.ndarray, memory: Tape) -> np.ndarray:
        """dz: each derivative at the largest of its 2 x 2, if that is positive, and zeros elsewhere."""
        answer = self.answer(memory, z.shape[-1], z.dtype)
        dz = memory.array(f"dz.{self.number}", z.shape, z.dtype)
        if (self.height % self.pool[0], self.width % self.pool[1]) != (0, 0):
            dz[:] = 0  # what pooling leaves out
        left = da * (answer.real > 0)
        for corner, dcorner in zip(self._corners(z), self._corners(dz), strict=True):
            np.multiply(left, corner == answer, out=dcorner)
            left -= dcorner  # so that an equal number behind it gets nothing
        return dz

    def _padded(self, N: int) -> tuple[int, int, int, int]:
        return self.channels, self.height + 2, self.width + 2, N

    def _windows(self, padded: np.ndarray, memory: Tape) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows and columns of pictures, and the windows around them (C·3·3, rows·columns·N), piece by piece: whole rows
        together, or stretches of one row, as many as fit into WINDOW_BYTES. Each piece takes the memory of the last."""
        C, _, _, N = padded.shape
        around = sliding_window_view(padded, (K, K), axis=(1, 2)).transpose(0, 4, 5, 1, 2, 3)  # (C, 3, 3, h, w, N)
        places = max(1, WINDOW_BYTES // (C * K * K * N * padded.itemsize))
        tall, wide = max(1, places // self.width), min(self.width, places)
        for top in range(0, self.height, tall):
            for left in range(0, self.width, wide):
                rows, columns = slice(top, min(top + tall, self.height)), slice(left, min(left + wide, self.width))
                shape = C, K, K, rows.stop - top, columns.stop - left, N
                windows = memory.array("windows", (int(np.prod(shape)),), padded.dtype).reshape(shape)
                np.copyto(windows, around[:, :, :, rows, columns])
                yield rows, columns, windows.reshape(C * K * K, -1)

    def _add_windows(self, dpadded: np.ndarray, dwindows: np.ndarray, rows: slice, columns: slice) -> None:
        """Add each window's derivatives (C·3·3, …) to the places that it covers."""
        high, far = rows.stop - rows.start, columns.stop - columns.start
        dwindows = dwindows.reshape(self.channels, K, K, high, far, -1)
        for i in range(K):
            for j in range(K):
                top, left = rows.start + i, columns.start + j
                dpadded[:, top : top + high, left : left + far] += dwindows[:, i, j]
