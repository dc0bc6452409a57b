"""One-to-many: see a picture once, then say what it shows, letter by letter."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs import Answering, Row
from seqexp.codecs.pictures import END, Captions, spelled
from seqexp.data import numerals, text
from seqexp.data.batch import FeatureBatch, Split
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Generator, Metrics, Shape, Task, _pictures, register
from seqexp.tasks.artifacts import Artifact, ConfusionMatrix, TextSamples
from seqexp.tasks.scorers import SymbolScorer

OTHER = "(other)"
SAMPLES = 40
AT_ONCE = 500  # pictures described side by side


@register("caption")
@dataclass(kw_only=True)
class Caption(Task):
    """After a picture of a 7 come ``s e v e n </s>``.

    The picture enters through a learned dense layer at step 0 only, which already answers with the first letter; later
    steps see the letter before: the true one in training, the network's own when it describes (Vinyals et al. 2015,
    without the convolutions).

    ``digits``: scikit-learn's 1,797 handwritten digits, 8 x 8 values from 0 to 1, split 80/10/10 within each digit by
    ``split_seed``. ``mnist-small``: pictures of 28 x 28, split as in the task ``digits``. At most ``examples``, drawn
    by ``split_seed``, are for training. Their names are in any ``language`` of num2words.
    """

    source: Literal["digits", "mnist-small"]
    language: str
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    data_dir: str | None = None

    primary_metric = "exact_match"
    direction = "max"

    def __post_init__(self) -> None:
        names = numerals.spelled(range(10), self.language, "task.language")
        self._names = tuple(text.normalised(name) for name in names)
        read = _pictures.scikit_learn if self.source == "digits" else _pictures.mnist
        data = read(self.data_dir, self.split_seed)
        pictures, self._digits, self._rows, self._data = data
        self._largest = float(pictures.max())
        self._pictures = pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(self._largest)  # (N, F)
        train = self._rows["train"]
        train = stream(self.split_seed, Purpose.SPLIT, len(self._names)).permutation(train)[: self.examples]
        self._rows["train"] = train
        _pictures.tell(self.source, data)
        letters = sorted({letter for name in self._names for letter in name})
        self._letters = Vocabulary((UNKNOWN, END, *letters))
        self._spelled = Ragged.of([self._letters.encode([*name, END]) for name in self._names])

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Captions:
        steps = int(self._spelled.lengths.max())
        return Captions(self._pictures.shape[1], self._largest, self._letters.tokens, steps)

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-len(self._rows[split]) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> FeatureBatch:
        """Pictures in drawn order. features (F, B) float32; x (T, B) int32, -1 at step 0; target the next letters."""
        epoch, position = divmod(index, self.batches(split, batch_size))
        rows = self._rows[split]
        if split == "train":
            rows = stream(seed, Purpose.ORDER, epoch).permutation(rows)
        elif epoch:
            raise IndexError(f"caption: {split} has {self.batches(split, batch_size)} batches, got index {index}")
        rows = rows[position * batch_size : (position + 1) * batch_size]
        target, lengths = self._spelled.padded(self._digits[rows])
        x = np.concatenate([np.full((1, len(rows)), -1, np.int32), target[:-1]])
        answered = np.arange(len(target))[:, None] < lengths
        return FeatureBatch(x, target, lengths, answered, features=np.ascontiguousarray(self._pictures[rows].T))

    def scorer(self) -> SymbolScorer:
        """Of teacher-forced answers; ``generate`` has the primary metric."""
        return SymbolScorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """exact_match: the share of pictures whose greedy name is right to its end token."""
        rows = self._rows[split]
        said = self._named(generator, rows)
        wanted = [self._names[digit] for digit in self._digits[rows]]
        right = np.array([answer == name for answer, name in zip(said, wanted, strict=True)])
        scores = {"exact_match": float(right.mean())}
        if split != "test":
            return scores, []
        wrong_first = np.argsort(right, kind="stable")[:SAMPLES]
        samples = tuple((f"{self.source}[{rows[n]}]", said[n], wanted[n]) for n in wrong_first)
        return scores, [TextSamples(("picture", "said", "wanted"), samples), self._confusion(rows, said)]

    def _named(self, generator: Generator, rows: np.ndarray) -> list[str]:
        """What the network says to the pictures ``rows``."""
        codec, said = self.codec(), list[str]()
        for start in range(0, len(rows), AT_ONCE):
            prompt = codec.prompt(self._pictures[rows[start : start + AT_ONCE]])
            tokens = generator(prompt, codec.length, end=codec.end)
            said += [codec.spelled(column) for column in tokens.T.tolist()]
        return said

    def said(self, network: Answering) -> list[Row]:
        rows = self._rows["test"]
        texts, said = spelled(self._pictures[rows], self._largest), self._named(network.generate, rows)
        wanted = [self._names[digit] for digit in self._digits[rows]]
        return [{"text": t, "truth": w, "answer": s} for t, w, s in zip(texts, wanted, said, strict=True)]

    def _confusion(self, rows: np.ndarray, said: list[str]) -> ConfusionMatrix:
        """Names against what was said; what is no digit's name counts as other."""
        number = {name: n for n, name in enumerate(self._names)}
        counts = np.zeros((len(self._names) + 1,) * 2, np.int64)
        np.add.at(counts, (self._digits[rows], [number.get(answer, len(self._names)) for answer in said]), 1)
        return ConfusionMatrix((*self._names, OTHER), counts)

    def baselines(self) -> Metrics:
        """The name most frequent in training, whatever the picture."""
        commonest = Counter(self._digits[self._rows["train"]].tolist()).most_common(1)[0][0]
        return {"most_frequent": float(np.mean(self._digits[self._rows["test"]] == commonest))}

    def fingerprint(self) -> str:
        """A hash of the data and the digits' names."""
        return hashlib.sha256("\n".join((self._data, *self._names)).encode()).hexdigest()
