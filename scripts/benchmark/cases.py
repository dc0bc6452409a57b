"""What is measured: shapes, starting weights and batches, the same numbers for every side.

Imported by the peers' interpreters too, so it needs NumPy and nothing else.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqexp.numerics.initializers import glorot, orthogonal
from seqexp.numerics.rng import Purpose, stream


@dataclass(frozen=True)
class Kind:
    """What a measured model is: layers of cells, in one direction or two."""

    cell: str
    layers: int = 1
    both: bool = False

    @property
    def cells(self) -> list[tuple[int, str, str]]:
        """The layer of each cell, and what stands before and after the names of its weights."""
        ways = ("forward.", "backward.") if self.both else ("",)
        stacked = self.layers > 1
        return [(layer, way, f".{layer + 1}" if stacked else "") for layer in range(self.layers) for way in ways]

    def inputs(self, layer: int, X: int, H: int) -> int:
        return H * (1 + self.both) if layer else X


KINDS = {
    "rnn": Kind("rnn"),
    "stacked_rnn": Kind("stacked_rnn", 2),
    "lstm": Kind("lstm"),
    "gru": Kind("gru"),  # reset=after, as PyTorch's
    "lstm_layers": Kind("lstm", 2),
    "lstm_directions": Kind("lstm", both=True),
    "gru_layers": Kind("gru", 2),
    "gru_directions": Kind("gru", both=True),
}
MODELS = tuple(KINDS)
GATES = {"rnn": "h", "gru": "rzh", "lstm": "ifto"}  # of a cell, in PyTorch's order; its names for h and t are n and g

GRID = (
    (4, 16, 4, 16),
    (20, 32, 32, 64),
    (50, 32, 64, 128),
    (100, 32, 64, 128),
    (50, 64, 128, 256),
    (100, 64, 256, 512),
    (50, 128, 512, 1024),
    (784, 32, 1, 128),
)  # T, B, X, H
QUICK = ("4x16x4x16", "20x32x32x64", "50x32x64x128", "text")

LEARNING_RATE, BETA1, BETA2, EPSILON, CLIP_NORM = 1e-3, 0.9, 0.999, 1e-8, 1.0
BATCHES = 4  # distinct ones, taken in turn


@dataclass(frozen=True)
class Case:
    """One training step: B columns of T steps, X features a step, or tokens through an embedding of size X.

    outputs:    classes; one answer a column from its last step, or one a step where ``every_step``.
    vocabulary: None for features.
    """

    shape: str
    model: str
    T: int
    B: int
    X: int
    H: int
    outputs: int = 10
    vocabulary: int | None = None
    every_step: bool = False

    @property
    def name(self) -> str:
        return f"{self.model} {self.shape}"

    @property
    def kind(self) -> Kind:
        return KINDS[self.model]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def all_cases() -> list[Case]:
    """The grid, then a many-to-one text step and a word language model step, for every model. No language model reads
    from both ends."""
    cases = []
    for T, B, X, H in GRID:
        cases += [Case(f"{T}x{B}x{X}x{H}", model, T, B, X, H) for model in MODELS]
    cases += [Case("text", model, 20, 32, 64, 128, outputs=2, vocabulary=10_000) for model in MODELS]
    cases += [
        Case("words", model, 35, 20, 200, 200, 10_000, 10_000, every_step=True)
        for model in MODELS
        if not KINDS[model].both
    ]
    return cases


def shapes() -> list[str]:
    return list(dict.fromkeys(case.shape for case in all_cases()))


def weights(case: Case) -> dict[str, np.ndarray]:
    """Starting values by the literature's names, float32, as seqexp draws them; biases are random, to be seen."""
    rng = stream(0, Purpose.INIT)
    X, H, Y = case.X, case.H, case.outputs
    w: dict[str, np.ndarray] = {}
    if case.vocabulary:
        w["E"] = rng.normal(0, X**-0.5, (case.vocabulary, X))
    if case.model == "stacked_rnn":
        w["W_xh"] = glorot(rng, H, X)
        for layer in range(1, case.kind.layers + 1):
            w[f"W_hht.{layer}"] = orthogonal(rng, H)
            w[f"b_h.{layer}"] = rng.normal(0, 0.1, (H, 1))
            if layer > 1:
                w[f"W_hhd.{layer}"] = glorot(rng, H, H)
    else:
        for layer, before, after in case.kind.cells:
            inputs = case.kind.inputs(layer, X, H)
            w |= {f"{before}{name}{after}": value for name, value in cell_weights(case, inputs, rng).items()}
    H *= 1 + case.kind.both
    w |= {"W_hy": glorot(rng, Y, H), "b_y": rng.normal(0, 0.1, (Y, 1))}
    return {name: value.astype(np.float32) for name, value in w.items()}


def cell_weights(case: Case, inputs: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One cell's, in our names."""
    w: dict[str, np.ndarray] = {}
    H = case.H
    if case.kind.cell == "rnn":
        return {"W_xh": glorot(rng, H, inputs), "W_hh": orthogonal(rng, H), "b_h": rng.normal(0, 0.1, (H, 1))}
    for gate in "fiot" if case.kind.cell == "lstm" else "zrh":
        w[f"W_{gate}"] = np.hstack((orthogonal(rng, H), glorot(rng, H, inputs)))  # on [h; x]
        w[f"b_{gate}"] = rng.normal(float(gate == "f"), 0.1, (H, 1))
    if case.kind.cell == "gru":
        w["b_hh"] = rng.normal(0, 0.1, (H, 1))
    return w


def batches(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """(x, target) pairs: x (T, X, B) float32 or tokens (T, B) int64; target (B,) or (T, B) int64."""
    drawn = []
    for index in range(BATCHES):
        rng = stream(0, Purpose.DATA, index)
        x: np.ndarray = rng.standard_normal((case.T, case.X, case.B), dtype=np.float32)
        if case.vocabulary:
            x = rng.integers(0, case.vocabulary, (case.T, case.B))
        target = rng.integers(0, case.outputs, (case.T, case.B) if case.every_step else (case.B,))
        drawn.append((x, target))
    return drawn
