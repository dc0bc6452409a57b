"""A text in one language, and the same in another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, register, unread
from seqexp.codecs.classes import Tokens
from seqexp.codecs.language import Length
from seqexp.data import text
from seqexp.data.batch import Batch, SourceBatch
from seqexp.data.shape import Shape
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary

START, END = "<s>", "</s>"  # the target's ids 1 and 2


@register("translation")
@dataclass(frozen=True)
class Translation(Codec):
    """Sources and targets in units: pieces of ``data.text``, or characters.

    length: units of a target at most. beam_width: of the search, unless another is asked for.
    """

    unit: Literal["word", "character"]
    source_tokens: Tokens
    target_tokens: Annotated[tuple[str, ...], MinLen(3)]
    reverse_source: bool
    length: Length
    beam_width: Annotated[int, Ge(1), Le(1000)]

    input_field, output_field = "source_tokens", "target_tokens"
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        Vocabulary(self.source_tokens)  # ValueError where they are none
        if Vocabulary(self.target_tokens).tokens[:3] != (UNKNOWN, START, END):
            raise ValueError(f"target_tokens must begin with {UNKNOWN}, {START}, {END}")

    @cached_property
    def sources(self) -> Vocabulary:
        return Vocabulary(self.source_tokens)

    @cached_property
    def targets(self) -> Vocabulary:
        return Vocabulary(self.target_tokens)

    @property
    def shape(self) -> Shape:
        size = len(self.target_tokens)
        return Shape(
            inputs=size,
            tokens=True,
            outputs=size,
            answers="steps",
            loss="softmax",
            source=len(self.source_tokens),
            reverse_source=self.reverse_source,
        )

    def units(self, content: str) -> list[str]:
        """What a normalised text consists of."""
        return text.pieces(content) if self.unit == "word" else list(content)

    def prompt(self, sources: Ragged, rows: np.ndarray) -> SourceBatch:
        """The sources ``rows``, and the start token of what is to be said."""
        source, lengths = sources.padded(rows)
        start = np.full((1, len(rows)), 1)
        return SourceBatch(start, start, source=source, source_lengths=lengths)

    def encode(self, texts: Sequence[str]) -> SourceBatch:
        ids = []
        for content in texts:
            units = self.units(text.normalised(content))
            if not units:
                raise unread("text", content, "words")
            ids.append(self.sources.encode(units))
        return self.prompt(Ragged.of(ids), np.arange(len(texts)))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The likeliest first unit of each target."""
        return [Answer(self.target_tokens[one]) for one in y.argmax(axis=0)]

    def spelled(self, ids: Sequence[int]) -> str:
        """The text of an answer up to its end token."""
        units = self.targets.decode(ids)
        units = units[: units.index(END)] if END in units else [*units, " …"]  # the mark shows that it did not end
        return "".join(f" {UNKNOWN}" if unit == UNKNOWN else unit for unit in units).strip()

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """By beam search; drawn, where a temperature is asked for."""
        heat = options.temperature or 0.0
        width = 1 if heat else options.beam_width or self.beam_width
        steps = options.length or self.length
        batch = self.encode(texts)
        made = network.generate(
            batch, steps, "previous", heat, options.seed, end=2, beam_width=width, top_k=options.top_k
        )
        answers = [Answer(self.spelled(column)) for column in made.T.tolist()]
        missing = [self.sources.missing(self.units(text.normalised(content))) for content in texts]
        return [
            replace(one, unknown=tuple(unit.strip() for unit in units))
            for one, units in zip(answers, missing, strict=True)
        ]
