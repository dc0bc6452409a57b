"""The recursive network: one layer, one pair of weight matrices up a tree."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.models.rnn import ACTIVATIONS, DERIVATIVES, Activation
from seqexp.models.trees import Inputs
from seqexp.numerics.forest import Forest
from seqexp.numerics.functions import FLUSH_EVERY, flush
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape


@register("recursive")
@dataclass(kw_only=True, frozen=True)
class Recursive:
    """Recursive network over binary trees.

        h = g(W_x x + W_l h_l + W_r h_r + b_h)        g: tanh, relu or sigmoid

    of a node that is fed x and whose children are in the states h_l and h_r; what a node lacks is 0. Parameters
    W_x (H, X), W_l (H, H), W_r (H, H), b_h (H, 1): views of one matrix W = [b_h W_l W_r W_x] (H, 1+2H+X). A node's
    state is h. On trees that only branch to the left it is the ``rnn``, with W_l for W_hh.
    Source: Goller and Küchler 1996; Socher, Lin, Ng and Manning 2011, eq. 2, where leaves are not multiplied by W_x.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    activation: Activation = "tanh"
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0

    reads = "trees"

    @cached_property
    def layout(self) -> Layout:
        H, X = self.hidden_size, self.input_size
        layout = Layout()
        layout.add(
            "W",
            (H, 1 + 2 * H + X),
            W_x=np.s_[:, 1 + 2 * H :],
            W_l=np.s_[:, 1 : 1 + H],
            W_r=np.s_[:, 1 + H : 1 + 2 * H],
            b_h=np.s_[:, :1],
        )
        return layout

    @property
    def state_size(self) -> int:
        return self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(0, self.hidden_size)

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        p = Params.zeros(self.layout, dtype)
        p["W_x"][:] = glorot(rng, self.hidden_size, self.input_size)
        for W in (p["W_l"], p["W_r"]):
            W[:] = recurrent(self.recurrent_init, self.recurrent_scale, rng, self.hidden_size)
        return p

    def forward(
        self, p: Params, x: np.ndarray | None, forest: Forest, tape: Tape | None = None, keep: bool = True
    ) -> tuple[np.ndarray, Tape | None]:
        """State (H, B) of the nodes asked, and the tape. See ``TreeCore``.

        In memory a node is a row, since the children of a height's nodes are gathered from anywhere below.
        """
        tape = Tape() if tape is None else tape
        H, N, W = self.hidden_size, forest.size, p["W"]
        inputs = Inputs(x, forest, self.input_size, W.dtype, "recursive")
        h = tape.array("h", (N + 1, H), W.dtype)
        h[N] = 0  # the state of a child that is not there: -1, wrapped around
        children = tape.array("children", (N - forest.leaves, 2, H), W.dtype)
        from_x = inputs.times(W[:, 1 + 2 * H :], slice(0, len(forest.fed)), "from_x", tape)  # (M, H)
        W_lrT = tape.array("W_lrT", (2 * H, H), W.dtype)
        W_lrT[:] = W[:, 1 : 1 + 2 * H].T
        b, activate = W[:, 0], ACTIVATIONS[self.activation]
        for start, stop in [(0, forest.leaves), *forest.heights]:
            z = h[start:stop]
            if start:
                h_lr = children[start - forest.leaves : stop - forest.leaves]
                np.take(h, forest.children[start:stop], axis=0, out=h_lr, mode="wrap")
                np.dot(h_lr.reshape(-1, 2 * H), W_lrT, out=z)
                z += b
            else:
                z[:] = b
            rows, which = inputs.at(start, stop)
            z[which] += from_x[rows]
            activate(z)
        tape.views = {"inputs": inputs, "h": h, "children": children}
        return h[forest.asked].T, tape if keep else None

    def backward(
        self, p: Params, grad: Params, dstate: np.ndarray, tape: Tape, need_dx: bool = True
    ) -> np.ndarray | None:
        """dx (X, M) or None: the reverse of ``forward``, from the roots to the leaves.

        With dz = g'(z) dh:   dh_l += W_l^T dz   dh_r += W_r^T dz   dx = W_x^T dz   dW = sum of dz [1; h_l; h_r; x]^T
        """
        inputs, h, children = tape.views["inputs"], tape.views["h"], tape.views["children"]
        forest: Forest = inputs.forest
        H, N, leaves, W, dW = self.hidden_size, forest.size, forest.leaves, p["W"], grad["W"]
        dz = tape.array("dz", (N, H), W.dtype)
        DERIVATIVES[self.activation](h[:N], dz)
        dh = tape.array("dh", (N, H), W.dtype)
        dh[:] = 0
        dh[forest.asked] = dstate.T
        down = tape.array("down", (2 * (N - leaves) + 1, H), W.dtype)  # dL/dh of each child; then what a root gets
        down[-1] = 0
        from_parent = tape.array("from_parent", (N, H), W.dtype)
        W_lr = np.ascontiguousarray(W[:, 1 : 1 + 2 * H])
        for number, (start, stop) in enumerate(reversed([(0, leaves), *forest.heights])):
            dh_n = dh[start:stop]
            dh_n += np.take(down, forest.slots[start:stop], axis=0, out=from_parent[: stop - start], mode="wrap")
            if number % FLUSH_EVERY == FLUSH_EVERY - 1:
                flush(dh_n)
            dz[start:stop] *= dh_n
            if start:
                np.dot(dz[start:stop], W_lr, out=down[2 * (start - leaves) : 2 * (stop - leaves)].reshape(-1, 2 * H))
        dW[:, 1 : 1 + 2 * H] += dz[leaves:].T @ children.reshape(-1, 2 * H)
        dW[:, 0] += dz.sum(axis=0)
        tape.views["dh"] = dh
        fed, whole = forest.fed, slice(0, len(forest.fed))
        dz_fed = dz[fed] if len(fed) < N else dz
        rows = inputs.back(W[:, 1 + 2 * H :], dW[:, 1 + 2 * H :], dz_fed, whole, need_dx)
        return None if rows is None else rows.T

    def derivatives(self, tape: Tape) -> np.ndarray:
        """dL/dh (H, N) of all nodes, of the tape's last backward pass."""
        dh: np.ndarray = tape.views["dh"]
        return dh.T
