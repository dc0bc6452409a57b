"""PyTorch's side of the convolution's benchmark. A number of steps in, the seconds a step out."""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def main() -> None:
    given, out = sys.argv[1:]
    torch.set_num_threads(1)
    with np.load(given) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays}
    C, height, width = found.pop("picture").tolist()
    x, dy = found.pop("x").T.reshape(-1, C, height, width).contiguous(), found.pop("dy").T.contiguous()
    weights = {name: value.clone().requires_grad_() for name, value in found.items()}
    for _ in range(2):
        step(weights, x, dy)
    np.savez(out, **{name: value.grad.numpy() for name, value in weights.items()})
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step(weights, x, dy)
        print((time.perf_counter() - start) / int(line), flush=True)


def step(weights: dict[str, torch.Tensor], x: torch.Tensor, dy: torch.Tensor) -> None:
    for weight in weights.values():
        weight.grad = None
    a = x
    for number in (1, 2):
        W, b = weights[f"W_{number}"], weights[f"b_{number}"]
        a = F.max_pool2d(F.relu(F.conv2d(a, W.view(len(W), -1, 3, 3), b.flatten(), padding=1)), 2)
    # Our rows run over maps, places and then columns, torch's over columns first: the same order within a column.
    column = torch.cat([a.flatten(1), 0.25 * a.sum(dim=(2, 3))], dim=1)
    y = F.linear(column, weights["W"], weights["b"].flatten())
    y.backward(dy)


if __name__ == "__main__":
    main()
