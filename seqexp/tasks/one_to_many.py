"""One-to-many: a word, then a sentence about it, word by word."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.language import SentencesOf
from seqexp.data import files, language, pair_files, splits, summary, text
from seqexp.data.batch import Split
from seqexp.data.splits import PARTS
from seqexp.data.summary import Summary
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Generator, Metrics, Shape, register
from seqexp.tasks._begun_with import BegunWith
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.scorers import LikelihoodScorer

END = "</s>"
SAMPLES = 40
NAMED = ("python",)


@register("one_to_many")
@dataclass(kw_only=True)
class OneToMany(BegunWith):
    """The first input is a word, each later one the sentence's word before; each step answers with the next one.

    The metric is the perplexity of held-out sentences, ``</s>`` and ``<unk>`` counted.

    ``python``: the topics of Python's help, and the sentences that each is explained in.

    A ``.tsv`` file of one's own without a header: a word, a tab and a sentence on each line; a word may have several.
    80/10/10 of the different sentences by ``split_seed``, so that no sentence is in two parts; ``val_source`` and
    ``test_source`` name files for these. A word that training never gives is given as ``<unk>``.

    min_count:   words of sentences seen less often in training are ``<unk>``.
    max_length:  words read of each sentence; the end of one that is cut is not scored.
    temperature: of the sentences made after training; 0 always takes the likeliest word.
    """

    source: str
    split_seed: Annotated[int, Ge(0)]
    min_count: Annotated[int, Ge(1)]
    max_length: Annotated[int, Ge(1)]
    temperature: Annotated[float, Ge(0)]
    val_source: str | None = None
    test_source: str | None = None

    primary_metric = "perplexity"
    direction = "min"

    def __post_init__(self) -> None:
        parts = self._read()
        rows = [row for found in parts.values() for row in found]
        self._splits = self._divided(rows, [split for split, found in parts.items() for _ in found])
        train = self._splits["train"]
        self._given = [text.normalised(word) for word, _ in rows]
        self._texts = [text.words(sentence) for _, sentence in rows]
        said = Vocabulary.build([self._texts[row] for row in train], self.min_count)
        summary.refuse_empty(said, self.source, self.min_count)
        self._symbols = (END, UNKNOWN, *said.tokens[1:])  # ids of answers, and of inputs; given words come behind them
        self._categories = (UNKNOWN, *sorted({self._given[row] for row in train}))
        number = {word: n for n, word in enumerate(self._categories)}
        self._classes = np.array([number.get(word, 0) for word in self._given])
        ids = {symbol: n for n, symbol in enumerate(self._symbols)}
        encoded = [[*(ids.get(word, 1) for word in words), 0][: self.max_length] for words in self._texts]
        self._targets = Ragged.of([np.array(one, np.int32) for one in encoded])
        self._passes = FixedPasses("one_to_many", self._splits, self._targets.lengths)
        self._tell(len(rows))

    def _tell(self, rows: int) -> None:
        unknown = {split: self._targets.take(of).flat - 1 for split, of in self._splits.items()}  # id 1 is <unk>
        Summary(
            source=self.source,
            name="sentences",
            rows=rows,
            parts={split: len(of) for split, of in self._splits.items()},
            left_out={summary.REPEATED.replace("text", "pair"): rows - sum(map(len, self._splits.values()))},
            vocabulary={"words": len(self._symbols), "given words": len(self._categories)},
            unknown={"words": summary.shares(unknown)},
            lengths=[len(words) for words in self._texts],
            unit="words",
            limit=self.max_length - 1,  # the end token is the last
        ).tell()

    def _read(self) -> dict[Split, list[tuple[str, str]]]:
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        if self.source in NAMED:
            files.no_own_parts(self.source, {f"{part}_source": other for part, other in held_out.items()})
            pairs = language.topic_sentences()
            self._fingerprint = hashlib.sha256("\n".join("\t".join(pair) for pair in pairs).encode()).hexdigest()
            return {"train": pairs}
        paths = files.own_paths(self.source, NAMED, (".tsv",), held_out)
        self._fingerprint = files.fingerprint(paths)
        return {part: pair_files.read(path) for part, path in paths.items()}

    def _divided(self, rows: list[tuple[str, str]], given: list[Split]) -> dict[Split, np.ndarray]:
        """The rows of each part, without pairs that repeat an earlier one; no sentence is in two parts: what validation
        and test have of the user's own is left out of the others."""
        sentences = [" ".join(text.words(sentence)) for _, sentence in rows]
        empty = next((n for n, sentence in enumerate(sentences) if not sentence), None)
        if empty is not None:
            raise UserError(f"task.source: {self.source}: expected words in each sentence; {rows[empty][0]!r} has none")
        part: dict[str, Split] = {}
        for split in PARTS:  # the test's is the last word on a sentence that several have
            part |= {sentence: split for sentence, own in zip(sentences, given, strict=True) if own == split}
        missing = [split for split in splits.HELD_OUT if split not in given]
        own = sorted(sentence for sentence, split in part.items() if split == "train")
        if len(own) <= len(missing):
            raise UserError(
                f"task.source: {self.source}: expected at least {len(missing) + 1} different sentences, for training, "
                f"validation and test; got {len(own)}"
            )
        if missing:
            rng = stream(self.split_seed, Purpose.SPLIT)
            drawn = splits.split_rows(np.arange(len(own)), rng, len(missing))
            for split, chosen in zip(("train", *missing), drawn, strict=True):
                part |= {own[n]: split for n in chosen}
        first = {(text.normalised(rows[n][0]), sentences[n]): n for n in reversed(range(len(rows)))}
        kept = sorted(first.values())
        return {split: np.array([n for n in kept if part[sentences[n]] == split], np.int64) for split in PARTS}

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> SentencesOf:
        return SentencesOf(self._symbols, self._categories, self.temperature, self._longest)

    def scorer(self) -> LikelihoodScorer:
        return LikelihoodScorer("perplexity")

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """For the test split a sentence for each of the first given words, beside a held-out one."""
        if split != "test":
            return {}, []
        test, codec = self._splits["test"], self.codec()
        first = {word: row for row in test[::-1].tolist() if (word := int(self._classes[row]))}
        words = sorted(first)[:SAMPLES]
        if not words:
            return {}, []
        prompt = len(self._symbols) + np.array(words)[None]
        made = generator(prompt, codec.length, "previous", self.temperature, self.split_seed, end=0)
        rows = [
            (self._categories[word], codec.spelled(tokens), " ".join(self._texts[first[word]]))
            for word, tokens in zip(words, made.T, strict=True)
        ]
        return {}, [TextSamples(("given", f"sampled at temperature {self.temperature:g}", "held out"), tuple(rows))]

    def baselines(self) -> Metrics:
        """Test perplexity of counts in the training part, one added to each: of words alone (unigram), and of words
        after the input of the same step (bigram), which at the first step is the given word."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        Y, V = self.shape.outputs, self.shape.inputs
        before, after = self._pairs("train")
        asked, wanted = self._pairs("test")
        pairs, counts = np.unique(before * Y + after, return_counts=True)
        at = np.minimum(np.searchsorted(pairs, asked * Y + wanted), len(pairs) - 1)
        together = np.where(pairs[at] == asked * Y + wanted, counts[at], 0)
        unigram = (np.bincount(after, minlength=Y)[wanted] + 1) / (len(after) + Y)
        bigram = (together + 1) / (np.bincount(before, minlength=V)[asked] + Y)
        return {"unigram": float(np.exp(-np.log(unigram).mean())), "bigram": float(np.exp(-np.log(bigram).mean()))}
