"""The time of a step through the convolution against PyTorch's, on one thread: python -m scripts.benchmark.convolution

Forward and backward of two convolutions of 3 x 3, rectifier, pooling of 2 x 2, and a linear map, in float32, on the
same pictures and weights; and how far the two sides' gradients are apart.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPES = {  # pictures: (channels, height, width), maps, columns
    "scenes": ((3, 24, 24), (8, 32), 32),
    "video frames": ((3, 16, 16), (8, 32), 256),
    "digits": ((1, 8, 8), (8, 32), 32),
    "mnist": ((1, 28, 28), (8, 32), 64),
    "wide": ((3, 32, 32), (32, 64), 64),
}
OUTPUTS = 32
PEER = Path(__file__).with_name("torch_convolution.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="an interpreter that has torch")
    parser.add_argument("--rounds", type=int, default=11, help="paired runs a shape (default 11)")
    options = parser.parse_args()

    from scripts.benchmark import children

    for name in children.inherited_settings():
        del os.environ[name]  # before NumPy reads them
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(
        f"{'pictures':<14} {'maps':>8} {'columns':>7} {'seqexp ms':>10} {'torch ms':>9} {'ratio':>6}  gradients apart"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            print(one_shape(name, shape, options, Path(folder)), flush=True)


def one_shape(
    name: str, shape: tuple[tuple[int, int, int], tuple[int, int], int], options: argparse.Namespace, folder: Path
) -> str:
    """The medians of paired runs, in a line."""
    import numpy as np

    from seqexp.networks import Convolution
    from seqexp.numerics.params import Params
    from seqexp.numerics.tape import Tape

    picture, maps, N = shape
    rng = np.random.default_rng(0)
    layer = Convolution(picture, OUTPUTS, maps)
    p = Params.zeros(layer.layout, np.float32)
    layer.init(p, rng)
    x = rng.random((layer.inputs, N), np.float32)
    dy = rng.standard_normal((OUTPUTS, N)).astype(np.float32)
    grad, memory = p.like(), Tape()
    given: dict[str, Any] = {key.replace(".", "_"): p[key] for key in p}
    np.savez(folder / "given.npz", x=x, dy=dy, picture=picture, **given)

    def ours(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            grad.flat[:] = 0
            layer.forward(p, x, memory)
            layer.backward(p, grad, dy, x, memory)
        return (time.perf_counter() - start) / steps

    steps = max(3, round(0.1 / ours(3)))
    with subprocess.Popen(
        [options.peer_python, str(PEER), str(folder / "given.npz"), str(folder / "torch.npz")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as peer:
        assert peer.stdin is not None and peer.stdout is not None  # noqa: PT018 - they are pipes

        def theirs() -> float:
            print(steps, file=peer.stdin, flush=True)
            return float(peer.stdout.readline())  # type: ignore[union-attr]

        theirs()
        pairs = [(ours(steps), theirs()) for _ in range(options.rounds)]
        peer.stdin.close()
    with np.load(folder / "torch.npz") as found:
        apart = max(np.abs(grad[key] - found[key.replace(".", "_")]).max() / np.abs(grad[key]).max() for key in p)
    own, other = (1000 * statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return f"{name:<14} {'-'.join(map(str, maps)):>8} {N:>7} {own:>10.2f} {other:>9.2f} {ratio:>6.2f}  {apart:.0e}"


if __name__ == "__main__":
    main()
