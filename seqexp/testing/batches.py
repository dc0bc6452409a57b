"""Batches as laws look at them: their arrays, their examples, and whether they fit a task's shape."""

from collections.abc import Iterator, Mapping

import numpy as np

from seqexp.data.batch import Batch, FeatureBatch, SourceBatch, TreeBatch
from seqexp.tasks import Task
from seqexp.testing.laws import require


def arrays(batch: Batch) -> dict[str, np.ndarray]:
    parts = ("x", "target", "lengths", "answered", "source", "source_lengths", "features", "beside")
    found = {part: value.copy() for part in parts if (value := getattr(batch, part, None)) is not None}
    if isinstance(batch, TreeBatch):
        found |= {part: getattr(batch.forest, part) for part in ("tokens", "children", "starts", "asked")}
    return found


def equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[part], other[part]) for part in one)


def examples(batches: Iterator[Batch], answers: bool = False) -> Iterator[bytes]:
    """Each column as bytes, without what stands behind its end; ``answers``: with what is asked at its steps.

    A column that a TreeBatch marks is no example of its own: a phrase may be in many trees."""
    for batch in batches:
        T = len(batch.x)
        ends = np.full(batch.size, T) if batch.lengths is None else batch.lengths
        if batch.answered is not None:
            ends = np.minimum(ends, T - batch.answered[::-1].argmax(axis=0))
        beside = batch.beside if isinstance(batch, TreeBatch) else None
        for column, end in enumerate(ends):
            if beside is not None and beside[column]:
                continue
            parts = [batch.x[:end, ..., column]]
            if isinstance(batch, FeatureBatch):
                parts.append(batch.features[:, column])
            if isinstance(batch, SourceBatch):
                lengths = batch.source_lengths
                parts.append(batch.source[: len(batch.source) if lengths is None else lengths[column], ..., column])
            if batch.answered is None and (answers or batch.target.ndim == 1):
                parts.append(batch.target[..., column])
            elif batch.answered is not None and answers:
                parts += [batch.answered[:end, column], batch.target[:end, ..., column]]
            yield b"|".join(np.ascontiguousarray(part).tobytes() for part in parts)


def fits(where: str, batch: Batch, task: Task) -> None:
    shape, (T, B) = task.shape, (len(batch.x), batch.size)
    x, lengths, answered, answers = batch.x, batch.lengths, batch.answered, batch.answers()
    if shape.tokens:
        require(x.shape == (T, B) and x.dtype.kind in "iu", f"{where}: x must be tokens (T, B)")
        require(x.min() >= -1 and x.max() < shape.inputs, f"{where}: tokens must lie in -1..{shape.inputs - 1}")
    else:
        require(x.shape == (T, shape.inputs, B), f"{where}: x must be (T, {shape.inputs}, B), got {x.shape}")
        require(np.isfinite(x).all(), f"{where}: x must be finite")
    if lengths is not None:
        require(lengths.shape == (B,) and lengths.dtype.kind in "iu", f"{where}: lengths must be integers (B,)")
        require(lengths.min() >= 1 and lengths.max() <= T, f"{where}: lengths must lie in 1..{T}")
    marked = shape.answers == "steps"
    require((answered is not None) == marked, f"{where}: answered is for tasks whose steps answer")
    require(answered is None or answered.shape == (T, B), f"{where}: answered must be (T, B)")
    require(isinstance(batch, SourceBatch) == (shape.source is not None), f"{where}: shape.source: a SourceBatch")
    require(isinstance(batch, FeatureBatch) == (shape.features is not None), f"{where}: shape.features: a FeatureBatch")
    require(isinstance(batch, TreeBatch) == (shape.read is not None), f"{where}: shape.read: a TreeBatch")
    if isinstance(batch, TreeBatch):
        _is_a_forest(where, batch, shape.inputs)
    require(answers.shape[-1] > 0, f"{where}: expected answers in every batch")
    if shape.loss == "softmax":
        require(answers.ndim == 1 and answers.dtype.kind in "iu", f"{where}: targets must be classes")
        require(answers.min() >= 0 and answers.max() < shape.outputs, f"{where}: classes: 0..{shape.outputs - 1}")
    else:
        require(len(answers) == shape.outputs, f"{where}: targets must be ({shape.outputs}, N), got {answers.shape}")
        require(np.isfinite(answers).all(), f"{where}: targets must be finite")


def _is_a_forest(where: str, batch: TreeBatch, inputs: int) -> None:
    """A node has one parent at most, above it. The nodes asked, no node twice, have the columns' tokens below them."""
    forest = batch.forest
    heights = np.repeat(np.arange(len(forest.starts) - 1), np.diff(forest.starts))
    require(len(heights) == forest.size == len(forest.children), f"{where}: starts and children must be of all nodes")
    require(forest.tokens.min() >= -1 and forest.tokens.max() < inputs, f"{where}: nodes' tokens: -1..{inputs - 1}")
    below = np.where(forest.children >= 0, heights[forest.children], -1)
    require((below.max(axis=1) == heights - 1).all(), f"{where}: a node's height must be one more than its children's")
    children = forest.children[forest.children >= 0]
    require(len(np.unique(children)) == len(children), f"{where}: a node must have one parent")
    asked = forest.asked
    require(len(np.unique(asked)) == len(asked) == batch.size, f"{where}: each column must ask a node of its own")
    lengths = np.full(batch.size, len(batch.x)) if batch.lengths is None else batch.lengths
    for column in range(min(8, batch.size)):
        found, nodes = [], [asked[column]]
        while nodes:
            node = nodes.pop()
            found += [forest.tokens[node]] if forest.tokens[node] >= 0 else []
            nodes += [child for child in forest.children[node] if child >= 0]
        same = sorted(found) == sorted(batch.x[: lengths[column], column])
        require(same, f"{where}: a column and its node must have the same tokens")
