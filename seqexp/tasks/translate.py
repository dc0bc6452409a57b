"""Many-to-many of different lengths: read a text in one language, then say it in another."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs import Answering, Row
from seqexp.codecs.translation import END, START, Translation
from seqexp.data import files, summary, text
from seqexp.data.batch import SourceBatch, Split
from seqexp.data.splits import PARTS
from seqexp.data.summary import Summary
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Generator, Metrics, Shape, Task, _pairs, register
from seqexp.tasks._pairs import Pair, Pairs
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.scorers import SymbolScorer

NAMED = ("numbers", "tatoeba-fra-eng")
SAMPLES = 40
AT_ONCE = 250  # sources translated side by side


@register("translate")
@dataclass(kw_only=True)
class Translate(Task):
    """Translation, from one of three kinds of source.

    ``numbers``: 0 to ``largest`` in words, from and to any language of num2words; test numbers are never seen.

    ``tatoeba-fra-eng``: 142,787 everyday sentence pairs, English to French or back (Tatoeba by way of Anki).

    A ``.tsv`` file of your own without a header: source text, tab, target text on each line; and others for
    ``val_source`` and ``test_source``, where they have files of their own.

    Texts are lower-cased, with no-break spaces made plain, and cut into words and marks (``data.text.pieces``) or
    characters; units seen less often than ``min_count`` in training are ``<unk>``. Sentences are split by distinct
    source, 1,000 (at most a tenth) for validation and 2,000 for test; pairs with a side of more than ``max_length``
    words are left out. At most ``examples`` pairs are for training.

    The primary metric is exact_match for numbers, and for sentences the corpus BLEU of all of a source's references,
    both of free-running answers: greedy in validation, by a beam of ``beam_width`` in the test.
    """

    source: str
    split_seed: Annotated[int, Ge(0)]
    from_language: str
    to_language: str
    largest: Annotated[int, Ge(9), Le(10**12)]
    examples: Annotated[int, Ge(1)]
    unit: Literal["word", "character"]
    min_count: Annotated[int, Ge(1)]
    max_length: Annotated[int, Ge(1)]
    reverse_source: bool
    beam_width: Annotated[int, Ge(1)]
    val_source: str | None = None
    test_source: str | None = None
    data_dir: str | None = None

    direction = "max"

    def __post_init__(self) -> None:
        self.solved = 0.99 if self.source == "numbers" else None
        self._pairs = self._read()
        self.primary_metric = "exact_match" if self.source == "numbers" else "bleu"
        train = self._pairs.splits["train"]
        self._source_words = Vocabulary.build((self._units(pair.source) for pair in train), self.min_count)
        said = Vocabulary.build((self._units(pair.references[0]) for pair in train), self.min_count)
        self._target_words = Vocabulary((UNKNOWN, START, END, *said.tokens[1:]))
        self._start, self._end = 1, 2
        summary.refuse_empty(self._source_words, self.source, self.min_count)
        summary.refuse_empty(self._target_words, self.source, self.min_count, (START, END))
        self._encoded = {split: self._encode(pairs) for split, pairs in self._pairs.splits.items()}
        self._longest = int(1.5 * self._encoded["train"][1].lengths.max()) + 1  # a limit on what is generated
        self._plans: dict[Split, tuple[tuple[int, int, int], list[np.ndarray]]] = {}
        if self.source != "numbers":
            self._tell()

    def _tell(self) -> None:
        unit = f"{self.unit}s"
        encoded, too_long = self._encoded, self._pairs.too_long
        sources = {split: sources.flat for split, (sources, _) in encoded.items()}
        targets = {split: targets.flat for split, (_, targets) in encoded.items()}
        Summary(
            source=self.source,
            name="pairs",
            rows=self._pairs.rows,
            parts={split: len(self._pairs.splits[split]) for split in PARTS},
            left_out={f"have more than {self.max_length} words (task.max_length) and are left out": too_long},
            vocabulary={f"source {unit}": len(self._source_words), f"target {unit}": len(self._target_words)},
            unknown={f"source {unit}": summary.shares(sources), f"target {unit}": summary.shares(targets)},
            lengths=np.concatenate([lengths.lengths for pair in encoded.values() for lengths in pair]),
            unit=unit,
        ).tell()

    def _read(self) -> Pairs:
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        if self.source in NAMED:
            files.no_own_parts(self.source, {f"{part}_source": other for part, other in held_out.items()})
        if self.source == "numbers":
            return _pairs.numbers(self.from_language, self.to_language, self.largest, self.examples, self.split_seed)
        if self.source == "tatoeba-fra-eng":
            rows, fingerprint = _pairs.tatoeba(self.data_dir, self.from_language, self.to_language)
        else:
            rows, fingerprint = _pairs.own(self.source, NAMED, held_out)
        return _pairs.sentences(rows, fingerprint, self.source, self.max_length, self.examples, self.split_seed)

    def _units(self, content: str) -> list[str]:
        return text.pieces(content) if self.unit == "word" else list(content)

    def _encode(self, pairs: list[Pair]) -> tuple[Ragged, Ragged]:
        """Sources, and first references with an end token, as ids."""
        sources = [self._source_words.encode(self._units(pair.source)) for pair in pairs]
        targets = [self._target_words.encode([*self._units(pair.references[0]), END]) for pair in pairs]
        return Ragged.of(sources), Ragged.of(targets)

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Translation:
        return Translation(
            self.unit,
            self._source_words.tokens,
            self._target_words.tokens,
            self.reverse_source,
            self._longest,
            self.beam_width,
        )

    def batches(self, split: Split, batch_size: int) -> int:
        return -(-len(self._pairs.splits[split]) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> SourceBatch:
        """Pairs of similar length. source (Ts, B), x and target (T, B) int32: x is the target one step later.

        Steps whose true unit is unknown are not answered: the network would learn to say <unk>, which is never right.
        """
        epoch, position = divmod(index, self.batches(split, batch_size))
        if split != "train":
            if epoch:
                raise IndexError(f"translate: {split} has {self.batches(split, batch_size)} batches, got index {index}")
            seed = 0
        rows = self._plan(split, seed, epoch, batch_size)[position]
        sources, targets = self._encoded[split]
        source, source_lengths = sources.padded(rows)
        target, lengths = targets.padded(rows)
        x = np.concatenate([np.full((1, len(rows)), self._start, np.int32), target[:-1]])
        answered = (np.arange(len(target))[:, None] < lengths) & (target != 0)
        return SourceBatch(x, target, lengths, answered, source=source, source_lengths=source_lengths)

    def _plan(self, split: Split, seed: int, epoch: int, batch_size: int) -> list[np.ndarray]:
        """The rows of each batch of one pass; the last one asked for is kept."""
        key = (seed, epoch, batch_size)
        if split not in self._plans or self._plans[split][0] != key:
            sources, targets = self._encoded[split]
            rng = stream(seed, Purpose.ORDER, epoch) if split == "train" else None
            self._plans[split] = key, text.pair_buckets(sources.lengths, targets.lengths, batch_size, rng)
        return self._plans[split][1]

    def scorer(self) -> SymbolScorer:
        """Of teacher-forced answers; ``generate`` has the primary metric."""
        return SymbolScorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        pairs = self._pairs.splits[split]
        said = self._translate(generator, split)
        scores, signatures = self._scores(said, pairs)
        if split != "test":
            return scores, []
        rows = [(pair.source, answer, " | ".join(pair.references)) for pair, answer in zip(pairs, said, strict=True)]
        artifacts: list[Artifact] = [TextSamples(("source", "said", "reference"), tuple(rows[:SAMPLES]))]
        if signatures:
            artifacts.append(TextSamples(("metric", "score", "sacrebleu signature"), signatures, "sacrebleu"))
        return scores, artifacts

    def _translate(self, generator: Generator, split: Split) -> list[str]:
        """What the network says to each source of a split, in the split's order."""
        sources = self._encoded[split][0]
        said, codec = [""] * len(sources), self.codec()
        width = self.beam_width if split == "test" else 1
        for rows in text.buckets(sources.lengths, max(1, AT_ONCE // width), None):
            tokens = generator(codec.prompt(sources, rows), self._longest, end=self._end, beam_width=width)
            for row, column in zip(rows, tokens.T.tolist(), strict=True):
                said[row] = codec.spelled(column)
        return said

    def said(self, network: Answering) -> list[Row]:
        """Of several references, each is a truth of its own: truth, truth 2, ….  Empty where there are fewer."""
        pairs, said = self._pairs.splits["test"], self._translate(network.generate, "test")
        most = max(len(pair.references) for pair in pairs)
        keys = ["truth", *(f"truth {n}" for n in range(2, most + 1))]
        return [
            {"text": pair.source, "answer": answer}
            | {key: pair.references[n] if n < len(pair.references) else "" for n, key in enumerate(keys)}
            for pair, answer in zip(pairs, said, strict=True)
        ]

    def _scores(self, said: list[str], pairs: list[Pair]) -> tuple[Metrics, tuple[tuple[str, str, str], ...]]:
        """The metrics, and those of sacrebleu with the signature that makes them comparable."""
        exact = float(np.mean([answer in pair.references for answer, pair in zip(said, pairs, strict=True)]))
        if self.source == "numbers":
            return {"exact_match": exact}, ()
        from sacrebleu.metrics import BLEU, CHRF

        most = max(len(pair.references) for pair in pairs)
        streams = [[pair.references[n] if n < len(pair.references) else None for pair in pairs] for n in range(most)]
        scores, signatures = {"exact_match": exact}, []
        for name, metric in (("bleu", BLEU(lowercase=True)), ("chrf", CHRF(lowercase=True))):
            scores[name] = float(metric.corpus_score(said, streams).score)
            signatures.append((name, f"{scores[name]:.2f}", str(metric.get_signature())))
        return scores, tuple(signatures)

    def baselines(self) -> Metrics:
        """Each source unit replaced by the target unit it most often occurs with.

        How often is Dice's coefficient of the two over the training pairs, 2 c(s, t) / (c(s) + c(t)), c counting pairs
        that have them: a plain count would pick the commonest target unit for every source unit.
        """
        return {"word_for_word": self._word_for_word[self.primary_metric]}

    @cached_property
    def _word_for_word(self) -> Metrics:
        of_source: Counter[str] = Counter()
        of_target: Counter[str] = Counter()
        together: Counter[tuple[str, str]] = Counter()
        for pair in self._pairs.splits["train"]:
            sources, targets = set(self._units(pair.source)), set(self._units(pair.references[0]))
            of_source.update(sources)
            of_target.update(targets)
            together.update((s, t) for s in sources for t in targets)
        best: dict[str, tuple[float, str]] = {}
        for (s, t), count in together.items():
            best[s] = max(best.get(s, (0.0, "")), (2 * count / (of_source[s] + of_target[t]), t))
        test = self._pairs.splits["test"]
        said = ["".join(best.get(s, (0.0, s))[1] for s in self._units(pair.source)).strip() for pair in test]
        return self._scores(said, test)[0]

    def fingerprint(self) -> str:
        return self._pairs.fingerprint
