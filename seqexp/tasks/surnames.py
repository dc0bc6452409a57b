"""One-to-many: given a language, produce names."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seqexp.codecs.cuts import characters
from seqexp.codecs.language import CUT, NamesOf
from seqexp.data import corpora, splits, summary
from seqexp.data.batch import Split
from seqexp.data.summary import Summary
from seqexp.data.text import UNKNOWN, Ragged
from seqexp.tasks import Generator, Metrics, Shape, register
from seqexp.tasks._begun_with import BegunWith
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks._texts import OwnTexts
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.name_origin import spelling
from seqexp.tasks.scorers import LikelihoodScorer

END = "</s>"
SAMPLES = 3  # names shown of each category
SHOWN_CATEGORIES = 40


@register("names")
@dataclass(kw_only=True)
class Names(OwnTexts, BegunWith):
    """The first input is a category, each later one the character before; each step answers with the next character.

    The metric is the negative log2-likelihood of held-out names a symbol, where the end token counts as a symbol: a
    name of n characters has n + 1. A character never seen in training is scored as the unknown character.

    ``names``: surnames in 18 languages, split as in ``name_origin``: no name is in two splits.

    A file or folder of one's own (``OwnTexts``), the label being the category: any short texts; one category is enough.

    max_length:  characters read of each text; the end of one that is cut is not scored.
    temperature: of the names made after training, shown beside held-out ones; 0 always takes the likeliest character.
    """

    max_length: Annotated[int, Ge(1)]
    temperature: Annotated[float, Ge(0)]

    primary_metric = "bits_per_char"
    direction = "min"

    def __post_init__(self) -> None:
        if self.source == "names":
            self.refuse_own_parts()
            corpus = corpora.names(self.data_dir)
        else:
            corpus = self.own_corpus(("names",), one_label=True)
        names = [characters(text) for text in corpus.texts]
        keys = [spelling(name) for name in names]
        divided = splits.divide(keys, corpus.labels, self.split_seed, self.source, corpus.splits)
        self._names = [names[row] for row in divided.kept]
        self._categories, self._classes, self._splits = divided.labels, divided.classes, divided.splits
        seen = {letter for row in self._splits["train"] for letter in self._names[row]}
        self._symbols = (END, UNKNOWN, *sorted(seen))  # ids of answers, and of inputs; categories come behind them
        self._ids = {symbol: id for id, symbol in enumerate(self._symbols)}
        self._targets = Ragged.of([self._encode(name) for name in self._names])
        self._passes = FixedPasses("names", self._splits, self._targets.lengths)
        self._fingerprint = corpus.fingerprint
        self._tell(len(names))

    def _tell(self, rows: int) -> None:
        unknown = {split: self._targets.take(of).flat - 1 for split, of in self._splits.items()}  # id 1 is <unk>
        Summary(
            source=self.source,
            name="texts",
            rows=rows,
            parts={split: len(of) for split, of in self._splits.items()},
            left_out={summary.REPEATED: rows - len(self._names)},
            classes=summary.counted(self._categories, self._classes),
            called="categories",
            vocabulary={"characters": len(self._symbols)},
            unknown={"characters": summary.shares(unknown)},
            lengths=[len(name) for name in self._names],
            unit="characters",
            limit=self.max_length - 1,  # the end token is the last
        ).tell()

    def _encode(self, name: list[str]) -> np.ndarray:
        """The name's symbols and the end token, cut to ``max_length``."""
        return np.array([*(self._ids.get(letter, 1) for letter in name), 0][: self.max_length], np.int32)

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> NamesOf:
        return NamesOf(self._symbols, self._categories, self.temperature, self._longest)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the ids of answers stand for; an input id past them is a category's."""
        return self._symbols

    @property
    def categories(self) -> tuple[str, ...]:
        """What the first input's ids, from ``len(symbols)`` on, stand for."""
        return self._categories

    def scorer(self) -> LikelihoodScorer:
        return LikelihoodScorer("bits_per_char")

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """For the test split ``SAMPLES`` names a category, beside held-out ones; "known" marks names of the training.

        A name that has not ended after the longest training name's length is cut, which … shows.
        """
        if split != "test":
            return {}, []
        categories = np.repeat(np.arange(min(len(self._categories), SHOWN_CATEGORIES)), SAMPLES)
        train, test, codec = self._splits["train"], self._splits["test"], self.codec()
        prompt = len(self._symbols) + categories[None]
        made = generator(prompt, self._longest, "previous", self.temperature, self.split_seed)  # (steps, B)
        known = {spelling(self._names[row]) for row in train}
        held_out = {number: iter(test[self._classes[test] == number]) for number in categories}
        rows = []
        for number, tokens in zip(categories, made.T, strict=True):
            text = codec.spelled(tokens)
            row = next(held_out[number], None)
            real = "" if row is None else "".join(self._names[row])
            seen = "known" if spelling(text.removesuffix(CUT)) in known else ""
            rows.append((self._categories[number], text, seen, real))
        headers = ("category", f"sampled at temperature {self.temperature:g}", "", "held out")
        return {}, [TextSamples(headers, tuple(rows))]

    def baselines(self) -> Metrics:
        """Test bits a symbol of counts in the training part, one added to each.

        unigram: how often each symbol comes. bigram: how often after the input of the same step, which is all that an
        answer without memory can use; at the first step that is the category.
        """
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        counts = np.ones((self.shape.inputs, self.shape.outputs))
        np.add.at(counts, self._pairs("train"), 1)
        before, after = self._pairs("test")
        unigram = counts.sum(axis=0) - (self.shape.inputs - 1)  # one added, not one for each input
        bigram = counts / counts.sum(axis=1, keepdims=True)
        return {
            "unigram": float(-np.mean(np.log2((unigram / unigram.sum())[after]))),
            "bigram": float(-np.mean(np.log2(bigram[before, after]))),
        }
