"""Predictive typing: how often a model's likeliest next token is the one that is typed, and the keystrokes it saves.

A word of n characters and the space behind it take n + 1 keystrokes. A model of words shows, before each letter, the
three words that it finds likeliest of those that begin with what is typed so far: once the word is among them, one more
keystroke takes it with its space. A model of characters shows how it would go on to the end of the word and its space,
always with the likeliest character: once that is right, one more keystroke takes it. Line ends and, of words, what is
not in the vocabulary get no help. Source: keystroke savings as in Trnka and McCoy 2008.
"""

from collections.abc import Sequence

import numpy as np

from seqexp.data.batch import Batch
from seqexp.data.text import UNKNOWN
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.metrics import SHARE, Metric, register
from seqexp.tasks.scorers import LikelihoodScorer, Unit

SHOWN = 3  # words that are offered

for _metric in (
    Metric("top1_accuracy", "next token is the likeliest (fraction)", "max", bounds=SHARE),
    Metric("top3_accuracy", "next token is among the three likeliest (fraction)", "max", bounds=SHARE),
    Metric("keystrokes_saved", "keystrokes saved (fraction)", "max", bounds=SHARE),
):
    register(_metric)


class Typist:
    """What one model's answers are worth to somebody who types: add its y of each batch, in order."""

    def __init__(self) -> None:
        self._first = self._few = self._count = 0
        self.needed = self.whole = 0.0  # keystrokes, with the model's help and without

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (V, N): scores of each token, larger ones likelier, for the batch's N scored answers."""
        truth = batch.answers()
        above = likelier(y, y[truth, np.arange(len(truth))], truth)  # (N,)
        self._first += int((above == 0).sum())
        self._few += int((above < 3).sum())
        self._count += len(truth)

    def metrics(self) -> dict[str, float]:
        count = max(1, self._count)
        saved = 1 - self.needed / self.whole if self.whole else 0.0
        return {
            "top1_accuracy": self._first / count,
            "top3_accuracy": self._few / count,
            "keystrokes_saved": float(saved),
        }


def likelier(y: np.ndarray, own: np.ndarray, row: np.ndarray | int) -> np.ndarray:
    """How many of y (V, N) come before ``own`` (N,), the score of the ``row``: of equal ones the first comes first."""
    return np.asarray(((y > own) | ((y == own) & (np.arange(len(y))[:, None] < row))).sum(axis=0))


class WordTypist(Typist):
    """Of words. unknown: the letters of an unknown word on average; silent: tokens that no letters stand for."""

    def __init__(self, tokens: Sequence[str], unknown: float, silent: Sequence[str]) -> None:
        super().__init__()
        self._tokens, self._unknown = tokens, unknown
        self._silent = {id for id, token in enumerate(tokens) if token in silent}
        offered = [id for id, token in enumerate(tokens) if token not in (*silent, UNKNOWN)]
        self._order = np.array(sorted(offered, key=lambda id: tokens[id]), np.int64)
        self._sorted = [tokens[id] for id in self._order]
        self._ranges: dict[int, list[slice]] = {}

    def add(self, batch: Batch, y: np.ndarray) -> None:
        super().add(batch, y)
        truth = batch.answers()
        scores = y[self._order]  # (words, N), in the order of the alphabet: what begins alike lies together
        for id in np.unique(truth).tolist():
            columns = np.flatnonzero(truth == id)
            if id in self._silent:
                continue
            if self._tokens[id] == UNKNOWN:
                self.whole += (self._unknown + 1) * len(columns)
                self.needed += (self._unknown + 1) * len(columns)
                continue
            keystrokes = np.full(len(columns), len(self._tokens[id]) + 1)
            own, place = y[id, columns], int(np.searchsorted(self._sorted, self._tokens[id]))
            waiting = np.arange(len(columns))  # occurrences of the word that it has not been offered in yet
            for typed, here in enumerate(self._beginning_alike(id)):
                rank = likelier(scores[here][:, columns[waiting]], own[waiting], place - here.start)
                keystrokes[waiting[rank < SHOWN]] = typed + 1
                waiting = waiting[rank >= SHOWN]
                if not len(waiting):
                    break
            self.whole += (len(self._tokens[id]) + 1) * len(columns)
            self.needed += float(keystrokes.sum())

    def _beginning_alike(self, id: int) -> list[slice]:
        """The words, in the order of the alphabet, that begin with the first 0, 1, … letters of this one."""
        if id not in self._ranges:
            word, found = self._tokens[id], [slice(0, len(self._sorted))]
            for typed in range(1, len(word)):
                low, high = found[-1].start, found[-1].stop
                while self._sorted[low][:typed] != word[:typed]:
                    low += 1
                while self._sorted[high - 1][:typed] != word[:typed]:
                    high -= 1
                found.append(slice(low, high))
            self._ranges[id] = found
        return self._ranges[id]


