"""The binary Tree-LSTM: an LSTM up a tree, with a forget gate for each child."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp.models import register
from seqexp.models.trees import Inputs
from seqexp.numerics.forest import Forest
from seqexp.numerics.functions import FLUSH_EVERY, flush, halve_and_shift
from seqexp.numerics.initializers import Recurrent, glorot, recurrent
from seqexp.numerics.params import Layout, Params
from seqexp.numerics.tape import Tape

Gate = Literal["fl", "fr", "i", "o"]
ROWS = ("fl", "fr", "i", "o", "t")  # the gates' order in memory: the sigmoids adjacent, i and o beside t for leaves


@register("tree_lstm")
@dataclass(kw_only=True, frozen=True)
class TreeLSTM:
    """N-ary Tree-LSTM with N = 2: a node is fed x, and its children are in the states h_l, c_l and h_r, c_r.

        f_l = sigmoid(W_f x + U_fl [h_l; h_r] + b_f)        forget the left child
        f_r = sigmoid(W_f x + U_fr [h_l; h_r] + b_f)        forget the right child
        i   = sigmoid(W_i x + U_i  [h_l; h_r] + b_i)        input
        o   = sigmoid(W_o x + U_o  [h_l; h_r] + b_o)        output
        t   = tanh   (W_t x + U_t  [h_l; h_r] + b_t)        the candidate, u in the paper
        c   = i * t + f_l * c_l + f_r * c_r
        h   = o * tanh(c)

    What a node lacks, input or child, is 0. Parameters W_f, W_i, W_o, W_t (H, X), U_fl, U_fr, U_i, U_o, U_t (H, 2H) and
    b_f, b_i, b_o, b_t (H, 1). The state of a node is h on top of c, (2H, N). ``freeze_gates`` fixes gates at one. On
    trees that only branch to the left it is the ``lstm``. Source: Tai, Socher and Manning 2015, equations 9 to 14.
    """

    input_size: Annotated[int, Ge(1)]
    hidden_size: Annotated[int, Ge(1)]
    forget_bias: float = 1.0
    recurrent_init: Recurrent = "orthogonal"
    recurrent_scale: Annotated[float, Ge(0)] = 1.0
    freeze_gates: tuple[Gate, ...] = ()

    reads = "trees"
    gate_names = ("fl", "fr", "i", "o")

    @cached_property
    def layout(self) -> Layout:
        H, X = self.hidden_size, self.input_size
        layout = Layout()
        layout.add("U", (5 * H, 2 * H), **{f"U_{gate}": (self._rows(gate),) for gate in ROWS})
        views: dict[str, Any] = {}
        for number, gate in enumerate("fiot"):
            rows = slice(number * H, (number + 1) * H)
            views |= {f"W_{gate}": (rows, slice(1, 1 + X)), f"b_{gate}": (rows, slice(0, 1))}
        layout.add("V", (4 * H, 1 + X), **views)
        return layout

    @property
    def state_size(self) -> int:
        return 2 * self.hidden_size

    @property
    def output_rows(self) -> slice:
        return slice(0, self.hidden_size)

    @property
    def cell_rows(self) -> slice:
        """The rows of the state that hold c."""
        return slice(self.hidden_size, 2 * self.hidden_size)

    def gates(self, tape: Tape) -> dict[str, np.ndarray]:
        """fl, fr, i and o, each (n, H), of the n nodes with children: views, valid until the tape's next pass."""
        return {gate: tape.views["inner"][:, self._rows(gate)] for gate in self.gate_names}

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Params:
        H = self.hidden_size
        p = Params.zeros(self.layout, dtype)
        for gate in "fiot":
            p[f"W_{gate}"][:] = glorot(rng, H, self.input_size)
        for gate in ROWS:
            for side in (slice(0, H), slice(H, 2 * H)):
                p[f"U_{gate}"][:, side] = recurrent(self.recurrent_init, self.recurrent_scale, rng, H)
        p["b_f"][:] = self.forget_bias
        return p

    def forward(
        self, p: Params, x: np.ndarray | None, forest: Forest, tape: Tape | None = None, keep: bool = True
    ) -> tuple[np.ndarray, Tape | None]:
        """State (2H, B) of the nodes asked, and the tape. See ``TreeCore``.

        In memory a node is a row, since the children of a height's nodes are gathered from anywhere below. Leaves have
        no forget gates, so theirs are not computed.
        """
        tape = Tape() if tape is None else tape
        H, N, leaves, dtype = self.hidden_size, forest.size, forest.leaves, p.flat.dtype
        inputs = Inputs(x, forest, self.input_size, dtype, "tree_lstm")
        state = tape.array("state", (2, N + 1, H), dtype)
        state[:, N] = 0  # of a child that is not there: -1, wrapped around
        h, c = state
        h_lr = tape.array("h_lr", (N - leaves, 2, H), dtype)
        c_lr = tape.array("c_lr", (N - leaves, 2, H), dtype)
        leaf = tape.array("leaf", (leaves, 3 * H), dtype)  # i, o, t
        inner = tape.array("inner", (N - leaves, 5 * H), dtype)
        f_c = tape.array("f_c", (N - leaves, 2, H), dtype)
        tape.views = {"inputs": inputs, "h": h, "c": c, "h_lr": h_lr, "c_lr": c_lr, "leaf": leaf, "inner": inner}
        U_T, V = self._half_for_sigmoids(p, tape)
        b_iot, b_f = V[H:, 0], V[:H, 0]

        leaf[:] = b_iot
        _, which = inputs.at(0, leaves)
        leaf[which] += inputs.times(V[H:, 1:], inputs.leaves, "leaf_x", tape)
        self._open(leaf, self.gate_names[2:])
        np.multiply(leaf[:, :H], leaf[:, 2 * H :], out=c[:leaves])
        np.tanh(c[:leaves], out=h[:leaves])
        h[:leaves] *= leaf[:, H : 2 * H]
        from_x = inputs.times(V[:, 1:], inputs.inner, "inner_x", tape)  # rows f, i, o, t
        for start, stop in forest.heights:
            own = slice(start - leaves, stop - leaves)
            z, c_n, h_n, fc = inner[own], c[start:stop], h[start:stop], f_c[own]
            np.take(h, forest.children[start:stop], axis=0, out=h_lr[own], mode="wrap")
            np.take(c, forest.children[start:stop], axis=0, out=c_lr[own], mode="wrap")
            np.dot(h_lr[own].reshape(-1, 2 * H), U_T, out=z)
            z_f = z[:, : 2 * H].reshape(-1, 2, H)
            z_f += b_f
            z[:, 2 * H :] += b_iot
            rows, which = inputs.at(start, stop)
            if rows.stop > rows.start:
                x_n = from_x[rows.start - inputs.of_leaves : rows.stop - inputs.of_leaves]
                z_f[which] += x_n[:, None, :H]
                z[which, 2 * H :] += x_n[:, H:]
            self._open(z, self.gate_names)
            np.multiply(z_f, c_lr[own], out=fc)
            np.multiply(z[:, 2 * H : 3 * H], z[:, 4 * H :], out=c_n)
            c_n += fc[:, 0]
            c_n += fc[:, 1]
            np.tanh(c_n, out=h_n)
            h_n *= z[:, 3 * H : 4 * H]
        return np.concatenate([h[forest.asked].T, c[forest.asked].T]), tape if keep else None

    def _half_for_sigmoids(self, p: Params, tape: Tape) -> tuple[np.ndarray, np.ndarray]:
        """U^T (2H, 5H) and V (4H, 1+X) with the sigmoids' part halved: as sigmoid(z) = (1 + tanh(z/2)) / 2, one tanh
        serves all gates."""
        H, U, V = self.hidden_size, p["U"], p["V"]
        U_T, V_half = tape.array("U_T", (2 * H, 5 * H), U.dtype), tape.array("V_half", V.shape, V.dtype)
        U_T[:], V_half[:] = U.T, V
        U_T[:, : 4 * H] *= 0.5
        V_half[: 3 * H] *= 0.5
        return U_T, V_half

    def _open(self, z: np.ndarray, gates: tuple[str, ...]) -> None:
        """The gates and the candidate behind them, from z (n, ·) in place; ``gates``: those in z, in order."""
        H = self.hidden_size
        np.tanh(z, out=z)
        halve_and_shift(z[:, : len(gates) * H])
        for number, gate in enumerate(gates):
            if gate in self.freeze_gates:
                z[:, number * H : (number + 1) * H] = 1

    def backward(
        self, p: Params, grad: Params, dstate: np.ndarray, tape: Tape, need_dx: bool = True
    ) -> np.ndarray | None:
        """dx (X, M) or None: the reverse of ``forward``, from the roots to the leaves.

            do = dh tanh(c)       dc += dh o (1 - tanh(c)^2)
            di = dc t             dt = dc i       df_k = dc c_k       dc_k += dc f_k        k: left and right
            dz = d(gate) s(1-s) for a sigmoid, d(gate) (1-t^2) for the tanh
            dh_k += U_k^T dz      dx = W^T dz     dU = sum of dz [h_l; h_r]^T               dW = sum of dz x^T

        Both come from a node's own answer and from its parent; then the products over all nodes.
        """
        views = tape.views
        inputs, h_lr, inner = views["inputs"], views["h_lr"], views["inner"]
        forest: Forest = inputs.forest
        H, N, leaves, dtype, U = self.hidden_size, forest.size, forest.leaves, p.flat.dtype, p["U"]
        dz_leaf = tape.array("dz_leaf", (leaves, 3 * H), dtype)
        dz = tape.array("dz", (N - leaves, 5 * H), dtype)
        dstates = tape.array("dstate", (2, N, H), dtype)
        dstates[:] = 0
        dstates[0, forest.asked], dstates[1, forest.asked] = dstate[:H].T, dstate[H:].T
        down = tape.array("down", (2, 2 * (N - leaves) + 1, H), dtype)  # dL/dh, dL/dc of children; then a root's
        down[:, -1] = 0
        scratch = tape.array("scratch", (N, H), dtype)
        for number, (start, stop) in enumerate(reversed([(0, leaves), *forest.heights])):
            slots, given = forest.slots[start:stop], scratch[: stop - start]
            for of_children, of_nodes in zip(down, dstates[:, start:stop], strict=True):
                of_nodes += np.take(of_children, slots, axis=0, out=given, mode="wrap")
            dh, dc = dstates[:, start:stop]
            if number % FLUSH_EVERY == FLUSH_EVERY - 1:
                flush(dh)
                flush(dc)
            h, c = views["h"][start:stop], views["c"][start:stop]
            if not start:
                _to_z(views["leaf"], h, c, dh, dc, dz_leaf, given)
                continue
            own, places = slice(start - leaves, stop - leaves), slice(2 * (start - leaves), 2 * (stop - leaves))
            dc_whole = _to_z(inner[own], h, c, dh, dc, dz[own], given)[:, None]
            f, dz_f = inner[own, : 2 * H].reshape(-1, 2, H), dz[own, : 2 * H].reshape(-1, 2, H)
            dz_f *= f
            dz_f *= views["c_lr"][own]
            dz_f *= dc_whole
            np.multiply(f, dc_whole, out=down[1, places].reshape(-1, 2, H))
            np.dot(dz[own], U, out=down[0, places].reshape(-1, 2 * H))
        views["dstates"] = dstates
        grad["U"] += dz.T @ h_lr.reshape(-1, 2 * H)
        return self._to_inputs(p["V"], grad["V"], dz_leaf, dz, inputs, need_dx)

    def _to_inputs(
        self, V: np.ndarray, dV: np.ndarray, dz_leaf: np.ndarray, dz: np.ndarray, inputs: Inputs, need_dx: bool
    ) -> np.ndarray | None:
        """Add to dV (4H, 1+X), rows f, i, o, t, what follows from dz; return dx (X, M). Both forget gates have the same
        W_f and b_f."""
        H, fed, leaves = self.hidden_size, inputs.forest.fed, inputs.forest.leaves
        dV[H:, 0] += dz_leaf.sum(axis=0)
        bias = dz.sum(axis=0)
        dV[:H, 0] += bias[:H] + bias[H : 2 * H]
        dV[H:, 0] += bias[2 * H :]
        dz_leaf = dz_leaf if inputs.of_leaves == leaves else dz_leaf[fed[inputs.leaves]]
        rows = [inputs.back(V[H:, 1:], dV[H:, 1:], dz_leaf, inputs.leaves, need_dx)]
        if len(fed) > inputs.of_leaves:
            dz = dz[fed[inputs.inner] - leaves]
            dz_fiot = np.concatenate([dz[:, :H] + dz[:, H : 2 * H], dz[:, 2 * H :]], axis=1)
            rows.append(inputs.back(V[:, 1:], dV[:, 1:], dz_fiot, inputs.inner, need_dx))
        found = [each for each in rows if each is not None]
        return np.concatenate(found).T if found else None

    def derivatives(self, tape: Tape) -> np.ndarray:
        """dL/d state (2H, N) of all nodes, of the tape's last backward pass; by c at fixed h."""
        dstates: np.ndarray = tape.views["dstates"]
        return dstates.transpose(0, 2, 1).reshape(2 * self.hidden_size, -1)

    def _rows(self, gate: str) -> slice:
        start = ROWS.index(gate) * self.hidden_size
        return slice(start, start + self.hidden_size)


