"""Equivalent ways to write the products of one step, timed in turn on the shapes of the grid."""

from collections.abc import Callable, Sequence

import numpy as np

from scripts.benchmark.report import Figures, Row, table
from scripts.benchmark.timing import in_turn, medians
from seqexp.numerics.functions import product
from seqexp.numerics.rng import Purpose, stream

GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def ways(B: int, X: int, H: int, gates: int) -> dict[str, Callable[[], object]]:
    """z = W_hh h + W_xh x + b for one step, written in different ways; all give the same numbers."""
    rng = stream(0, Purpose.INIT)
    M, K = gates * H, 1 + H + X
    W = rng.standard_normal((M, K), dtype=np.float32)  # [b, W_hh, W_xh]
    b, W_hh, W_xh = (np.ascontiguousarray(part) for part in (W[:, :1], W[:, 1 : 1 + H], W[:, 1 + H :]))
    a = rng.standard_normal((K, B), dtype=np.float32)  # [1; h; x]
    a[0] = 1
    h, x = np.ascontiguousarray(a[1 : 1 + H]), np.ascontiguousarray(a[1 + H :])
    z, z_x = np.empty((M, B), np.float32), np.empty((M, B), np.float32)
    rows_a, rows_W, rows_z = np.ascontiguousarray(a.T), np.ascontiguousarray(W.T), np.empty((B, M), np.float32)
    in_blocks = product(W, B)

    def two_products_in_place() -> None:
        np.dot(W_hh, h, z)
        np.dot(W_xh, x, z_x)
        np.add(z, z_x, z)
        np.add(z, b, z)

    def one_product_on_a_new_column() -> np.ndarray:
        return W[:, 1:] @ np.concatenate((h, x)) + b

    return {
        "W_hh @ h + W_xh @ x + b": lambda: W_hh @ h + W_xh @ x + b,
        "the same, in place": two_products_in_place,
        "W @ concatenate((h, x)) + b": one_product_on_a_new_column,
        "W @ [1; h; x]": lambda: W @ a,
        "matmul(W, [1; h; x], out)": lambda: np.matmul(W, a, z),
        "dot(W, [1; h; x], out)": lambda: np.dot(W, a, z),
        "seqexp's product(W)": lambda: in_blocks(a, z),
        "rows: dot([1 h x], W^T stored, out)": lambda: np.dot(rows_a, rows_W, rows_z),
        "rows: dot([1 h x], W.T, out)": lambda: np.dot(rows_a, W.T, rows_z),
    }


def measure(shapes: Sequence[str], models: Sequence[str], rounds: int, seconds: float, figures: Figures) -> None:
    for model, gates in GATES.items():
        if model not in models:
            continue
        rows: list[Row] = []
        for shape in shapes:
            row = figures.find(section="ways", model=model, shape=shape)
            if row is None:
                _, B, X, H = map(int, shape.split("x"))
                times = medians(in_turn(ways(B, X, H, gates), rounds, seconds))
                row = {"section": "ways", "model": model, "shape": shape, "seconds": times}
                figures.add(row)
            rows.append(row)
        names = list(rows[0]["seconds"]) if rows else []
        cells = [[name, *(relative(row, name) for row in rows)] for name in names]
        fastest = ["microseconds of the fastest", *(f"{1e6 * min(row['seconds'].values()):.3g}" for row in rows)]
        headers = ["T x B x X x H", *shapes]
        table(f"One step's product of an {model}, times the fastest way's time, one thread", headers, [*cells, fastest])


def relative(row: Row, name: str) -> str:
    return f"{row['seconds'][name] / min(row['seconds'].values()):.2f}"