class CharacterTypist(Typist):
    """Of characters. A text is a batch's column after the other, each in the order of the batches."""

    def __init__(self, tokens: Sequence[str]) -> None:
        super().__init__()
        self._space = np.array([token.isspace() for token in tokens])
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        super().add(batch, y)
        assert batch.answered is not None
        right = np.zeros(batch.answered.shape, bool)
        right[batch.answered] = y.argmax(axis=0) == batch.answers()
        self._parts.append((batch.answered, self._space[batch.target], right))

    def metrics(self) -> dict[str, float]:
        if self._parts:
            answered, space, right = (np.concatenate(part).T.ravel() for part in zip(*self._parts, strict=True))
            self.needed, self.whole = self._keystrokes(space[answered], right[answered])
        return super().metrics()

    @staticmethod
    def _keystrokes(space: np.ndarray, right: np.ndarray) -> tuple[float, float]:
        """Needed and whole, of characters (N,) in a row: which are white space, which are the likeliest."""
        last = np.flatnonzero(~right)  # the last wrong character up to each place, -1 for none
        wrong = np.full(len(right), -1)
        wrong[last] = last
        wrong = np.maximum.accumulate(wrong) if len(wrong) else wrong
        ends = np.flatnonzero(space)
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        typed = np.maximum(wrong[ends] + 1, starts)  # from here on all is right, to the space
        keystrokes = np.minimum(typed - starts + 1, ends - starts + 1)
        rest = len(space) - (ends[-1] + 1 if len(ends) else 0)  # of a word that does not end
        return float(keystrokes.sum() + rest), float(len(space))


class Bigram:
    """log P(token | the one before), as ``_language.ngrams`` has it, of training tokens (n,) behind ``start``."""

    def __init__(self, train: np.ndarray, size: int, start: int) -> None:
        before = np.concatenate([[start], train[:-1]]).astype(np.int64)
        order = np.argsort(before, kind="stable")
        self._after = train[order]
        self._ends = np.searchsorted(before[order], np.arange(size + 1))
        self._alone = (np.bincount(train, minlength=size) + 1) / (len(train) + size)

    def answers(self, batch: Batch) -> np.ndarray:
        """y (V, N) float32 for the scored steps of a batch."""
        assert batch.answered is not None
        contexts, which = np.unique(batch.x[batch.answered], return_inverse=True)
        rows = np.stack([self._row(int(context)) for context in contexts])
        return np.asarray(np.log(rows).astype(np.float32)[which].T)

    def _row(self, context: int) -> np.ndarray:
        after = self._after[self._ends[context] : self._ends[context + 1]]
        different = len(np.unique(after))
        counts = np.bincount(after, minlength=len(self._alone))
        return np.asarray((counts + different * self._alone) / (len(after) + different) if different else self._alone)


class TypingScorer(LikelihoodScorer):
    """The likelihood, and what the network and the bigram are worth to somebody who types the same text."""

    def __init__(self, metric: Unit, network: Typist, bigram: Typist, counts: Bigram) -> None:
        super().__init__(metric)
        self._typists = {"network": network, "bigram": bigram}
        self._counts = counts

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (V, N): logits of the batch's N scored answers."""
        super().add(batch, y)
        self._typists["network"].add(batch, y)
        self._typists["bigram"].add(batch, self._counts.answers(batch))

    def metrics(self) -> dict[str, float]:
        return super().metrics() | self._typists["network"].metrics()

    def artifacts(self) -> list[Artifact]:
        found = {name: typist.metrics() for name, typist in self._typists.items()}
        names = list(found["network"])
        rows = tuple((name, *(f"{scores[metric]:.3f}" for metric in names)) for name, scores in found.items())
        return [*super().artifacts(), TextSamples(("", *(name.replace("_", " ") for name in names)), rows, "typing")]
