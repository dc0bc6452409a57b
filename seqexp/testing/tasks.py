"""The laws of tasks. Each takes a registered task's name and overrides such as "task.length=12", as a command line's.

A law looks at some batches of a split, not at all of a large one.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from seqexp import config, tasks
from seqexp.config.build import build_network, build_optimizer, build_task
from seqexp.data.batch import Batch, FeatureBatch, SourceBatch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.registry import fields
from seqexp.tasks import Task, metrics
from seqexp.testing.laws import require
from seqexp.training.trainer import Trainer, Training

SIZES = (5, 32)  # of batches
SPLITS: tuple[Split, ...] = ("train", "val", "test")
HELD_OUT: tuple[Split, ...] = ("val", "test")
PAIRS: tuple[tuple[Split, Split], ...] = (("train", "val"), ("train", "test"), ("val", "test"))
CHANCE = 20
LOOKED_AT = 40  # batches of a split

Law = Callable[..., None]


def check_task(name: str, *words: str) -> None:
    """All laws, one after another."""
    for law in TASK_LAWS:
        law(name, *words)


def its_yaml_has_every_setting(name: str, *words: str) -> None:
    """conf/task/NAME.yaml, the only home of a default, is accepted and leaves nothing out but what is None."""
    own = fields(tasks.lookup(name), without=("data_dir",))
    there = _settings(name, words)["task"]
    missing = [key for key, (_, default) in own.items() if default is not None and key not in there]
    require(not missing, f"conf/task/{name}.yaml: expected {', '.join(missing)} too")


def its_metrics_are_known(name: str, *words: str) -> None:
    """What it is judged by is registered (``tasks.metrics``), reported, and has a margin and a memoryless baseline."""
    task, margin = _task(name, words), _settings(name, words)["task"].get("margin", {})
    primary = task.primary_metric
    for split in HELD_OUT:
        reported = _scores(task, split, _fixed) | task.generate(_silent, split)[0]
        require(primary in reported, f"{name}: expected {primary} among the metrics of {split}; got {[*reported]}")
        for metric in reported:
            metrics.lookup(metric)
    direction = metrics.lookup(primary).direction
    require(task.direction == direction, f"{name}: {primary} is better {direction}imal, and not {task.direction}imal")
    require(margin.get(primary, 0) > 0, f"conf/task/{name}.yaml: expected a margin of {primary} above 0")
    for metric in margin:
        metrics.lookup(metric)
    baselines = task.baselines()
    require(baselines, f"{name}: expected baselines, the scores that need no memory; got none")
    require(all(map(math.isfinite, baselines.values())), f"{name}: expected finite baselines; got {baselines}")


def what_it_says_of_itself_is_right(name: str, *words: str) -> None:
    task, own = _task(name, words), fields(tasks.lookup(name))
    require(task.solved is None or math.isfinite(task.solved), f"{name}: solved must be a number or None")
    require(task.distance is None or task.distance in own, f"{name}: distance must name a field; got {task.distance!r}")
    other = _fresh(name, words)
    require(task.fingerprint() == other.fingerprint() != "", f"{name}: the same data must have the same fingerprint")


def batches_are_pure(name: str, *words: str) -> None:
    """A function of (seed, split, index) alone, in whatever order they are asked for."""
    one, other = _task(name, words), _fresh(name, words)
    for split in SPLITS:
        last = one.batches(split, 5) - 1
        asked = [(seed, index) for seed in (0, 3) for index in dict.fromkeys((0, min(1, last), last))]
        first = {at: _arrays(one.batch(at[0], split, at[1], 5)) for at in asked}
        for at in reversed(asked):
            again = _arrays(other.batch(at[0], split, at[1], 5))
            require(_equal(first[at], again), f"{name}: {split} batch {at[1]} of seed {at[0]} is another one each time")
            fixed = split == "train" or _equal(again, _arrays(one.batch(at[0] + 1, split, at[1], 5)))
            require(fixed, f"{name}: {split} must be the same for every seed (task.split_seed decides)")


def batches_fit_the_shape(name: str, *words: str) -> None:
    task = _task(name, words)
    for split in SPLITS:
        for batch in _some(task, split, SIZES[0]):
            _fits(f"{name}: {split}", batch, task)


def a_pass_has_every_example_once(name: str, *words: str) -> None:
    """Whatever the batch size, a pass over validation or test has the same examples."""
    task = _task(name, words)
    for split in HELD_OUT:
        few, many = (Counter(_examples(_some(task, split, size, 10**6))) for size in SIZES)
        require(few == many, f"{name}: {split} must have the same examples whatever the batch size")


def splits_are_disjoint(name: str, *words: str) -> None:
    """But for what a generator draws twice by chance, or looks the same once rare words are replaced: one example in
    ``CHANCE`` at most. A task that knows a single example is excused."""
    task = _task(name, words)
    found = {split: set(_examples(_some(task, split, SIZES[1]))) for split in SPLITS}
    if len(set().union(*found.values())) == 1:
        return
    for one, other in PAIRS:
        shared, of = len(found[one] & found[other]), min(len(found[one]), len(found[other]))
        require(CHANCE * shared <= of, f"{name}: {shared} of {of} examples are both in {one} and in {other}")


def scores_do_not_depend_on_the_batch_size(name: str, *words: str) -> None:
    task = _task(name, words)
    few, many = (_scores(task, "val", _fixed, size) for size in SIZES)
    require(few.keys() == many.keys(), f"{name}: expected the same metrics whatever the batch size")
    for metric in few:
        require(math.isclose(few[metric], many[metric], rel_tol=1e-6, abs_tol=1e-9), f"{name}: {metric} depends on B")


def true_answers_beat_every_baseline(name: str, *words: str) -> None:
    """So a score is better in the direction that the task says."""
    task = _task(name, words)
    score = _scores(task, "test", lambda batch, Y: _true(batch, Y, task.shape.loss)).get(task.primary_metric)
    if score is None:  # it is of generated text, which takes a network
        return
    sign = 1 if task.direction == "max" else -1
    for baseline, value in task.baselines().items():
        require(sign * score >= sign * value, f"{name}: {baseline} scores {value}, and the true answers {score}")


def a_network_learns_from_it(name: str, *words: str) -> None:
    """Two steps of a small network, each gradient finite and not zero, and what it then generates is scored."""
    task, settings = _task(name, words), _settings(name, words)
    network = build_network(settings["model"] | {"hidden_size": 3, "param_budget": None}, task.shape)
    training = Training(epochs=1, batch_size=4, clip_norm=1.0, patience=None, max_seconds=None)
    trainer = Trainer(network, task, build_optimizer(settings["optimizer"]), training, seed=0)
    for _ in range(2):
        loss, norm = trainer.train_step()
        require(math.isfinite(loss) and norm > 0, f"{name}: a step has the loss {loss} and the gradient norm {norm}")


TASK_LAWS: tuple[Law, ...] = (
    its_yaml_has_every_setting,
    its_metrics_are_known,
    what_it_says_of_itself_is_right,
    batches_are_pure,
    batches_fit_the_shape,
    a_pass_has_every_example_once,
    splits_are_disjoint,
    scores_do_not_depend_on_the_batch_size,
    true_answers_beat_every_baseline,
    a_network_learns_from_it,
)


@lru_cache(maxsize=8)
def _settings(name: str, words: Sequence[str]) -> Mapping[str, Any]:
    config.register_resolvers()
    return config.check(config.composed([f"task={name}", "tracking=off", *words])).settings


@lru_cache(maxsize=2)
def _task(name: str, words: Sequence[str]) -> Task:
    return _fresh(name, words)


def _fresh(name: str, words: Sequence[str]) -> Task:
    settings = _settings(name, words)
    return build_task(settings["task"], settings["data_dir"])


def _some(task: Task, split: Split, size: int, most: int = LOOKED_AT) -> Iterator[Batch]:
    for index in range(min(most, task.batches(split, size))):
        yield task.batch(0, split, index, size)


def _arrays(batch: Batch) -> dict[str, np.ndarray]:
    parts = ("x", "target", "lengths", "answered", "source", "source_lengths", "features")
    return {part: value.copy() for part in parts if (value := getattr(batch, part, None)) is not None}


def _equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[part], other[part]) for part in one)


def _examples(batches: Iterator[Batch]) -> Iterator[bytes]:
    """Each column as bytes, without what stands behind its end."""
    for batch in batches:
        T = len(batch.x)
        ends = np.full(batch.size, T) if batch.lengths is None else batch.lengths
        if batch.answered is not None:
            ends = np.minimum(ends, T - batch.answered[::-1].argmax(axis=0))
        for column, end in enumerate(ends):
            parts = [batch.x[:end, ..., column]]
            if isinstance(batch, FeatureBatch):
                parts.append(batch.features[:, column])
            if isinstance(batch, SourceBatch):
                lengths = batch.source_lengths
                parts.append(batch.source[: len(batch.source) if lengths is None else lengths[column], column])
            parts.append(batch.target[column] if batch.answered is None and batch.target.ndim == 1 else np.empty(0))
            yield b"|".join(np.ascontiguousarray(part).tobytes() for part in parts)


def _fits(where: str, batch: Batch, task: Task) -> None:
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
    require(answers.shape[-1] > 0, f"{where}: expected answers in every batch")
    if shape.loss == "softmax":
        require(answers.ndim == 1 and answers.dtype.kind in "iu", f"{where}: targets must be classes")
        require(answers.min() >= 0 and answers.max() < shape.outputs, f"{where}: classes: 0..{shape.outputs - 1}")
    else:
        require(len(answers) == shape.outputs, f"{where}: targets must be ({shape.outputs}, N), got {answers.shape}")
        require(np.isfinite(answers).all(), f"{where}: targets must be finite")


def _scores(
    task: Task, split: Split, answer: Callable[[Batch, int], np.ndarray], size: int = SIZES[1]
) -> dict[str, float]:
    scorer = task.scorer()
    for batch in tasks.passes(task, split, size):
        scorer.add(batch, answer(batch, task.shape.outputs))
    return scorer.metrics()


def _fixed(batch: Batch, Y: int) -> np.ndarray:
    """The same answer (Y, N) to everything."""
    values = stream(0, Purpose.SAMPLE).standard_normal(Y).astype(np.float32)
    return np.repeat(values[:, None], batch.answers().shape[-1], axis=1)


def _true(batch: Batch, Y: int, loss: str) -> np.ndarray:
    """The raw outputs (Y, N) of a network that knows the answers."""
    truth = batch.answers()
    if loss == "squared":
        return truth.astype(np.float32)
    if loss == "sigmoid":
        return np.where(truth > 0, 30, -30).astype(np.float32)
    return np.where(np.arange(Y)[:, None] == truth, 30, 0).astype(np.float32)


def _silent(prompt: np.ndarray | Batch, steps: int, *how: Any, **more: Any) -> np.ndarray:
    """A network that says token 0."""
    columns = prompt.size if isinstance(prompt, Batch) else prompt.shape[-1]
    return np.zeros((steps, columns), np.int64)