def _to_z(
    gates: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    dh: np.ndarray,
    dc: np.ndarray,
    dz: np.ndarray,
    scratch: np.ndarray,
) -> np.ndarray:
    """Write dz of i, o and t, the last three of the n nodes' gates, and 1 - s of what is before them; return dL/dc
    (n, H), by way of h too, in ``scratch``.

    dc += dh o (1 - tanh(c)^2) = dh (o - h tanh(c));   dz_i = dc i t (1-i);   dz_o = dh h (1-o);   dz_t = dc (i - i t t)
    """
    H = h.shape[1]
    i, o, t = gates[:, -3 * H : -2 * H], gates[:, -2 * H : -H], gates[:, -H:]
    dz_i, dz_o, dz_t = dz[:, -3 * H : -2 * H], dz[:, -2 * H : -H], dz[:, -H:]
    dc_whole = np.tanh(c, out=scratch)
    dc_whole *= h
    np.subtract(o, dc_whole, out=dc_whole)
    dc_whole *= dh
    dc_whole += dc
    np.subtract(1, gates[:, :-H], out=dz[:, :-H])
    dz_o *= h
    dz_o *= dh
    it = np.multiply(i, t, out=dz_t)
    dz_i *= it
    dz_i *= dc_whole
    it *= t
    np.subtract(i, it, out=dz_t)
    dz_t *= dc_whole
    return dc_whole
