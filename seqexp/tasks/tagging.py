"""Aligned many-to-many: a tag for every word of a sentence."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.data import fetch, labelled_files, sources, tagged
from seqexp.data.batch import Batch, Split
from seqexp.data.generated.sentences import sentence
from seqexp.data.tagged import Sentence
from seqexp.data.text import Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks._epochs import Passes
from seqexp.tasks.scorers import TagScorer, entity_f1, is_spans

SPLITS: tuple[Split, ...] = ("train", "val", "test")
GENERATED_SIZES = {"val": 500, "test": 1000}
PUBLISHED = {  # source -> training, validation and test file
    "ud-english-partut": ("en_partut-ud-train.conllu", "en_partut-ud-dev.conllu", "en_partut-ud-test.conllu"),
    "atis": ("atis-2.train.w-intent.iob", "atis-2.dev.w-intent.iob", "atis.test.w-intent.iob"),
    "wnut17": ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
}

_log = logging.getLogger(__name__)
Sentences = list[Sentence]


@dataclass(frozen=True)
class _Tagged:
    """N sentences: ids of words and of tags, as many of both."""

    words: Ragged
    tags: Ragged

    @property
    def lengths(self) -> np.ndarray:
        return self.words.lengths


@register("tagging")
@dataclass(kw_only=True)
class Tagging(Task):
    """Each word's tag, told while the sentence is read: the network sees the words up to ``lookahead`` behind it.

    ``generated``: a small grammar whose words are ambiguous (see ``tasks._grammar``); ``examples`` new sentences an
    epoch by (seed, epoch), 500 validation and 1,000 test sentences by ``split_seed``.
    ``ud-english-partut``: universal parts of speech. ``atis``: slots of airline requests. ``wnut17``: entities. Their
    splits are the published ones; sentences of validation and test that occur in training too (ATIS: 65) are left out
    of *training*, so the scored sets stay comparable and were not read before. Tags are those of all three parts, as
    published.
    Or a file: ``.conllu``, or two columns, word and tag, with blank lines between sentences (.conll, .iob, .tsv, .txt).
    It is split 80/10/10 by ``split_seed`` after leaving out repeated sentences.

    The primary metric is entity_f1 where the tags are spans (O, B-x, I-x), else accuracy.

    Words seen less than ``min_count`` times in training are known by their looks alone: a capital, digits, the last
    two letters. The same holds for words never seen there.
    """

    source: str
    lookahead: Annotated[int, Ge(0)]
    min_count: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    data_dir: str | None = None

    direction = "max"

    def __post_init__(self) -> None:
        self.solved = 0.99 if self.source == "generated" else None
        if self.source == "generated":
            parts = {split: self._generated(split, self.split_seed, 0) for split in SPLITS}
            self._fingerprint = "generated"
        else:
            parts, self._fingerprint = _read(self.source, self.data_dir, self.split_seed)
        self._parts: dict[Split, Sentences] = parts
        self._tags = tuple(sorted({tag for part in parts.values() for one in part for tag in one.tags}))
        self._numbers = {tag: number for number, tag in enumerate(self._tags)}
        self.primary_metric = "entity_f1" if is_spans(self._tags) else "accuracy"
        counts = Counter(word for one in parts["train"] for word in one.words)
        self._known = {word for word, count in counts.items() if count >= self.min_count}
        self.vocabulary = Vocabulary.build(self._seen(one) for one in parts["train"])
        self._passes = Passes("tagging", self._draw, self._size)

    def _seen(self, one: Sentence) -> list[str]:
        """The words as the network tells them apart."""
        return [word if word in self._known else looks(word) for word in one.words]

    def _generated(self, split: Split, seed: int, epoch: int) -> Sentences:
        which = SPLITS.index(split)
        rng = stream(seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch)
        return [sentence(rng) for _ in range(GENERATED_SIZES.get(split, self.examples))]

    def _size(self, split: Split) -> int:
        return len(self._parts[split])

    def _draw(self, split: Split, seed: int, epoch: int) -> _Tagged:
        fresh = split == "train" and self.source == "generated"
        part = self._generated(split, seed, epoch) if fresh else self._parts[split]
        words = Ragged.of([self.vocabulary.encode(self._seen(one)) for one in part])
        return _Tagged(words, Ragged.of([np.array([self._numbers[tag] for tag in one.tags], np.int32) for one in part]))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes in a batch stand for."""
        return self._tags

    @property
    def shape(self) -> Shape:
        inputs, outputs = len(self.vocabulary), len(self._tags)
        return Shape(inputs=inputs, tokens=True, outputs=outputs, answers="steps", loss="softmax", causal=False)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x and target (T, B) int32; the tag of word t is asked at step t + lookahead, with no input past the end."""
        examples, rows = self._passes.rows(seed, split, index, batch_size)
        words, lengths = examples.words.padded(rows)
        tags, _ = examples.tags.padded(rows)
        ahead = np.zeros((self.lookahead, len(rows)), np.int32)
        steps = np.arange(len(words) + self.lookahead)[:, None]
        x = np.where(steps < lengths, np.concatenate([words, ahead]), np.int32(-1))
        answered = (steps >= self.lookahead) & (steps < lengths + self.lookahead)
        return Batch(x, np.concatenate([ahead, tags]), lengths + self.lookahead, answered)

    def scorer(self) -> TagScorer:
        return TagScorer(self._tags)

    def baselines(self) -> Metrics:
        """Each word's most frequent tag in training; a word that is not there gets the most frequent tag of all."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        train, test = self._parts["train"], self._parts["test"]
        counts: dict[str, Counter[str]] = {}
        for one in train:
            for word, tag in zip(one.words, one.tags, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        commonest = sum(counts.values(), Counter[str]()).most_common(1)[0][0]
        of_word = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        answers = [[of_word.get(word, commonest) for word in one.words] for one in test]
        truth = [list(one.tags) for one in test]
        return {"most frequent tag of the word": self._score(truth, answers)}

    def _score(self, truth: list[list[str]], answers: list[list[str]]) -> float:
        if self.primary_metric == "entity_f1":
            return entity_f1(truth, answers)
        right = [a == b for one, other in zip(truth, answers, strict=True) for a, b in zip(one, other, strict=True)]
        return float(np.mean(right))

    def fingerprint(self) -> str:
        return self._fingerprint


def looks(word: str) -> str:
    """A stand-in for a rare word: ``<Aed>`` for Walked, ``<0>`` for 1984, ``<a>`` in front of lower case."""
    if any(letter.isdigit() for letter in word):
        return "<0>"
    return f"<{'A' if word[:1].isupper() else 'a'}{word[-2:].lower()}>"


def _read(source: str, data_dir: str | None, split_seed: int) -> tuple[dict[Split, Sentences], str]:
    """Training, validation and test sentences, and a hash of the files."""
    if source in PUBLISHED:
        reader = tagged.read_atis if source == "atis" else tagged.read
        files = PUBLISHED[source]
        parts = {split: reader(fetch.locate(data_dir, source, file)) for split, file in zip(SPLITS, files, strict=True)}
        scored = {one.words for split in SPLITS[1:] for one in parts[split]}
        kept = [one for one in parts["train"] if one.words not in scored]
        if left_out := len(parts["train"]) - len(kept):
            _log.info("%s: %d training sentences that validation or test repeat are left out", source, left_out)
        return parts | {"train": kept}, sources.fingerprint(source)
    path = fetch.own_path(source, ("generated", *PUBLISHED), tagged.SUFFIXES)
    return _split(path, tagged.read(path), split_seed), fetch.sha256(path)


def _split(path: Path, sentences: Sequence[Sentence], split_seed: int) -> dict[Split, Sentences]:
    first = {one.words: one for one in reversed(sentences)}
    if len(first) < len(sentences):
        _log.warning("%s: %d sentences repeat an earlier one and are left out", path, len(sentences) - len(first))
    kept = [first[words] for words in dict.fromkeys(one.words for one in sentences)]
    if len(kept) < 3:
        raise UserError(
            f"{path}: expected at least 3 different sentences, for training, validation and test, with blank lines "
            f"between; got {len(kept)}"
        )
    rows = labelled_files.split_rows(np.arange(len(kept)), stream(split_seed, Purpose.SPLIT))
    parts = {split: [kept[row] for row in part] for split, part in zip(SPLITS, rows, strict=True)}
    known = {tag for one in parts["train"] for tag in one.tags}
    for one in (*parts["val"], *parts["test"]):
        for position, tag in enumerate(one.tags):
            if tag not in known:
                raise UserError(
                    f"{path}:{one.line + position}: expected only tags that training sentences have; {tag!r} is in no "
                    f"one of them; merge rare tags, or try another task.split_seed (now {split_seed})"
                )
    return parts
