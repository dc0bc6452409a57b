"""One-to-many: given a tune's name and its first note, produce the notes."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs import Answering, Row
from seqexp.codecs.music import END, Tunes, apart, note_names, roll_of
from seqexp.data import splits
from seqexp.data.batch import Batch, Split
from seqexp.data.generated.tunes import TUNES
from seqexp.data.text import Ragged
from seqexp.tasks import Generator, Metrics, Shape, Task, register
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks.artifacts import Artifact, Midi, PianoRoll, TextSamples
from seqexp.tasks.scorers import SymbolScorer

KEYS = range(-6, 6)  # semitones from C major: every key once


@register("melody")
@dataclass(kw_only=True)
class Melody(Task):
    """Twelve traditional tunes, each in all twelve keys: the tune's name, its first note, then the rest and an end.

    No pair of tune and key is in two splits: of each tune's keys ten are for training, one for validation and one for
    the test, drawn by ``split_seed``. So a network that knows twelve tunes still has to transpose one to a key in which
    it has never heard it.

    note_accuracy: of the notes behind the first, the fraction that the network's own greedy playing, each note
                   following from those it played, has right at their place; after an end token none is.
    exact_match:   the fraction of tunes played right to the end token.

    notes: what each note behind the first is told as: "intervals", semitones up or down from the note before, which
           are the same in every key; or "pitches", where nothing says that a tune in another key is the same tune. An
           interval played wrong moves all notes behind it.
    feed:  what the network sees after the first note: "previous" (the note before: the true one in training, its own
           when it plays), or "zeros" (nothing).
    steps_per_epoch: training batches between two validations; passes over the 120 training pairs go on through them.
    """

    notes: Literal["intervals", "pitches"]
    feed: Literal["zeros", "previous"]
    steps_per_epoch: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    primary_metric = "note_accuracy"
    direction = "max"
    solved = 0.99

    def __post_init__(self) -> None:
        self.tunes = tuple(TUNES)
        pairs = [(number, key) for number in range(len(self.tunes)) for key in KEYS]
        self._pairs = np.array(pairs)  # (N, 2): tune, key
        self._pieces = [TUNES[self.tunes[tune]] + key for tune, key in pairs]  # as MIDI numbers
        told = [np.diff(piece) if self.notes == "intervals" else piece[1:] for piece in self._pieces]
        every = np.concatenate(self._pieces if self.notes == "pitches" else told)
        self._lowest, self._symbols = int(every.min()), int(np.ptp(every)) + 1
        self._answers = Ragged.of([notes - self._lowest + 1 for notes in told])
        parts = splits.stratified(self._pairs[:, 0], self.split_seed)
        self._splits = dict(zip(splits.PARTS, parts, strict=True))
        self._passes = FixedPasses("melody", self._splits, self._answers.lengths)

    @property
    def shape(self) -> Shape:
        """Answers: the end, then notes. Inputs: these, the tunes' names, then 128 MIDI numbers for the first note."""
        return self.codec().shape

    def codec(self) -> Tunes:
        return self._codec

    @cached_property
    def _codec(self) -> Tunes:
        steps = int(self._answers.lengths.max()) + 1
        return Tunes(self.tunes, self.notes, self.feed, self._lowest, self._symbols, steps)

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, B): name, first note, then notes or -1; target (T, B): from step 1 on the next note, then the end."""
        rows = self._passes.rows(seed, split, index, batch_size)
        notes, counts = self._answers.padded(rows)  # (T - 2, B), zero past the end: END
        x = np.concatenate([self._prompt(rows), notes])
        nothing = np.full((1, len(rows)), END, np.int32)
        if self.feed == "zeros":
            x[2:] = -1
        steps = np.arange(len(x))[:, None]
        return Batch(x, np.concatenate([nothing, notes, nothing]), counts + 2, (steps >= 1) & (steps <= counts + 1))

    def _prompt(self, rows: np.ndarray) -> np.ndarray:
        """Name and first note as tokens (2, B)."""
        return self.codec().prompt(self._pairs[rows, 0], self._first(rows))

    def _first(self, rows: np.ndarray) -> np.ndarray:
        """The first notes (B,) as MIDI numbers."""
        return np.array([self._pieces[row][0] for row in rows])

    def _pitches(self, rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The MIDI numbers (steps, B) that answers (steps, B) to ``rows`` mean, 0 past the end."""
        return self.codec().pitches(self._first(rows), tokens)

    def scorer(self) -> SymbolScorer:
        return SymbolScorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """note_accuracy and exact_match of greedy playing; of the test, the notes played and a piano roll or two."""
        rows = self._splits[split]
        counts = self._answers.lengths[rows]
        played, wanted = self._played(generator, rows)
        right = (played == wanted) & (wanted > 0)
        metrics = {
            "note_accuracy": float(right.sum() / counts.sum()),
            "exact_match": float((played == wanted).all(axis=0).mean()),
        }
        if split != "test":
            return metrics, []
        return metrics, self._show(rows, played, wanted, right.sum(axis=0) / counts)

    def _played(self, generator: Generator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The MIDI numbers (steps, B) that are played and wanted, 0 past the end."""
        steps = self.codec().length
        played = self._pitches(rows, generator(self._prompt(rows), steps, self.feed, 0.0, self.split_seed))
        notes, _ = self._answers.padded(rows)
        wanted = np.zeros_like(played)
        wanted[: len(notes)] = self._pitches(rows, notes)
        return played, wanted

    def said(self, network: Answering) -> list[Row]:
        """Notes behind the first as MIDI numbers, 0 past the end."""
        rows = self._splits["test"]
        found: list[Row] = []
        for row, played, wanted in zip(rows, *(notes.T for notes in self._played(network.generate, rows)), strict=True):
            tune, first = self.tunes[self._pairs[row, 0]], self._pieces[row][0]
            numbers: Row = {key: " ".join(map(str, of)) for key, of in {"truth": wanted, "answer": played}.items()}
            found.append(Row(text=f"{tune}: {first}") | numbers)
        return found

    def _show(self, rows: np.ndarray, played: np.ndarray, wanted: np.ndarray, shares: np.ndarray) -> list[Artifact]:
        """Everything as text; the best and the worst as piano rolls and to listen to."""
        table = []
        for column in np.argsort(-shares, kind="stable"):
            tune, key = self._pairs[rows[column]]
            table += [
                (self.tunes[tune], f"{key:+d}", f"{shares[column]:.2f}", "played", note_names(played[:, column])),
                ("", "", "", "wanted", note_names(wanted[:, column])),
            ]
        found: list[Artifact] = [TextSamples(("tune", "key", "right", "", "notes behind the first"), tuple(table))]
        shown = {int(shares.argmin()): "worst", int(shares.argmax()): "best"}  # one where all are equal
        for column, name in shown.items():
            truth, answer = roll_of(wanted[:, column]), roll_of(played[:, column])
            whole = roll_of(np.concatenate([self._pieces[rows[column]][:1], played[:, column]]))
            found += [PianoRoll(truth, answer, f"piano_roll_{name}"), Midi(apart(whole), f"played_{name}")]
        return found

    def baselines(self) -> Metrics:
        """Test note_accuracy of the most frequent note of the training part, and of repeating the first note."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train = np.concatenate([self._pieces[row] for row in self._splits["train"]])
        test = [self._pieces[row] for row in self._splits["test"]]
        behind = np.concatenate([piece[1:] for piece in test])
        first = np.concatenate([np.full(len(piece) - 1, piece[0]) for piece in test])
        return {
            "most frequent note": float(np.mean(behind == np.bincount(train).argmax())),
            "first note again": float(np.mean(behind == first)),
        }

    def fingerprint(self) -> str:
        return hashlib.sha256(b"".join(name.encode() + notes.tobytes() for name, notes in TUNES.items())).hexdigest()
