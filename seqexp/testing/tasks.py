"""The laws of tasks. Each takes a registered task's name and overrides such as "task.length=12", as a command line's.

A law looks at some batches of a split, not at all of a large one.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from seqexp import codecs, config, tasks
from seqexp.config.build import build_network, build_task
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.registry import fields
from seqexp.tasks import Task, metrics
from seqexp.testing.batches import arrays, equal, examples, fits
from seqexp.testing.laws import require
from seqexp.training import optimizers
from seqexp.training.trainer import Trainer, Training

SIZES = (5, 32)  # of batches
EVALUATED = (64, 1000)  # of those of an evaluation, which are never smaller
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
    other = _task(name, words, number=1)
    require(task.fingerprint() == other.fingerprint() != "", f"{name}: the same data must have the same fingerprint")


def its_codec_fits(name: str, *words: str) -> None:
    """What its runs keep to be used without the data, if they can be, is of a network of the task's own sizes, and
    survives being stored."""
    task = _task(name, words)
    if (codec := task.codec()) is not None:
        again = codecs.parse(codec.kind, json.loads(json.dumps(codec.as_json())))
        require(again == codec, f"{name}: expected the same codec from its JSON")
        require(again.shape == task.shape, f"{name}: its codec is of {again.shape}, and the task of {task.shape}")


def batches_are_pure(name: str, *words: str) -> None:
    """A function of (seed, split, index) alone, whatever was asked before."""
    one, other = _task(name, words), _task(name, words, number=1)
    for split in SPLITS:
        last = one.batches(split, 5) - 1
        asked = [(seed, index) for seed in (0, 3) for index in dict.fromkeys((0, min(1, last), last))]
        first = {at: arrays(one.batch(at[0], split, at[1], 5)) for at in asked}
        for at in reversed(asked):
            other.batch(1, split, 0, 8)
            again = arrays(other.batch(at[0], split, at[1], 5))
            require(equal(first[at], again), f"{name}: {split} batch {at[1]} of seed {at[0]} is another one each time")
            fixed = split == "train" or equal(again, arrays(one.batch(at[0] + 1, split, at[1], 5)))
            require(fixed, f"{name}: {split} must be the same for every seed (task.split_seed decides)")


def batches_fit_the_shape(name: str, *words: str) -> None:
    task = _task(name, words)
    for split in SPLITS:
        for batch in _some(task, split, SIZES[0]):
            fits(f"{name}: {split}", batch, task)


def a_pass_has_every_example_once(name: str, *words: str) -> None:
    """Whatever the batch size, a pass over validation or test has the same examples."""
    task = _task(name, words)
    for split in HELD_OUT:
        few, many = (Counter(examples(_some(task, split, size, 10**6), answers=True)) for size in SIZES)
        require(few == many, f"{name}: {split} must have the same examples whatever the batch size")


def training_follows_the_seed_and_the_epoch(name: str, *words: str) -> None:
    """In its order at least. A running text is excused, as it has one, and a task that knows a single example."""
    task = _task(name, words)
    if task.carry_state or _has_one_example(task):
        return
    count = task.batches("train", SIZES[1])
    few = min(count, LOOKED_AT)

    def drawn(seed: int, first: int) -> list[dict[str, np.ndarray]]:
        return [arrays(task.batch(seed, "train", index, SIZES[1])) for index in range(first, first + few)]

    whole = drawn(0, 0)
    for seed, epoch in ((1, 0), (0, 1)):
        same = sum(map(equal, whole, drawn(seed, epoch * count)))
        require(same <= few // 2, f"{name}: {same} of {few} batches of seed {seed}, epoch {epoch} are those of 0 and 0")


def validation_and_test_follow_the_split_seed(name: str, *words: str) -> None:
    """Of a task that has one. A running text is excused, which is cut in its order, and a single example."""
    task, settings = _task(name, words), _settings(name, words)
    if "split_seed" not in settings["task"] or task.carry_state or _has_one_example(task):
        return
    moved = settings["task"] | {"split_seed": settings["task"]["split_seed"] + 1}
    other = build_task(moved, settings["data_dir"])
    for split in HELD_OUT:
        one, another = (set(examples(_some(of, split, SIZES[1]))) for of in (task, other))
        require(one - another, f"{name}: {split} must be another one with another task.split_seed")


def splits_are_disjoint(name: str, *words: str) -> None:
    """But for what a generator draws twice by chance, or looks the same once rare words are replaced: one example in
    ``CHANCE`` at most. A task that knows a single example is excused."""
    task = _task(name, words)
    if _has_one_example(task):
        return
    found = {split: set(examples(_some(task, split, SIZES[1]))) for split in SPLITS}
    for one, other in PAIRS:
        shared, of = len(found[one] & found[other]), min(len(found[one]), len(found[other]))
        require(CHANCE * shared <= of, f"{name}: {shared} of {of} examples are both in {one} and in {other}")


def scores_do_not_depend_on_the_batch_size(name: str, *words: str) -> None:
    """The loss, the metrics and what is generated, of a network as it starts."""
    few, many = (_trainer(_task(name, words), name, words, size).evaluate("val")[0] for size in EVALUATED)
    require(few.keys() == many.keys(), f"{name}: expected the same metrics whatever the batch size")
    for metric in few:
        require(math.isclose(few[metric], many[metric], rel_tol=1e-9), f"{name}: {metric} depends on the batch size")


def true_answers_beat_every_baseline(name: str, *words: str) -> None:
    """So a score is better in the direction that the task says."""
    task = _task(name, words)
    score = _scores(task, "test", lambda batch, Y: _true(batch, Y, task.shape.loss)).get(task.primary_metric)
    if score is None:  # it is of generated text, which takes a network
        return
    sign = 1 if task.direction == "max" else -1
    for baseline, value in task.baselines().items():
        require(sign * score > sign * value, f"{name}: {baseline} scores {value}, and the true answers {score}")


def a_network_learns_from_it(name: str, *words: str) -> None:
    """Of a single batch, its loss falls with nearly every step, as it would not by chance. ``model=…`` says which."""
    trainer = _trainer(_OneBatch(_task(name, words)), name, words, 8)
    trainer.carries = False
    losses, norms = zip(*(trainer.train_step() for _ in range(12)), strict=True)
    falls = sum(after < before for before, after in pairwise(losses))
    require(losses[-1] < losses[0] and falls >= 9, f"{name}: the loss must fall step by step; got {losses}")
    require(min(norms) > 0, f"{name}: a step has the gradient norm {min(norms)}")


TASK_LAWS: tuple[Law, ...] = (
    its_yaml_has_every_setting,
    its_metrics_are_known,
    its_codec_fits,
    what_it_says_of_itself_is_right,
    batches_are_pure,
    batches_fit_the_shape,
    a_pass_has_every_example_once,
    training_follows_the_seed_and_the_epoch,
    validation_and_test_follow_the_split_seed,
    splits_are_disjoint,
    scores_do_not_depend_on_the_batch_size,
    true_answers_beat_every_baseline,
    a_network_learns_from_it,
)


@lru_cache(maxsize=8)
def _settings(name: str, words: Sequence[str]) -> Mapping[str, Any]:
    config.register_resolvers()
    return config.check(config.composed([f"task={name}", "tracking=off", *words])).settings


def _task(name: str, words: Sequence[str], number: int = 0) -> Task:
    """The task, built once for all laws; ``number`` 1: another of the same settings."""
    settings = _settings(name, words)
    return _built(json.dumps(settings["task"]), settings["data_dir"], number)


@lru_cache(maxsize=2)
def _built(settings: str, data_dir: str | None, number: int) -> Task:
    return build_task(json.loads(settings), data_dir)


class _OneBatch:
    """A task whose every training batch is the first."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        return self._task.batch(seed, split, 0, batch_size)


