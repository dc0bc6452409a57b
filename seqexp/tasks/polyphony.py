"""Aligned many-to-many: which keys sound in the next frame of a piano roll."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs.music import PianoRolls
from seqexp.data import fetch, files, piano_rolls, sources, splits
from seqexp.data.batch import Batch, Split
from seqexp.data.generated.chords import progression
from seqexp.data.splits import PARTS as SPLITS
from seqexp.data.summary import Summary
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Task, register
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import RollScorer

GENERATED_SIZES = {"val": 100, "test": 200}
GENERATED = "generated, no progression in two parts"  # the data's name: older runs had other pieces
NAMED = ("generated", "jsb-chorales", "nottingham")

Pieces = list[np.ndarray]  # packed frames (T, 11) each


class _Rolls:
    """N pieces, or parts of pieces; lengths (N,) counts the frames to predict: all but the first."""

    def __init__(self, pieces: Pieces, shifts: np.ndarray | None = None) -> None:
        """shifts (N,): semitones that each piece is moved up."""
        self.pieces = pieces
        self.shifts = np.zeros(len(pieces), np.int64) if shifts is None else shifts
        self.lengths = np.array([len(frames) - 1 for frames in pieces])

    def frames(self, row: int) -> np.ndarray:
        """(T, 88) uint8; a piece is moved no further than its notes stay on the keyboard."""
        frames = piano_rolls.unpack(self.pieces[row])
        used = np.flatnonzero(frames.any(axis=0))
        if not len(used) or not self.shifts[row]:
            return frames
        return np.roll(frames, int(np.clip(self.shifts[row], -used[0], piano_rolls.KEYS - 1 - used[-1])), axis=1)


@register("polyphony")
@dataclass(kw_only=True)
class Polyphony(Task):
    """From the frames so far, the chance of each of 88 keys to sound in the next one.

    nll_per_frame: negative log-likelihood in nats, summed over the keys, mean over the frames 2 to T of all pieces
    (as in Bai, Kolter and Koltun 2018; keys independent given the past; the data are Boulanger-Lewandowski, Bengio and
    Vincent's, 2012, whose own figures score frame 1 too).

    ``generated``: chord progressions that come round (see ``data.generated.chords``), ``examples`` new ones an epoch;
    no progression is in two parts, in whatever key.
    ``jsb-chorales``, ``nottingham``: with their published split. Of Nottingham's training pieces the two that
    validation and test repeat note for note are left out of *training*, and so is the repeat of a third, so the scored
    sets stay comparable and were not heard before.
    Or a ``.json`` file of pieces, each a list of frames, each a list of MIDI notes from 21 to 108 (``piano_rolls``);
    either a list, which is split 80/10/10 by ``split_seed`` after leaving out repeated pieces, or an object with train,
    valid and test. ``val_source`` and ``test_source`` name lists for these parts.

    length:    training pieces are cut into parts of at most so many predicted frames, each from a state of zeros, so
               that backpropagation is truncated; validation and test pieces are heard whole.
    transpose: each epoch moves each training piece by a drawn number of semitones, up to so many up or down; 0 for as
               they are, which is how the files come.
    """

    source: str
    length: Annotated[int, Ge(1)]
    transpose: Annotated[int, Ge(0), Le(11)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    val_source: str | None = None
    test_source: str | None = None
    data_dir: str | None = None

    primary_metric = "nll_per_frame"
    direction = "min"
    shape = PianoRolls(piano_rolls.KEYS).shape

    def __post_init__(self) -> None:
        self._parts: dict[Split, Pieces]
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        if self.source in NAMED:
            files.no_own_parts(self.source, {f"{part}_source": other for part, other in held_out.items()})
        if self.source == "generated":
            self._parts = {split: self._generated(split, self.split_seed, 0) for split in SPLITS}
            self._fingerprint = GENERATED
        else:
            whole, self._fingerprint = _read(self.source, self.data_dir, held_out)
            self._parts = splits.filled(whole, np.ndarray.tobytes, self.split_seed, self.source, "pieces")
            _tell(self.source, whole, self._parts)
        self._whole = {split: _Rolls(self._parts[split]) for split in SPLITS}
        if self.source != "generated":
            self._whole["train"] = _Rolls([part for whole in self._parts["train"] for part in self._cut(whole)])
        self._passes = Passes("polyphony", self._draw, lambda split: len(self._whole[split].pieces))

    def _generated(self, split: Split, seed: int, epoch: int) -> Pieces:
        which = SPLITS.index(split)
        rng = stream(seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch)
        pieces: Pieces = []
        while len(pieces) < GENERATED_SIZES.get(split, self.examples):
            drawn = progression(rng)
            if splits.part_of(drawn.pattern, self.split_seed) == split:
                pieces.append(drawn.roll())
        return pieces

    def _cut(self, whole: np.ndarray) -> Pieces:
        """Parts that overlap by the frame that one predicts last and the next hears first."""
        return [whole[start : start + self.length + 1] for start in range(0, len(whole) - 1, self.length)]

    def _draw(self, split: Split, seed: int, epoch: int) -> _Rolls:
        if split != "train":
            return self._whole[split]
        pieces = self._generated(split, seed, epoch) if self.source == "generated" else self._whole[split].pieces
        # An index of its own: generated pieces come from (DATA, epoch).
        drawn = stream(seed, Purpose.DATA, epoch, 1).integers(-self.transpose, self.transpose + 1, len(pieces))
        return _Rolls(pieces, drawn)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, 88, B) and target (T, 88, B), frames 1 to T and 2 to T + 1 as float32 zeros and ones."""
        examples, rows = self._passes.rows(seed, split, index, batch_size)
        lengths = examples.lengths[rows]
        frames = np.zeros((int(lengths.max()) + 1, piano_rolls.KEYS, len(rows)), np.float32)
        for column, row in enumerate(rows):
            frames[: lengths[column] + 1, :, column] = examples.frames(row)
        answered = np.arange(len(frames) - 1)[:, None] < lengths
        return Batch(frames[:-1], frames[1:], lengths, answered)

    def codec(self) -> PianoRolls:
        return PianoRolls(piano_rolls.KEYS)

    def scorer(self) -> RollScorer:
        return RollScorer()

    def baselines(self) -> Metrics:
        """On the test pieces, fitted to the training pieces: each key's frequency, and that after its own last state.

        Frequencies are (count + 1) / (n + 2), so that a key that never sounded costs something, not everything.
        """
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        counts, wanted = (
            np.sum([_transitions(packed) for packed in self._parts[split]], axis=0) for split in ("train", "test")
        )  # (2, 2, 88) each: [last state, state, key]
        frames = wanted.sum(axis=(0, 1))[0]

        def cost(counted: np.ndarray, asked: np.ndarray) -> float:
            chance = (counted + 1) / (counted.sum(axis=-2, keepdims=True) + 2)
            return float(-(asked * np.log(chance)).sum() / frames)

        return {
            "each key's frequency": cost(counts.sum(axis=0), wanted.sum(axis=0)),
            "each key's own last state": cost(counts, wanted),
        }

    def fingerprint(self) -> str:
        return self._fingerprint


def _transitions(packed: np.ndarray) -> np.ndarray:
    """(2, 2, 88): how often a key in state a in one frame is in state b in the next."""
    before, after = (
        frames.astype(bool) for frames in (piano_rolls.unpack(packed[:-1]), piano_rolls.unpack(packed[1:]))
    )
    return np.array(
        [[((before == a) & (after == b)).sum(axis=0) for b in (False, True)] for a in (False, True)], np.float64
    )


def _read(source: str, data_dir: str | None, held_out: dict[Split, str | None]) -> tuple[dict[Split, Pieces], str]:
    """The pieces of the parts that there are, and a hash of the files."""
    if source == "jsb-chorales":
        parts = piano_rolls.read_json(fetch.locate(data_dir, source, "jsb-chorales-quarter.json"))
        return dict(zip(SPLITS, parts, strict=True)), sources.fingerprint(source)
    if source == "nottingham":
        parts = piano_rolls.read_matlab(fetch.locate(data_dir, source, "Nottingham.mat"))
        return dict(zip(SPLITS, parts, strict=True)), sources.fingerprint(source)
    paths = files.own_paths(source, NAMED, (".json",), held_out)
    read = {part: piano_rolls.read_json(path) for part, path in paths.items()}
    for part, pieces in read.items():
        if len(pieces) > 1 and len(read) > 1:
            raise UserError(
                f"{paths[part]}: expected a list of pieces, beside task.val_source or task.test_source; got an object "
                "with train, valid and test"
            )
    if len(read["train"]) > 1:
        return dict(zip(SPLITS, read["train"], strict=True)), files.fingerprint(paths)
    return {part: pieces[0] for part, pieces in read.items()}, files.fingerprint(paths)


def _tell(source: str, whole: dict[Split, Pieces], parts: dict[Split, Pieces]) -> None:
    rows = sum(map(len, whole.values()))
    pieces = [packed for part in parts.values() for packed in part]
    frames = sum(map(len, pieces))
    silent = sum(int((~packed.any(axis=1)).sum()) for packed in pieces)
    Summary(
        source=source,
        name="pieces",
        rows=rows,
        parts={split: len(part) for split, part in parts.items()},
        left_out={"are repeated and left out of training": rows - len(pieces)},
        lengths=[len(packed) for packed in pieces],
        unit="frames",
        more=[f"{frames:,} frames, {silent / frames:.1%} of them silent"],
    ).tell()
