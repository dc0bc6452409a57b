"""PyTorch's side of the tree benchmark: the same models, height by height, with autograd. A line in, the seconds out.

The states of all nodes are one tensor, into whose rows each height is written; children are taken by ``index_select``.
"""

import sys
import time
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Recursive(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    def __init__(self, H: int, X: int) -> None:
        super().__init__()
        self.from_x, self.from_children = nn.Linear(X, H), nn.Linear(2 * H, H, bias=False)
        self.width = H

    def leaf(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.from_x(x))

    def inner(self, below: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.from_children(below.flatten(1)) + self.from_x.bias)


class TreeLSTM(nn.Module):  # type: ignore[misc]
    """A node's row is h beside c."""

    def __init__(self, H: int, X: int) -> None:
        super().__init__()
        self.from_x, self.from_children = nn.Linear(X, 4 * H), nn.Linear(2 * H, 5 * H, bias=False)
        self.width, self.H = 2 * H, H

    def leaf(self, x: torch.Tensor) -> torch.Tensor:
        _, i, o, t = self.from_x(x).chunk(4, dim=1)
        c = torch.sigmoid(i) * torch.tanh(t)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], dim=1)

    def inner(self, below: torch.Tensor) -> torch.Tensor:
        h, c = below[:, :, : self.H].flatten(1), below[:, :, self.H :]
        z, b = self.from_children(h), self.from_x.bias
        b_f, b_i, b_o, b_t = b.chunk(4)
        f_l, f_r, i, o, t = z.chunk(5, dim=1)
        own = torch.sigmoid(i + b_i) * torch.tanh(t + b_t)
        c = own + torch.sigmoid(f_l + b_f) * c[:, 0] + torch.sigmoid(f_r + b_f) * c[:, 1]
        return torch.cat([torch.sigmoid(o + b_o) * torch.tanh(c), c], dim=1)


def main() -> None:
    model, path, H, X = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cell = Recursive(H, X) if model == "recursive" else TreeLSTM(H, X)
    embedding, readout = nn.Embedding(16, X), nn.Linear(H, 10)
    parameters = [*cell.parameters(), *embedding.parameters(), *readout.parameters()]
    with np.load(path) as arrays:
        count = sum(name.startswith("target") for name in arrays)
        batches = [
            {name: torch.from_numpy(arrays[f"{name}{k}"]).long() for name in ("tokens", "children", "asked", "target")}
            | {"starts": arrays[f"starts{k}"].tolist()}
            for k in range(count)
        ]

    def step(batch: dict[str, torch.Tensor]) -> None:
        for parameter in parameters:
            parameter.grad = None
        starts, children = batch["starts"], batch["children"]
        states = torch.zeros(len(batch["tokens"]), cell.width)
        states[: starts[1]] = cell.leaf(embedding(batch["tokens"][: starts[1]]))
        for start, stop in pairwise(starts[1:]):
            below = states.index_select(0, children[start:stop].flatten()).view(stop - start, 2, cell.width)
            states[start:stop] = cell.inner(below)
        y = readout(states[batch["asked"], :H])
        F.cross_entropy(y, batch["target"]).backward()

    for _ in sys.stdin:
        start = time.perf_counter()
        for batch in batches:
            step(batch)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
