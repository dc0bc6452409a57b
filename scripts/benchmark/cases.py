"""What is measured: shapes, starting weights and batches, the same numbers for every side.

Imported by the peers' interpreters too, so it needs NumPy and nothing else.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqexp.numerics.initializers import glorot, orthogonal
from seqexp.numerics.rng import Purpose, stream

MODELS = ("rnn", "stacked_rnn", "lstm")
LAYERS = {"rnn": 1, "stacked_rnn": 2, "lstm": 1}

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

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def all_cases() -> list[Case]:
    """The grid, then a many-to-one text step and a word language model step, for every model."""
    cases = []
    for T, B, X, H in GRID:
        cases += [Case(f"{T}x{B}x{X}x{H}", model, T, B, X, H) for model in MODELS]
    cases += [Case("text", model, 20, 32, 64, 128, outputs=2, vocabulary=10_000) for model in MODELS]
    cases += [Case("words", model, 35, 20, 200, 200, 10_000, 10_000, every_step=True) for model in MODELS]
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
    if case.model == "lstm":
        for gate in "fiot":
            w[f"W_{gate}"] = np.hstack((orthogonal(rng, H), glorot(rng, H, X)))  # on [h; x]
            w[f"b_{gate}"] = rng.normal(float(gate == "f"), 0.1, (H, 1))
    elif case.model == "rnn":
        w |= {"W_xh": glorot(rng, H, X), "W_hh": orthogonal(rng, H), "b_h": rng.normal(0, 0.1, (H, 1))}
    else:
        w["W_xh"] = glorot(rng, H, X)
        for layer in range(1, LAYERS[case.model] + 1):
            w[f"W_hht.{layer}"] = orthogonal(rng, H)
            w[f"b_h.{layer}"] = rng.normal(0, 0.1, (H, 1))
            if layer > 1:
                w[f"W_hhd.{layer}"] = glorot(rng, H, H)
    w |= {"W_hy": glorot(rng, Y, H), "b_y": rng.normal(0, 0.1, (Y, 1))}
    return {name: value.astype(np.float32) for name, value in w.items()}


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
