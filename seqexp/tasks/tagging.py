"""Aligned many-to-many: a tag for every word of a sentence."""

import logging
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.tags import Tags, looks
from seqexp.data import fetch, files, sources, splits, summary, tagged
from seqexp.data.batch import Batch, Split
from seqexp.data.generated.sentences import sentence
from seqexp.data.splits import HELD_OUT
from seqexp.data.splits import PARTS as SPLITS
from seqexp.data.summary import Summary
from seqexp.data.tagged import Columns, Sentence
from seqexp.data.text import Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, Shape, Task, register
from seqexp.tasks._epochs import Passes
from seqexp.tasks._spans import entity_f1, scheme_of, spans_of
from seqexp.tasks.scorers import TagScorer

GENERATED_SIZES = {"val": 500, "test": 1000}
GENERATED = "generated, no sentence in two parts"  # the data's name: older runs had other sentences
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

    ``generated``: a small grammar whose words are ambiguous (see ``data.generated.sentences``); ``examples`` new
    sentences an epoch by (seed, epoch), 500 validation and 1,000 test sentences by ``split_seed``, which are in no
    other part.
    ``ud-english-partut``: universal parts of speech. ``atis``: slots of airline requests. ``wnut17``: entities. Their
    splits are the published ones; sentences of validation and test that occur in training too (ATIS: 65) are left out
    of *training*, so the scored sets stay comparable and were not read before. Tags are those of all three parts, as
    published.
    Or a file: ``.conllu``, or columns with blank lines between sentences (.conll, .iob, .tsv, .txt): two, word and tag,
    or more, of which ``word_column`` and ``tag_column`` name two, counted from 1. It is split 80/10/10 by
    ``split_seed`` after leaving out repeated sentences, with tags that are rare in training rather than elsewhere;
    ``val_source`` and ``test_source`` name files for these parts.

    The primary metric is entity_f1 where the tags mark spans (``tasks._spans``: IOB1, IOB2, BIOES, …), else accuracy.

    Words seen less than ``min_count`` times in training are known by their looks alone: a capital, digits, the last
    two letters. The same holds for words never seen there.
    """

    source: str
    lookahead: Annotated[int, Ge(0)]
    min_count: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    word_column: Annotated[int, Ge(1)] | None = None
    tag_column: Annotated[int, Ge(1)] | None = None
    val_source: str | None = None
    test_source: str | None = None
    data_dir: str | None = None

    direction = "max"

    def __post_init__(self) -> None:
        self.solved = 0.99 if self.source == "generated" else None
        self._rows = 0
        parts = self._read()
        self._parts: dict[Split, Sentences] = parts
        self._tags = tuple(sorted({tag for part in parts.values() for one in part for tag in one.tags}))
        self._numbers = {tag: number for number, tag in enumerate(self._tags)}
        self._spans = spans_of(self._tags)
        self.primary_metric = "accuracy" if self._spans is None else "entity_f1"
        counts = Counter(word for one in parts["train"] for word in one.words)
        self._known = {word for word, count in counts.items() if count >= self.min_count}
        self.vocabulary = Vocabulary.build(self._seen(one) for one in parts["train"])
        self._passes = Passes("tagging", self._draw, self._size)
        if self.source != "generated":
            self._tell()

    def _read(self) -> dict[Split, Sentences]:
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        columns = Columns(self.word_column, self.tag_column)
        named = ("generated", *PUBLISHED)
        if self.source in named:
            files.no_own_parts(self.source, {f"{part}_source": other for part, other in held_out.items()})
            files.no_own_parts(self.source, {"word_column": columns.word, "tag_column": columns.tag})
        if self.source == "generated":
            self._fingerprint = GENERATED
            test = self._generated("test", self.split_seed, 0, set())
            self._scored = {one.words for one in test}
            val = self._generated("val", self.split_seed, 0, self._scored)
            self._scored |= {one.words for one in val}
            return {"train": self._generated("train", self.split_seed, 0, self._scored), "val": val, "test": test}
        if self.source in PUBLISHED:
            self._fingerprint = sources.fingerprint(self.source)
            whole = _published(self.source, self.data_dir)
            scored = {one.words for split in HELD_OUT for one in whole[split]}
            parts = whole | {"train": [one for one in whole["train"] if one.words not in scored]}
        else:
            paths = files.own_paths(self.source, named, tagged.SUFFIXES, held_out)
            self._fingerprint = files.fingerprint(paths)
            whole = {part: tagged.read(path, columns) for part, path in paths.items()}
            parts = _own_parts(self.source, whole, self.split_seed)
        self._rows = sum(map(len, whole.values()))
        return parts

    def _tell(self) -> None:
        ids = {split: self._draw(split, 0, 0).words for split in SPLITS}
        tags = Counter(tag for part in self._parts.values() for one in part for tag in one.tags)
        kept = sum(map(self._size, SPLITS))
        metric = "the tags mark no spans: the metric is accuracy"
        if self._spans is not None:
            scheme = scheme_of(self._spans, (one.tags for part in self._parts.values() for one in part))
            metric = f"the tags mark spans ({scheme}): the metric is entity_f1"
        Summary(
            source=self.source,
            name="sentences",
            rows=self._rows,
            parts={split: self._size(split) for split in SPLITS},
            left_out={summary.REPEATED: self._rows - kept},
            classes=dict(sorted(tags.items())),
            called="tags",
            vocabulary={"words": len(self.vocabulary)},
            unknown={"words": summary.shares({split: words.flat for split, words in ids.items()})},
            lengths=np.concatenate([words.lengths for words in ids.values()]),
            unit="words",
            more=[metric],
        ).tell()

    def _seen(self, one: Sentence) -> list[str]:
        """The words as the network tells them apart."""
        return [word if word in self._known else looks(word) for word in one.words]

    def _generated(self, split: Split, seed: int, epoch: int, others: set[tuple[str, ...]]) -> Sentences:
        """New sentences, none of which the ``others`` have."""
        which = SPLITS.index(split)
        rng = stream(seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch)
        fresh = (one for one in iter(partial(sentence, rng), None) if one.words not in others)
        return list(islice(fresh, GENERATED_SIZES.get(split, self.examples)))

    def _size(self, split: Split) -> int:
        return len(self._parts[split])

    def _draw(self, split: Split, seed: int, epoch: int) -> _Tagged:
        fresh = split == "train" and self.source == "generated"
        part = self._generated(split, seed, epoch, self._scored) if fresh else self._parts[split]
        words = Ragged.of([self.vocabulary.encode(self._seen(one)) for one in part])
        return _Tagged(words, Ragged.of([np.array([self._numbers[tag] for tag in one.tags], np.int32) for one in part]))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes in a batch stand for."""
        return self._tags

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Tags:
        return self._codec

    @cached_property
    def _codec(self) -> Tags:
        return Tags(self.vocabulary.tokens, self._tags, self.lookahead)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x and target (T, B) int32; the tag of word t is asked at step t + lookahead, with no input past the end."""
        examples, rows = self._passes.rows(seed, split, index, batch_size)
        return self.codec().batch(examples.words, examples.tags, rows)

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
            assert self._spans is not None
            return entity_f1(self._spans, truth, answers)
        right = [a == b for one, other in zip(truth, answers, strict=True) for a, b in zip(one, other, strict=True)]
        return float(np.mean(right))

    def fingerprint(self) -> str:
        return self._fingerprint


def _words(one: Sentence) -> tuple[str, ...]:
    return one.words


def _published(source: str, data_dir: str | None) -> dict[Split, Sentences]:
    reader = tagged.read_atis if source == "atis" else tagged.read
    paths = [fetch.locate(data_dir, source, file) for file in PUBLISHED[source]]
    return {split: reader(path) for split, path in zip(SPLITS, paths, strict=True)}


def _own_parts(source: str, whole: dict[Split, Sentences], split_seed: int) -> dict[Split, Sentences]:
    """The parts of the user's own files. What is cut from training's file gives its rare tags back to training."""
    if len({tag for part in whole.values() for one in part for tag in one.tags}) == 1:
        raise UserError(
            f"task.source: {source}: expected at least two different tags; every word has {whole['train'][0].tags[0]!r}"
        )
    parts = splits.filled(whole, _words, split_seed, source, "sentences")
    known = Counter(tag for one in parts["train"] for tag in set(one.tags))
    _give_back(parts["train"], [parts[split] for split in HELD_OUT if split not in whole], known)
    unseen = Counter(tag for split in HELD_OUT for one in parts[split] for tag in one.tags if not known[tag])
    if unseen:
        _log.warning(
            "%s: %d tags of validation and test are in no sentence of training, and count as wrong there: %s",
            source,
            len(unseen),
            ", ".join(sorted(unseen))[:200],
        )
    return parts


def _give_back(train: Sentences, drawn: list[Sentences], known: Counter[str]) -> None:
    """Exchange sentences with tags that training lacks for such as training can do without, while it has any.

    ``known`` counts the training sentences that have a tag.
    """
    rows = iter(range(len(train) - 1, -1, -1))
    for part in drawn:
        for at, one in enumerate(part):
            if all(known[tag] for tag in one.tags):
                continue
            row = next((row for row in rows if all(known[tag] > 1 for tag in train[row].tags)), None)
            if row is None:
                return
            known.subtract(set(train[row].tags))
            known.update(set(one.tags))
            train[row], part[at] = one, train[row]
