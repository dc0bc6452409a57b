"""What language models by character and by word share: streams of tokens, n-gram scores, samples."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from seqexp.codecs import language as codecs
from seqexp.codecs.cuts import Cut
from seqexp.data import language, summary
from seqexp.data.batch import Batch, Split
from seqexp.data.splits import HELD_OUT, PARTS
from seqexp.data.summary import Summary
from seqexp.data.text import Vocabulary
from seqexp.system.errors import UserError
from seqexp.tasks import Generator, Metrics, Shape, Task
from seqexp.tasks._typing import Bigram, TypingScorer, Typist
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.scorers import LikelihoodScorer, Unit, in_unit

STREAMS = 32  # a validation or test text is read as this many streams, whatever the batch size: scores compare
SHARES = {"val": 0.05, "test": 0.10}  # of a text without a split of its own, at its end; the rest is for training
SHORTEST = 20  # tokens of a text, so that each part has one


@dataclass(kw_only=True)
class Language(Task):
    """Predict each token of a text from those before it.

    A text is cut into as many equal streams as a batch has columns; batch k has steps k T to (k + 1) T of each. With
    ``carry_state`` the state goes on from batch to batch, while gradients stop at the seam: backpropagation truncated
    to ``length`` steps (Williams and Peng 1990). Every token of a validation or test text is scored once; each text
    begins after a line end, which is not scored.

    source:          "python" (its help topics), the name of a published text, or the path of a text file. Texts without
                     a split of their own give their first 85 % to training, the next 5 % to validation and the last
                     10 % to the test.
    val_source:      a file of one's own for validation; test_source: one for the test.
    length:          steps of a batch, T.
    carry_state:     False starts every batch from zeros.
    steps_per_epoch: training batches between two validations; None for one pass over the text.
    min_count:       tokens seen less often in training are ``<unk>``, as are those never seen.
    temperature:     of the sampled texts; 0 takes the likeliest token.
    """

    source: str
    length: Annotated[int, Ge(1)]
    carry_state: bool = field()
    steps_per_epoch: Annotated[int, Ge(1)] | None
    min_count: Annotated[int, Ge(1)]
    temperature: Annotated[float, Ge(0)]
    split_seed: Annotated[int, Ge(0)]  # the split is by position, so this draws the samples only
    val_source: str | None = None
    test_source: str | None = None
    data_dir: str | None = None

    direction = "min"
    unit: ClassVar[Unit]  # the primary metric
    line_end: ClassVar[str]
    token_kind: ClassVar[str]
    sampled_tokens: ClassVar[int]

    def tokens(self, text: str) -> list[str]:
        """The text as tokens, with ``line_end`` among them."""
        raise NotImplementedError

    def cut(self) -> Cut:
        """How a line of text becomes tokens."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        texts, self._fingerprint = language.read(self.source, self.data_dir, held_out)
        parts = self._cut({split: self.tokens(text) for split, text in texts.items()})
        self.vocabulary = Vocabulary.build([parts["train"]], self.min_count)
        summary.refuse_empty(self.vocabulary, self.source, self.min_count, (self.line_end,))
        self._ids = {split: self.vocabulary.encode(parts[split]) for split in PARTS}
        known = set(self.vocabulary.tokens)
        unknown = [len(token) for token in parts["test"] if token not in known]
        self.unknown_letters = float(np.mean(unknown)) if unknown else 0.0  # of such a word of the test
        self._start = int(self.vocabulary.encode([self.line_end])[0])
        Summary(
            source=self.source,
            name=self.token_kind,
            rows=sum(len(ids) for ids in self._ids.values()),
            parts={split: len(ids) for split, ids in self._ids.items()},
            vocabulary={self.token_kind: len(self.vocabulary)},
            unknown={self.token_kind: summary.shares(self._ids)},
        ).tell()

    def _cut(self, parts: dict[Split, list[str]]) -> dict[Split, list[str]]:
        """The parts, those that are missing from the end of training's: 5 % validation, then 10 % test."""
        missing = [split for split in HELD_OUT if split not in parts]
        tokens = parts["train"]
        if missing and len(tokens) < SHORTEST:
            raise UserError(
                f"task.source: {self.source}: expected a text of at least {SHORTEST} tokens, for training, validation "
                f"and test; got {len(tokens)}"
            )
        ends = [round(len(tokens) * (1 - sum(SHARES[part] for part in missing[at:]))) for at in range(len(missing))]
        starts = [0, *ends]
        cut = {
            split: tokens[start:end]
            for split, start, end in zip(("train", *missing), starts, [*ends, len(tokens)], strict=True)
        }
        empty = [split for split, part in (parts | cut).items() if not part]
        if empty:
            raise UserError(f"task.{empty[0]}_source: expected a text with tokens in it; got none")
        return parts | cut

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> codecs.Language:
        how, tokens = self.cut(), self.vocabulary.tokens
        return codecs.Language(how, tokens, self.line_end, self.temperature, self.sampled_tokens)

    def batches(self, split: Split, batch_size: int) -> int:
        if split == "train" and self.steps_per_epoch is not None:
            return self.steps_per_epoch
        return self._windows(split, self._columns(split, batch_size))

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x and target (T, B) int32; where streams differ in length by one step, ``answered`` says so.

        The same for every seed. Training goes round the text; validation and test have ``STREAMS`` columns at most.
        """
        columns = self._columns(split, batch_size)
        windows = self._windows(split, columns)
        if split != "train" and index >= windows:
            raise IndexError(f"{split} has {windows} batches, got index {index}")
        ids = self._ids[split]
        ends = np.arange(1, columns + 1) * len(ids) // columns  # (B,)
        starts = np.concatenate([[0], ends[:-1]])
        first = index % windows * self.length
        steps = np.arange(first, min(first + self.length, int((ends - starts).max())))
        at = starts + steps[:, None]  # (T, B)
        answered = at < ends
        at = np.minimum(at, len(ids) - 1)
        x = np.where(at > 0, ids[at - 1], np.int32(self._start))
        return Batch(x, ids[at], answered=answered)

    def _columns(self, split: Split, batch_size: int) -> int:
        return min(batch_size if split == "train" else STREAMS, len(self._ids[split]))

    def _windows(self, split: Split, columns: int) -> int:
        longest = -(-len(self._ids[split]) // columns)
        return -(-longest // self.length)

    def scorer(self) -> LikelihoodScorer:
        return LikelihoodScorer(self.unit)

    def typist(self) -> Typist:
        """Who types the test text, and takes what is offered."""
        raise NotImplementedError

    def test_scorer(self) -> TypingScorer:
        """Likelihood and predictive typing, the network's beside a bigram's."""
        counts = Bigram(self._ids["train"], len(self.vocabulary), self._start)
        return TypingScorer(self.unit, self.typist(), self.typist(), counts)

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """Four texts that begin after a line end, from the trained network."""
        if split != "test":
            return {}, []
        codec = self.codec()
        prompt = np.full((1, 4), self._start, np.int32)
        tokens = generator(prompt, self.sampled_tokens, "previous", self.temperature, self.split_seed)
        texts = [codec.spelled(self.vocabulary.decode(column)) for column in tokens.T]
        rows = tuple((f"{self.temperature:g}", text) for text in texts)
        return {}, [TextSamples(("temperature", "generated"), rows)]

    def baselines(self) -> Metrics:
        """The primary metric on the test text of a unigram (add-one) and a bigram model (see ``ngrams``)."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        scores = ngrams(self._ids["train"], self._ids["test"], len(self.vocabulary), self._start)
        return {name: in_unit(self.unit, nll) for name, nll in scores.items()}

    def fingerprint(self) -> str:
        return self._fingerprint


