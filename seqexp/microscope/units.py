"""Which unit counts, tracks quotation marks, or tells the class: a linear probe of each unit, on validation examples.

A unit is named only if three things hold: the relation is there on examples that the probe was not fitted to, all
probes of all units counted (Holm); it is strong; and neither the step's input alone nor any unit of the same network
before its training tells as much.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.codecs import Codec
from seqexp.data.batch import Batch, SourceBatch
from seqexp.mechanism.walk import Reading, remembering
from seqexp.microscope.by_hand import NotByHand
from seqexp.microscope.concepts import Concept, of_words, steps_read
from seqexp.microscope.look import fed_of, step_all
from seqexp.networks import Network
from seqexp.numerics.params import Params
from seqexp.numerics.rng import Purpose, stream
from seqexp.numerics.tape import reverse
from seqexp.statistics.families import holm
from seqexp.statistics.unit_probes import probes
from seqexp.system.printable import printable
from seqexp.tasks import Task

EXAMPLES, COLUMNS, ROWS = 256, 32, 20_000  # validation examples; in a batch; steps of them all
LONGEST = 1 << 20  # pieces of an example
BLOCK = 128  # steps: so long a piece of a longer example counts as one, as what it holds is seldom held longer
FEWEST = 8  # examples with, and without, in each half
CLASSES = 10  # that are probed one by one
LEVEL, STRONG, FIRM = 0.05, 0.8, 0.5  # of p; AUC and R² from which a unit is named
TOLD = 3  # units of a concept that are told, at most


@dataclass(frozen=True)
class Unit:
    """A unit and what it may be about.

    rises: or falls, with it. score: on examples it was not chosen on. p: Holm's, of all probes.
    alone: the score of the step's input alone, without memory. untrained: of the best unit before training.
    """

    concept: str
    yes_no: bool
    layer: str
    signal: str
    unit: int
    rises: bool
    score: float
    p: float
    alone: float
    untrained: float
    named: bool


@dataclass(frozen=True)
class Found:
    """The units that were probed: for each concept that which fitted best, and others that are named. ``why``: why
    there are none."""

    units: list[Unit] = field(default_factory=list)
    probed: int = 0
    examples: int = 0
    why: str = ""

    @property
    def named(self) -> list[Unit]:
        return [one for one in self.units if one.named]

    def as_json(self) -> dict[str, Any]:
        units = [vars(one) | {"concept": printable(one.concept)} for one in self.units]
        return {"units": units, "probed": self.probed, "examples": self.examples, "why": self.why}


@dataclass
class Rows:
    """Steps of validation examples, below each other.

    values: (layer, signal) -> (N, H), trained; untrained: the same. concepts: with a value for each of the steps that
    it is asked at. column (N,): the example; piece (N,): of it, ``BLOCK`` steps long. alone (N, ·): what is read at the
    step, or the token's id (N,).
    """

    values: dict[tuple[str, str], np.ndarray]
    untrained: dict[tuple[str, str], np.ndarray]
    concepts: list[tuple[Concept, np.ndarray]]
    column: np.ndarray
    piece: np.ndarray
    alone: np.ndarray


def find(task: Task, network: Network, p: Params, seed: int) -> Found:
    """The units of a trained network that count or keep track of something."""
    codec = task.codec()
    p = Params(network.layout, p.flat.astype(np.float64))
    before = network.init(stream(seed, Purpose.INIT), np.float64)
    try:
        with np.errstate(all="ignore"):
            rows = _rows(network, p, before, list(_batches(task)), codec)
    except NotByHand as why:
        return Found(why=str(why))
    if not all(np.isfinite(values).all() for values in (*rows.values.values(), *rows.untrained.values())):
        return Found(why="the network's numbers overflow on validation examples")
    return probed(rows)


def _batches(task: Task) -> Iterator[Batch]:
    """Validation examples; of a text that goes on from batch to batch, a few long columns."""
    count = task.batches("val", COLUMNS)
    some = range(min(count, EXAMPLES // COLUMNS))
    if task.carry_state:
        pieces = [task.batch(0, "val", index, COLUMNS) for index in some]
        pieces = [one for one in pieces if one.size == pieces[0].size]
        yield Batch(*(np.concatenate([getattr(one, name) for one in pieces]) for name in ("x", "target")))
        return
    for index in np.unique(np.linspace(0, count - 1, len(some)).astype(int)):
        yield task.batch(0, "val", int(index), COLUMNS)


def _rows(network: Network, p: Params, before: Params, batches: Sequence[Batch], codec: Codec | None) -> Rows:
    words = () if codec is None else codec.input_words
    parts: dict[str, list[Any]] = {"trained": [], "untrained": [], "column": [], "piece": []}
    parts |= {"alone": [], "words": [], "asked": []}
    count = total = 0
    for batch in batches:
        if total > ROWS:
            break
        reading = remembering(network, p, batch)
        there = np.arange(len(reading.x))[:, None] < reading.lengths  # (T, B)
        order = np.nonzero(there.T)[::-1]  # (t, b), column by column, each from its beginning
        for name, weights in (("trained", p), ("untrained", before)):
            signals = _signals(network, weights, batch)
            parts[name].append({key: value[order[0], :, order[1]] for key, value in signals.items()})
        parts["column"].append(count + order[1])
        parts["piece"].append((count + order[1]) * LONGEST + order[0] // BLOCK)
        parts["alone"].append(reading.x[order[0], ..., order[1]])
        parts["asked"].append(_asked(batch, reading, codec)[order])
        for b, n in enumerate(reading.lengths.tolist()):
            ids = reading.x[:n, b] if reading.x.ndim == 2 and len(words) else np.full(n, -1)
            parts["words"].append([words[id] if id >= 0 else "" for id in ids.tolist()])
        count, total = count + batch.size, total + len(order[0])
    values, untrained = (
        {key: np.concatenate([one[key] for one in parts[name]]) for key in parts[name][0]}
        for name in ("trained", "untrained")
    )
    concepts = [*_of_words(parts["words"], words), *_of_answers(np.concatenate(parts["asked"]), codec)]
    column, piece, alone = (np.concatenate(parts[name]) for name in ("column", "piece", "alone"))
    return Rows(values, untrained, concepts, column, np.unique(piece, return_inverse=True)[1], alone)


def _asked(batch: Batch, reading: Reading, codec: Codec | None) -> np.ndarray:
    """The true answer of each step (T, B), a class or a value; nan where none is asked, or where it is the text's own
    next token."""
    found = np.full((len(reading.x), batch.size), np.nan)
    if codec is None or isinstance(batch, SourceBatch) or codec.shape.loss == "sigmoid":
        return found
    if batch.answered is None:
        found[reading.lengths - 1, np.arange(batch.size)] = batch.target if batch.target.ndim == 1 else batch.target[0]
    elif batch.target.ndim == 2 and codec.input_words != codec.output_words:
        found[batch.answered] = batch.target[batch.answered]
    return found


def _signals(network: Network, p: Params, batch: Batch) -> dict[tuple[str, str], np.ndarray]:
    """The states (T, H, B) of every cell, in the order of the text, by (layer, signal)."""
    reading: Reading = remembering(network, p, batch)
    stepped = step_all(reading.encoder.core, *fed_of(reading), reading.lengths)
    found = {(one.where.label, name): one.signals[name] for one in stepped.layers for name in one.cell.state}
    turned = {one.where.label for one in stepped.layers if one.where.turned}
    return {key: reverse(v, reading.lengths) if key[0] in turned else v for key, v in found.items()}


def _of_words(texts: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Iterator[tuple[Concept, np.ndarray]]:
    for concept in of_words(vocabulary) if len(vocabulary) else (steps_read(),):
        yield concept, np.concatenate([np.asarray(concept.of(text), float) for text in texts])


def _of_answers(asked: np.ndarray, codec: Codec | None) -> Iterator[tuple[Concept, np.ndarray]]:
    """The value that is asked for, or each class, the commonest first; of two classes one tells all."""

    def about(name: str, yes_no: bool) -> Concept:
        return Concept(name, yes_no, lambda words: np.zeros(len(words)))

    told = ~np.isnan(asked)
    if codec is None or not told.any():
        return
    if codec.shape.loss == "squared":
        yield about("the value that is asked for", False), asked
        return
    classes, count = np.unique(asked[told].astype(int), return_counts=True)
    order = classes[np.argsort(-count, kind="stable")][:CLASSES]
    for number in order.tolist() if len(codec.output_words) > 2 else [1]:
        yield about(f"the answer is {codec.output_words[number]}", True), np.where(told, asked == number, np.nan)


def probed(rows: Rows) -> Found:
    """The units that tell a concept, with the test and the controls of the module's first lines."""
    keys = [(*key, unit) for key, values in rows.values.items() for unit in range(values.shape[1])]
    every, untrained = (np.concatenate(list(v.values()), axis=1) for v in (rows.values, rows.untrained))
    asked, p_values = [], []
    for concept, target in rows.concepts:
        told = ~np.isnan(target)
        y, example, fitted = target[told], rows.piece[told], rows.column[told] % 2 == 0
        if not _varies(y, example, fitted, concept.yes_no):
            continue
        found = probes(every[told], y, example, fitted, concept.yes_no)
        control = probes(untrained[told], y, example, fitted, concept.yes_no)
        alone = _alone(rows.alone[told], y, example, fitted, concept.yes_no)
        asked.append((concept, found, float(control.score[np.argmax(control.fit)]), alone))
        p_values.append(found.p)
    if not asked:
        return Found(why="the validation examples have nothing that a probe asks for")
    corrected = np.split(np.array(holm(np.concatenate(p_values))), len(asked))
    units = []
    for (concept, found, untrained_score, alone), p in zip(asked, corrected, strict=True):
        best = np.argsort(-found.fit, kind="stable")[:TOLD].tolist()  # chosen where they are not scored
        least, without = STRONG if concept.yes_no else FIRM, max(untrained_score, alone)
        for place, number in enumerate(best):
            score, told_p = float(found.score[number]), float(p[number])
            named = told_p < LEVEL and score >= least and score > without
            if named or place == 0:
                layer, signal, unit = keys[number]
                about = (concept.name, concept.yes_no, layer, signal, unit, bool(found.direction[number] > 0))
                units.append(Unit(*about, score, told_p, alone, untrained_score, named))
    return Found(units, len(keys) * len(asked), len(np.unique(rows.piece)))


