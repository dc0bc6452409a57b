"""Many-to-many of different lengths: watch the frames of a clip, then say what moves where."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.clips import END, LARGEST, SIZE, START, Clips
from seqexp.data.batch import SourceBatch, Split
from seqexp.data.generated import clips
from seqexp.data.generated.clips import FRAMES, Actor
from seqexp.data.splits import PARTS
from seqexp.data.summary import Summary
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, _scenes, register
from seqexp.tasks._described import Described
from seqexp.tasks.artifacts import Artifact

GENERATED_SIZES: dict[Split, int] = {"val": 500, "test": 1000}


@register("video")
@dataclass(kw_only=True)
class Video(Described):
    """Clips of a shape that moves, alone or beside one that stands still, told in a sentence: "the red circle moves
    left" (``data.generated.clips``).

    Each frame enters through ``model.picture_encoder``. The network reads all of them, then says the sentence: it sees
    the word before, the true one in training, its own when it tells. No frame alone shows a movement.

    ``examples`` clips for training, 500 for validation and 1,000 for the test are drawn by ``split_seed``. No sentence
    is in two parts: those of the test were never heard.
    """

    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    solved = 0.95
    called = "clip"
    at_once = 250

    def __post_init__(self) -> None:
        frames: list[np.ndarray] = []
        self._actors: list[list[Actor]] = []
        self._rows: dict[Split, np.ndarray] = {}
        sizes: dict[Split, int] = {"train": self.examples, **GENERATED_SIZES}
        for number, split in enumerate(PARTS):
            rng = stream(self.split_seed, Purpose.DATA, number)
            self._rows[split] = np.arange(len(frames), len(frames) + sizes[split])
            for _ in self._rows[split]:
                self._actors.append(clips.clip(rng, split, self.split_seed))
                frames.append(clips.drawn(rng, self._actors[-1]).reshape(FRAMES, SIZE))
        self._largest = LARGEST
        self._frames = np.stack(frames)  # (N, FRAMES, SIZE) uint8
        self._captions = list(map(clips.caption, self._actors))
        words = sorted({word for caption in self._captions for word in caption.split()})
        self._words = Vocabulary((UNKNOWN, START, END, *words))
        self._said = Ragged.of([self._words.encode([*caption.split(), END]) for caption in self._captions])
        self._tell()

    def _tell(self) -> None:
        Summary(
            source="video",
            name="clips",
            rows=len(self._captions),
            parts={split: len(rows) for split, rows in self._rows.items()},
            more=["no sentence is in two parts"],
        ).tell()

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Clips:
        return Clips(self._words.tokens, int(self._said.lengths.max()))

    def _teller(self) -> Clips:
        return self.codec()

    def _words_of(self, row: int) -> str:
        return self._captions[row]

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> SourceBatch:
        """source (FRAMES, SIZE, B) float32 in [0, 1]; x and target (T, B) int32: x is the target one step later."""
        rows = self._of_batch(seed, split, index, batch_size)
        target, lengths = self._said.padded(rows)
        x = np.concatenate([np.full((1, len(rows)), self.codec().start, np.int32), target[:-1]])
        source = np.ascontiguousarray(self._seen(rows).transpose(1, 2, 0))
        return SourceBatch(x, target, lengths, np.arange(len(target))[:, None] < lengths, source=source)

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        """Clips (B, FRAMES, SIZE) float32 in [0, 1]."""
        return self._frames[rows].astype(np.float32) / np.float32(LARGEST)

    def _more(self, rows: np.ndarray, right: np.ndarray, said: list[str], wanted: list[str]) -> list[Artifact]:
        what = [" and ".join(sorted(actor.movement for actor in self._actors[row])) for row in rows]
        strips = self._strips(rows[np.argsort(right, kind="stable")[: _scenes.SHOWN]])
        return [_scenes.by_what(what, right), _scenes.shown(strips, said, wanted, "clips")]

    def _strips(self, rows: np.ndarray) -> np.ndarray:
        """The frames of each clip side by side, with a grey line between two, (N, SIDE, …, 3) in [0, 1]."""
        frames = self._seen(rows).reshape(-1, FRAMES, *clips.PICTURE).transpose(0, 1, 3, 4, 2)  # (N, FRAMES, h, w, 3)
        lined = np.pad(frames, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 0)), constant_values=0.6)
        return np.concatenate(list(lined.swapaxes(0, 1)), axis=2)[:, :, :-1]

    def baselines(self) -> Metrics:
        """The sentence that is most frequent in training, and words that a linear classifier each chooses by the last
        frame alone."""
        return dict(self._floors)

    @cached_property
    def _floors(self) -> Metrics:
        train, test = self._rows["train"], self._rows["test"]
        slots = [_slots(self._actors[row]) for row in range(len(self._actors))]
        return _scenes.floors(self._frames[:, -1], slots, self._captions, train, test, "last frame")

    def fingerprint(self) -> str:
        """A hash of what was drawn."""
        return hashlib.sha256(self._frames.tobytes() + "\n".join(self._captions).encode()).hexdigest()


def _slots(actors: list[Actor]) -> tuple[str, ...]:
    """Colour, shape and movement of both, in the sentence's order; the last three empty of a single one."""
    words = [word for actor in clips.in_order(actors) for word in actor]
    return (*words, *[""] * (6 - len(words)))