def ngrams(train: np.ndarray, test: np.ndarray, size: int, start: int) -> dict[str, float]:
    """Mean nats a token of ``test`` (n,), by models fitted to ``train``; the token ``start`` stands before both.

    unigram: (count + 1) / (n + V).
    bigram:  interpolated, P(w | v) = (count(v w) + D(v) P(w)) / (count(v) + D(v)), D(v) the number of different tokens
             that follow v (Witten and Bell 1991).
    """
    unigram = (np.bincount(train, minlength=size) + 1) / (len(train) + size)  # (V,)
    before = np.concatenate([[start], train[:-1]]).astype(np.int64)
    pairs, counts = np.unique(before * size + train, return_counts=True)
    seen = np.bincount(before, minlength=size)  # (V,) count(v)
    followers = np.bincount(pairs // size, minlength=size)  # (V,) D(v)

    context = np.concatenate([[start], test[:-1]]).astype(np.int64)
    wanted = context * size + test
    at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    count = np.where(pairs[at] == wanted, counts[at], 0)
    new = followers[context]
    total = seen[context] + new
    alone = unigram[test]
    both = np.where(total > 0, (count + new * alone) / np.maximum(total, 1), alone)
    return {"unigram": float(-np.log(alone).mean()), "bigram": float(-np.log(both).mean())}
