"""What PyTorch's recurrent networks compute, and how their weights correspond to ours.

``python -m scripts.tables.torch_values`` writes tests/models/torch_values.npz, with PyTorch installed: weights, inputs,
outputs and gradients of every case, in PyTorch's names and layout.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqexp import models
from seqexp.models import Core
from seqexp.numerics.params import Params

FILE = Path(__file__).parents[2] / "tests" / "models" / "torch_values.npz"
T, B, X, H = 5, 3, 3, 4
LENGTHS = (5, 2, 4)
ROWS = {"rnn": "h", "gru": "rzh", "lstm": "ifto"}  # PyTorch's blocks of H rows, by our names; it calls t g, and h n

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A network of PyTorch's: torch.nn.GRU(X, H, num_layers, bidirectional=bidirectional), or LSTM or RNN."""

    model: str
    num_layers: int = 1
    bidirectional: bool = False

    @property
    def name(self) -> str:
        return f"{self.model}{self.num_layers}{'_bidirectional' if self.bidirectional else ''}"

    def core(self) -> Core:
        """Our network of the same sizes."""
        more: dict[str, Any] = {"reset": "after"} if self.model == "gru" else {}
        layers, both = self.num_layers, self.bidirectional
        return models.create(self.model, input_size=X, hidden_size=H, num_layers=layers, bidirectional=both, **more)

    def cells(self) -> Iterator[tuple[str, str, str]]:
        """PyTorch's suffix of each cell's weights, and what stands before and after our names; in the order of h_n."""
        for layer in range(self.num_layers):
            for way, suffix in (("forward.", ""), ("backward.", "_reverse"))[: 1 + self.bidirectional]:
                after = f".{layer + 1}" if self.num_layers > 1 else ""
                yield f"l{layer}{suffix}", way if self.bidirectional else "", after


CASES = [Case("gru"), Case("rnn"), Case("lstm", 2, True), Case("gru", 2, True), Case("rnn", 2)]


def from_torch(weights: Arrays, case: Case, p: Params, gradient: bool = False) -> None:
    """Fill p with a torch network's weights; or with its gradient, in which each of its two biases has all of ours."""
    for suffix, before, after in case.cells():
        W_ih, W_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
        b_ih, b_hh = weights[f"bias_ih_{suffix}"], weights[f"bias_hh_{suffix}"]
        size = W_hh.shape[1]
        for number, row in enumerate(ROWS[case.model]):
            rows = slice(number * size, (number + 1) * size)
            if case.model == "rnn":
                p[f"{before}W_xh{after}"], p[f"{before}W_hh{after}"] = W_ih, W_hh
            else:
                p[f"{before}W_{row}{after}"] = np.hstack([W_hh[rows], W_ih[rows]])
            inside = case.model == "gru" and row == "h"  # the reset gate's product has a bias of its own
            if inside:
                p[f"{before}b_hh{after}"] = b_hh[rows, None]
            p[f"{before}b_{row}{after}"] = (b_ih if gradient or inside else b_ih + b_hh)[rows, None]


def to_torch(p: Params, case: Case) -> Arrays:
    """A torch network's weights, from ours. Its second bias is zero, but where we have one too."""
    found: Arrays = {}
    for suffix, before, after in case.cells():
        parts: dict[str, list[np.ndarray]] = {"weight_ih": [], "weight_hh": [], "bias_ih": [], "bias_hh": []}
        for row in ROWS[case.model]:
            b = p[f"{before}b_{row}{after}"]
            size, inside = len(b), case.model == "gru" and row == "h"
            W = None if case.model == "rnn" else p[f"{before}W_{row}{after}"]
            parts["weight_hh"].append(p[f"{before}W_hh{after}"] if W is None else W[:, :size])
            parts["weight_ih"].append(p[f"{before}W_xh{after}"] if W is None else W[:, size:])
            parts["bias_ih"].append(b[:, 0])
            parts["bias_hh"].append(p[f"{before}b_hh{after}"][:, 0] if inside else np.zeros(size))
        found |= {f"{kind}_{suffix}": np.concatenate(arrays) for kind, arrays in parts.items()}
    return found


def computed(case: Case, seed: int, weights: Arrays | None = None) -> Arrays:
    """One pass of torch's network, with these weights or its own, over a ragged batch, forwards and backwards."""
    import torch

    torch.manual_seed(seed)
    kind: Any = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[case.model]
    network = kind(X, H, case.num_layers, bidirectional=case.bidirectional).double()
    if weights is not None:
        network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    cells, states = len(list(case.cells())), ("h", "c")[: 1 + (case.model == "lstm")]
    x = torch.randn(T, B, X, dtype=torch.float64, requires_grad=True)
    first = [torch.randn(cells, B, H, dtype=torch.float64, requires_grad=True) for _ in states]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    out, last = network(packed, tuple(first) if len(first) == 2 else first[0])
    h = torch.nn.utils.rnn.pad_packed_sequence(out)[0]
    last = last if isinstance(last, tuple) else (last,)
    dh, *dlast = (torch.randn_like(each) for each in (h, *last))
    ((dh * h).sum() + sum((d * each).sum() for d, each in zip(dlast, last, strict=True))).backward()
    found = {"x": x, "dx": x.grad, "h": h, "dh": dh}
    for name, zero, n, dn in zip(states, first, last, dlast, strict=True):
        found |= {f"{name}_0": zero, f"d{name}_0": zero.grad, f"{name}_n": n, f"d{name}_n": dn}
    for name, parameter in network.named_parameters():
        found |= {name: parameter, f"d{name}": parameter.grad}
    return {name: tensor.detach().numpy() for name, tensor in found.items()}


def main() -> None:
    every = {f"{case.name}/{name}": array for case in CASES for name, array in computed(case, seed=0).items()}
    np.savez_compressed(FILE, **every)  # type: ignore[arg-type]  # of NumPy's allow_pickle
    print(f"{FILE}: {len(every)} arrays, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
