"""One-to-many: see a picture once, then say what it shows, letter by letter or word by word."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs.pictures import END, Captions
from seqexp.codecs.pictures import Scenes as SceneWords
from seqexp.data import numerals, text
from seqexp.data.batch import FeatureBatch, Split
from seqexp.data.generated import scenes
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, _pictures, _scenes, register
from seqexp.tasks._described import Described
from seqexp.tasks.artifacts import Artifact, ConfusionMatrix

OTHER = "(other)"
GENERATED_SIZES: dict[Split, int] = {"val": 500, "test": 1000}


@register("caption")
@dataclass(kw_only=True)
class Caption(Described):
    """After a picture of a 7 come ``s e v e n </s>``.

    The picture enters at step 0 only, which already answers with the first letter; later steps see the letter before:
    the true one in training, the network's own when it describes (Vinyals et al. 2015). ``model.picture_encoder`` says
    through what it enters: a dense layer or a convolution; off, and the network does not see it.

    ``digits``: scikit-learn's 1,797 handwritten digits, 8 x 8 values from 0 to 1, split 80/10/10 within each digit by
    ``split_seed``. ``mnist-small``: pictures of 28 x 28, split as in the task ``digits``. At most ``examples``, drawn
    by ``split_seed``, are for training. Their names are in any ``language`` of num2words.
    ``scenes``: one to four coloured shapes, told word by word: "two red circles and a blue square"
    (``data.generated.scenes``). ``examples`` of them, 500 of validation and 1,000 of the test are drawn by
    ``split_seed``. ``unseen`` says what training never has of a test picture: "together" (or None), two
    counts with their colours in one picture, such as two reds beside a blue; "counts", one count with its colour.
    """

    source: Literal["digits", "mnist-small", "scenes"]
    language: str
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    unseen: scenes.Unseen | None = None
    data_dir: str | None = None

    called = "picture"
    at_once = 500

    def __post_init__(self) -> None:
        self._scenes: _scenes.Scenes | None = None
        if self.source == "scenes":
            self._draw()
        else:
            self._read()
        units = sorted({unit for name in self._names for unit in self._units(name)})
        self._letters = Vocabulary((UNKNOWN, END, *units))
        self._spelled = Ragged.of([self._letters.encode([*self._units(name), END]) for name in self._names])

    def _read(self) -> None:
        names = numerals.spelled(range(10), self.language, "task.language")
        self._names = tuple(text.normalised(name) for name in names)
        read = _pictures.scikit_learn if self.source == "digits" else _pictures.mnist
        data = read(self.data_dir, self.split_seed)
        pictures, self._which, self._rows, self._data = data
        self._largest = float(pictures.max())
        self._pictures = pictures.reshape(len(pictures), -1)  # (N, F) uint8
        train = self._rows["train"]
        train = stream(self.split_seed, Purpose.SPLIT, len(self._names)).permutation(train)[: self.examples]
        self._rows["train"] = train
        _pictures.tell(self.source, data)

    def _draw(self) -> None:
        self.solved = 0.95
        unseen: scenes.Unseen = self.unseen or "together"
        sizes: dict[Split, int] = {"train": self.examples, **GENERATED_SIZES}
        self._scenes = found = _scenes.drawn(sizes, unseen, self.split_seed)
        self._names = tuple(sorted(set(found.captions)))
        number = {name: n for n, name in enumerate(self._names)}
        self._which = np.array([number[name] for name in found.captions])
        self._rows, self._largest, self._pictures = dict(found.rows), 255.0, found.pictures
        self._data = _scenes.fingerprint(found)
        _scenes.tell(found, unseen, self.split_seed)

    def _units(self, name: str) -> list[str]:
        return name.split() if self.source == "scenes" else list(name)

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        """Pictures (B, F) float32 in [0, 1]."""
        return self._pictures[rows].astype(np.float32) / np.float32(self._largest)

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Captions:
        steps = int(self._spelled.lengths.max())
        kind = SceneWords if self.source == "scenes" else Captions
        return kind(self._pictures.shape[1], self._largest, self._letters.tokens, steps)

    def _teller(self) -> Captions:
        return self.codec()

    def _words_of(self, row: int) -> str:
        return self._names[self._which[row]]

    def _named(self, row: int) -> str:
        return f"{self.source}[{row}]"

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> FeatureBatch:
        """features (F, B) float32; x (T, B) int32, -1 at step 0; target the next letters."""
        rows = self._of_batch(seed, split, index, batch_size)
        target, lengths = self._spelled.padded(self._which[rows])
        x = np.concatenate([np.full((1, len(rows)), -1, np.int32), target[:-1]])
        answered = np.arange(len(target))[:, None] < lengths
        return FeatureBatch(x, target, lengths, answered, features=np.ascontiguousarray(self._seen(rows).T))

    def _more(self, rows: np.ndarray, right: np.ndarray, said: list[str], wanted: list[str]) -> list[Artifact]:
        if self._scenes is None:
            return [self._confusion(rows, said)]
        return self._of_scenes(right, said, wanted)

    def _confusion(self, rows: np.ndarray, said: list[str]) -> ConfusionMatrix:
        """Names against what was said; what is no digit's name counts as other."""
        number = {name: n for n, name in enumerate(self._names)}
        counts = np.zeros((len(self._names) + 1,) * 2, np.int64)
        np.add.at(counts, (self._which[rows], [number.get(answer, len(self._names)) for answer in said]), 1)
        return ConfusionMatrix((*self._names, OTHER), counts)

    def _of_scenes(self, right: np.ndarray, said: list[str], wanted: list[str]) -> list[Artifact]:
        """How counts were told right, and pictures with what was said of them."""
        assert self._scenes is not None
        rows = self._rows["test"]
        counts = [sorted((group.number for group in self._scenes.groups[row]), reverse=True) for row in rows]
        what = [f"{' and '.join(map(str, found))} of a colour" for found in counts]
        chosen = rows[np.argsort(right, kind="stable")[: _scenes.SHOWN]]
        pictures = self._seen(chosen).reshape(-1, *scenes.PICTURE).transpose(0, 2, 3, 1)
        return [
            _scenes.by_what(what, right),
            _scenes.shown(pictures, said, wanted, "scenes"),
        ]

    def baselines(self) -> Metrics:
        """The name most frequent in training, whatever the picture; of scenes ``_scenes.floors``."""
        if self._scenes is not None:
            return dict(self._floors)
        commonest = Counter(self._which[self._rows["train"]].tolist()).most_common(1)[0][0]
        return {"most_frequent": float(np.mean(self._which[self._rows["test"]] == commonest))}

    @cached_property
    def _floors(self) -> Metrics:
        assert self._scenes is not None
        found = self._scenes
        words = list(map(_scenes.slots, found.groups))
        return _scenes.floors(found.pictures, words, found.captions, found.rows["train"], found.rows["test"], "linear")

    def fingerprint(self) -> str:
        """A hash of the data and the digits' names."""
        return hashlib.sha256("\n".join((self._data, *self._names)).encode()).hexdigest()
