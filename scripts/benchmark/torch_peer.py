"""PyTorch's side: nn.RNN, nn.LSTM or nn.GRU with nn.Linear, nn.Embedding, cross_entropy, clip_grad_norm_ and Adam."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scripts.benchmark.cases import BETA1, BETA2, CLIP_NORM, EPSILON, GATES, LEARNING_RATE, Case, batches, weights


class Network(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """What one would write: embedding if any, a recurrent layer in torch's own time-major layout, a linear readout."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.every_step = case.every_step
        self.embedding = nn.Embedding(case.vocabulary, case.X) if case.vocabulary else None
        kind = case.kind
        recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}.get(kind.cell, nn.RNN)
        self.core = recurrent(case.X, case.H, num_layers=kind.layers, bidirectional=kind.both)
        self.ways = 1 + kind.both
        self.readout = nn.Linear(case.H * self.ways, case.outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.embedding is not None:
            x = self.embedding(x)
        h, state = self.core(x)
        if self.every_step:
            return self.readout(h.flatten(0, 1))
        last = (state[0] if isinstance(state, tuple) else state)[-self.ways :]
        return self.readout(torch.cat([*last], 1) if self.ways > 1 else last[0])


class Side:
    """See ``ours.Side``."""

    name = "torch"

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)

    def version(self) -> str:
        return f"torch {torch.__version__}, {torch.get_num_threads()} threads"

    def variants(self, case: Case) -> list[str]:
        return ["Adam()", "Adam(fused=True)"]

    def prepare(self, case: Case, variant: str) -> Callable[[], Any]:
        network = Network(case)
        load(network, case)
        settings = {"fused": True} if "fused" in variant else {}
        adam = torch.optim.Adam(network.parameters(), LEARNING_RATE, (BETA1, BETA2), EPSILON, **settings)
        data = []
        for x, target in batches(case):
            steps_examples = x if case.vocabulary else np.ascontiguousarray(x.swapaxes(1, 2))  # (T, B, X)
            data.append((torch.from_numpy(steps_examples), torch.from_numpy(target.ravel())))
        count = 0

        def step() -> torch.Tensor:
            nonlocal count
            x, target = data[count % len(data)]
            count += 1
            adam.zero_grad(set_to_none=True)
            loss = F.cross_entropy(network(x), target)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            adam.step()
            return loss

        return step

    def loss(self, result: Any) -> float:
        return float(result.item())


def load(network: Network, case: Case) -> None:
    """The common starting weights. torch adds a second bias, which starts at zero."""
    w = weights(case)
    values = {"readout.weight": w["W_hy"], "readout.bias": w["b_y"][:, 0]}
    if case.vocabulary:
        values["embedding.weight"] = w["E"]
    if case.model == "stacked_rnn":
        for layer in range(case.kind.layers):
            values[f"core.weight_ih_l{layer}"] = w[f"W_hhd.{layer + 1}"] if layer else w["W_xh"]
            values[f"core.weight_hh_l{layer}"] = w[f"W_hht.{layer + 1}"]
            values[f"core.bias_ih_l{layer}"] = w[f"b_h.{layer + 1}"][:, 0]
    else:
        for layer, before, after in case.kind.cells:
            own = {name: w[f"{before}{name}{after}"] for name in cell_names(case.kind.cell)}
            suffix = f"_l{layer}" + ("_reverse" if before == "backward." else "")
            values |= {f"core.{name}{suffix}": value for name, value in of_cell(case, own).items()}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.from_numpy(values[name])) if name in values else parameter.zero_()


def cell_names(cell: str) -> list[str]:
    """Our names of a cell's weights."""
    if cell == "rnn":
        return ["W_xh", "W_hh", "b_h"]
    return [f"{kind}_{gate}" for kind in "Wb" for gate in GATES[cell]] + ["b_hh"] * (cell == "gru")


def of_cell(case: Case, w: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Torch's weights of one cell."""
    if case.kind.cell == "rnn":
        return {"weight_ih": w["W_xh"], "weight_hh": w["W_hh"], "bias_ih": w["b_h"][:, 0]}
    H, gates = case.H, GATES[case.kind.cell]
    found = {
        "weight_hh": np.vstack([w[f"W_{gate}"][:, :H] for gate in gates]),
        "weight_ih": np.vstack([w[f"W_{gate}"][:, H:] for gate in gates]),
        "bias_ih": np.concatenate([w[f"b_{gate}"][:, 0] for gate in gates]),
    }
    if "b_hh" in w:
        found["bias_hh"] = np.concatenate([np.zeros(2 * H, np.float32), w["b_hh"][:, 0]])
    return found
