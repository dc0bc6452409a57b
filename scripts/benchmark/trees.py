"""Examples a second of the tree models: a batch at once, one tree at a time, and PyTorch code of the same kind.

    python -m scripts.benchmark.trees --peer-python ~/peers/bin/python

A step is forward, cross-entropy at the roots, and backward, on list operations of the published grammar, one thread,
float32. All ways take turns; the figures are medians over the turns, and ratios are paired within a turn. An example is
a tree of mean size.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmark.children import ROOT, clean_environment, find_interpreter

SIZES = {"H": 128, "X": 64, "batch": 32, "batches": 8, "single": 32}  # single: trees measured one at a time
MODELS = ("recursive", "tree_lstm")


def data() -> tuple[list[Any], list[Any]]:
    """Batches of trees, and some of the trees alone."""
    from seqexp import tasks
    from seqexp.data.batch import TreeBatch

    settings = {"depth": 19, "least_depth": 1, "arguments": 5, "published": False, "split_seed": 0}
    task: Any = tasks.create("listops", examples=SIZES["batch"] * SIZES["batches"], **settings)
    batches = [task.batch(0, "train", index, SIZES["batch"]) for index in range(SIZES["batches"])]
    trees = task.draw("train", 0, 0).trees
    alone = []
    for row in range(0, len(trees), len(trees) // SIZES["single"]):  # of all lengths, as they are drawn in any order
        forest, nodes, of = trees.forest(np.array([row]))
        x, lengths = trees.phrases(nodes, of)
        alone.append(TreeBatch(x, trees.nodes.labels[nodes], lengths, forest=forest))
    return batches, alone


def node_by_node(batch: Any) -> Any:
    """The same tree, whose inner nodes are computed one after another."""
    starts = np.concatenate([[0], np.arange(batch.forest.leaves, batch.forest.size + 1)])
    return replace(batch, forest=replace(batch.forest, starts=starts))


def nodes(batches: list[Any]) -> int:
    return sum(batch.forest.size for batch in batches)


def ours(model: str, batches: list[Any]) -> Callable[[], float]:
    """A function that takes a step with each batch, and returns the seconds."""
    from seqexp import models
    from seqexp.networks import Embedding, TreeNetwork
    from seqexp.numerics.params import Gradient
    from seqexp.training import losses

    core: Any = models.create(model, input_size=SIZES["X"], hidden_size=SIZES["H"])
    network = TreeNetwork(core, 10, Embedding(16, SIZES["X"]))
    p, tape, loss = network.init(np.random.default_rng(0)), network.new_tape(), losses.create("softmax")
    grad = Gradient.zeros(p.layout, np.float32)

    def turn() -> float:
        start = time.perf_counter()
        for batch in batches:
            grad.clear()
            y, _, _ = network.forward(p, batch, tape=tape)
            _, loss_tape = loss.forward(y, batch.target)
            network.backward(p, grad, loss.backward(loss_tape), tape)
        return time.perf_counter() - start

    return turn


class Peer:
    """A child process with torch, which takes a step with each batch on request."""

    def __init__(self, python: str, model: str, batches: list[Any], folder: Path) -> None:
        path = folder / f"{model}.npz"
        arrays: dict[str, np.ndarray] = {}
        for k, batch in enumerate(batches):
            forest = batch.forest
            arrays |= {f"{name}{k}": getattr(forest, name) for name in ("tokens", "children", "starts", "asked")}
            arrays[f"target{k}"] = batch.target
        np.savez(path, **arrays)  # type: ignore[arg-type]
        sizes = [str(SIZES["H"]), str(SIZES["X"])]
        self._process = subprocess.Popen(
            [python, "-m", "scripts.benchmark.torch_trees", model, str(path), *sizes],
            env=clean_environment(1),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def measure(model: str, rounds: int, python: str | None, folder: Path) -> str:
    batches, alone = data()
    single = [node_by_node(batch) for batch in alone]
    mean = nodes(batches) / (SIZES["batch"] * SIZES["batches"])  # an example is a tree of so many nodes
    examples = {"a batch at once": nodes(batches) / mean}
    turns = {"a batch at once": ours(model, batches)}
    for name, trees in (("one tree at a time", alone), ("node by node", single)):
        turns[name], examples[name] = ours(model, trees), nodes(trees) / mean
    peer = None
    if python is not None:
        peer = Peer(python, model, batches, folder)
        turns["PyTorch, a batch at once"] = peer.turn
        examples["PyTorch, a batch at once"] = examples["a batch at once"]
    rates: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(rounds + 1):
        for name, run in turns.items():
            rate = examples[name] / run()
            if turn:  # the first one warms up
                rates[name].append(rate)
    if peer is not None:
        peer.close()
    base = np.array(rates["a batch at once"])
    cells = [f"{np.median(each):,.0f} ({np.median(base / np.array(each)):.2f})" for each in rates.values()]
    return f"| `{model}` | {SIZES['H']} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.trees", description=__doc__.splitlines()[0])
    parser.add_argument("--units", default="64,128", help="hidden units, with commas between (default 64,128)")
    parser.add_argument("--rounds", type=int, default=11, help="turns that count (default 11)")
    parser.add_argument("--peer-python", metavar="PATH", help="an interpreter that has torch, if this one does not")
    options = parser.parse_args()
    python = find_interpreter("torch", options.peer_python)
    if python is None:
        print("PyTorch is left out: no interpreter that has torch; name one with --peer-python", file=sys.stderr)
    print("examples a second, and in brackets how many times as many a batch at once is\n")
    peers = " | PyTorch, a batch at once" if python is not None else ""
    print(f"| model | units | a batch at once | one tree at a time | one tree, node by node{peers} |")
    print("|---|---:|" + "---:|" * (4 if peers else 3))
    with tempfile.TemporaryDirectory(prefix="bench_trees_") as folder:
        for units in options.units.split(","):
            SIZES.update(H=int(units), X=int(units) // 2)
            for model in MODELS:
                print(measure(model, options.rounds, python, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
