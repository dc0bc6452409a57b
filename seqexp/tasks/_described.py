"""What ``caption`` and ``video`` share: something seen is told in words, and the words are right or not."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from seqexp.codecs import Answering, Row
from seqexp.codecs.pictures import spelled
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Generator, Metrics, Task
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.scorers import SymbolScorer

SAMPLES = 40


class Teller(Protocol):
    """The part of a codec that turns what is seen into a prompt, and what is said into words."""

    @property
    def length(self) -> int: ...
    @property
    def end(self) -> int: ...
    def prompt(self, seen: np.ndarray, /) -> Batch: ...
    def spelled(self, ids: Sequence[int]) -> str: ...


class Described(Task):
    """Rows of pictures or clips, each with its words. Batches are in drawn order, each epoch of training in its own.

    at_once: how many are told side by side; called: what one is called in the samples.
    """

    primary_metric = "exact_match"
    direction = "max"
    at_once: ClassVar[int]
    called: ClassVar[str]

    _rows: dict[Split, np.ndarray]
    _largest: float

    def _teller(self) -> Teller:
        raise NotImplementedError

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        """(B, …) float32 in [0, 1]."""
        raise NotImplementedError

    def _words_of(self, row: int) -> str:
        raise NotImplementedError

    def _named(self, row: int) -> str:
        """What a sample is called in a table."""
        return f"{self.called}[{row}]"

    def _more(self, rows: np.ndarray, right: np.ndarray, said: list[str], wanted: list[str]) -> list[Artifact]:
        """What else there is to look at."""
        raise NotImplementedError

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-len(self._rows[split]) // batch_size)

    def _of_batch(self, seed: int, split: Split, index: int, batch_size: int) -> np.ndarray:
        """The rows (B,) of a batch. IndexError past the one pass that validation and test have."""
        epoch, position = divmod(index, self.batches(split, batch_size))
        rows = self._rows[split]
        if split == "train":
            rows = stream(seed, Purpose.ORDER, epoch).permutation(rows)
        elif epoch:
            raise IndexError(f"{split} has {self.batches(split, batch_size)} batches, got index {index}")
        return rows[position * batch_size : (position + 1) * batch_size]

    def scorer(self) -> SymbolScorer:
        """Of teacher-forced answers; ``generate`` has the primary metric."""
        return SymbolScorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """exact_match: the share whose greedy words are right to their end token."""
        rows = self._rows[split]
        said, wanted = self._told(generator, rows), [self._words_of(row) for row in rows.tolist()]
        right = np.array([answer == truth for answer, truth in zip(said, wanted, strict=True)])
        scores = {"exact_match": float(right.mean())}
        if split != "test":
            return scores, []
        wrong_first = np.argsort(right, kind="stable")[:SAMPLES]
        samples = tuple((self._named(rows[n]), said[n], wanted[n]) for n in wrong_first)
        table = TextSamples((self.called, "said", "wanted"), samples)
        return scores, [table, *self._more(rows, right, said, wanted)]

    def _told(self, generator: Generator, rows: np.ndarray) -> list[str]:
        """What the network says to these rows."""
        codec, said = self._teller(), list[str]()
        for start in range(0, len(rows), self.at_once):
            prompt = codec.prompt(self._seen(rows[start : start + self.at_once]))
            tokens = generator(prompt, codec.length, end=codec.end)
            said += [codec.spelled(column) for column in tokens.T.tolist()]
        return said

    def said(self, network: Answering) -> list[Row]:
        rows = self._rows["test"]
        texts = spelled(self._seen(rows).reshape(len(rows), -1), self._largest)
        told, wanted = self._told(network.generate, rows), [self._words_of(row) for row in rows.tolist()]
        return [{"text": t, "truth": w, "answer": s} for t, w, s in zip(texts, wanted, told, strict=True)]