def _varies(y: np.ndarray, example: np.ndarray, fitted: np.ndarray, yes_no: bool) -> bool:
    """Whether each half has enough examples to tell anything."""
    for half in (fitted, ~fitted):
        if len(np.unique(example[half])) < FEWEST or np.ptp(y[half]) == 0:
            return False
        if (
            yes_no
            and min(len(np.unique(example[half & (y > 0.5)])), len(np.unique(example[half & (y < 0.5)]))) < FEWEST
        ):
            return False
    return True


def _alone(x: np.ndarray, y: np.ndarray, example: np.ndarray, fitted: np.ndarray, yes_no: bool) -> float:
    """The score of what the step reads: of a token the mean of its target among the fitted; of numbers a line."""
    if x.ndim == 1:
        ids, which = np.unique(x, return_inverse=True)
        count = np.bincount(which[fitted], minlength=len(ids))
        total = np.bincount(which[fitted], weights=y[fitted], minlength=len(ids))
        said = np.where(count > 0, total / np.maximum(count, 1), y[fitted].mean())[which]
    else:
        columns = np.c_[np.ones(len(x)), x.astype(float)]
        said = columns @ np.linalg.lstsq(columns[fitted], y[fitted], rcond=None)[0]
    return float(probes(said[:, None], y, example, fitted, yes_no).score[0])