def _trainer(task: Any, name: str, words: Sequence[str], batch_size: int) -> Trainer:
    """Of a small network; in float64, so that sums do not depend on their order."""
    small = {"hidden_size": 6, "param_budget": None, "embedding_size": 4, "dropout": 0.0, "decoder": None}
    network = build_network(_settings(name, words)["model"] | small, task.shape)
    training = Training(epochs=1, batch_size=batch_size, clip_norm=1.0, patience=None, max_seconds=None)
    adam = optimizers.create("adam", learning_rate=0.003)
    return Trainer(network, task, adam, training, seed=1, dtype=np.float64)


def _has_one_example(task: Task) -> bool:
    return len({one for split in SPLITS for one in examples(_some(task, split, SIZES[1], 1))}) == 1


def _some(task: Task, split: Split, size: int, most: int = LOOKED_AT) -> Iterator[Batch]:
    for index in range(min(most, task.batches(split, size))):
        yield task.batch(0, split, index, size)


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
    """A network that says token 0, or to features (T, X, B) the value 0."""
    columns = prompt.size if isinstance(prompt, Batch) else prompt.shape[-1]
    if isinstance(prompt, Batch) and prompt.x.ndim == 3:
        return np.zeros((steps, 1, columns))
    return np.zeros((steps, columns), np.int64)
