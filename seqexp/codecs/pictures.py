"""Pictures as numbers: which digit one shows, its name letter by letter, and what a scene shows word by word."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, Row, distribution, register, unread
from seqexp.codecs.classes import Tokens, class_rows
from seqexp.codecs.language import CUT, Length
from seqexp.data.batch import Batch, FeatureBatch
from seqexp.data.generated import scenes
from seqexp.data.shape import Picture, Shape
from seqexp.data.text import Vocabulary
from seqexp.numerics.rng import Purpose, stream

Size = Annotated[int, Ge(1), Le(10_000)]
Largest = Annotated[float, Gt(0)]
END = "</s>"


def pixels(texts: Sequence[str], count: int, largest: float) -> np.ndarray:
    """Pictures (B, count) float32 in [0, 1]: numbers from 0 to ``largest``, line by line, with spaces or commas between
    them. UserError where there are not as many, or others."""
    expected = f"a picture's {count} numbers from 0 to {largest:g}, line by line"
    found = []
    for text in texts:
        words = [word for word in re.split(r"[\s,;]+", text) if word]
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise unread("picture", text, expected) from None
        if len(values) != count or not all(0 <= value <= largest for value in values):
            raise unread("picture", text, expected)
        found.append(values)
    return np.array(found, np.float32) / np.float32(largest)


def spelled(flat: np.ndarray, largest: float) -> list[str]:
    """Pictures (B, pixels) in [0, 1] as they are typed."""
    values = np.rint(flat.astype(np.float64) * largest).astype(int)
    return [" ".join(map(str, one)) for one in values.tolist()]


def grey(pixels: int) -> Picture:
    """A grey picture of so many pixels, square where it can be."""
    side = math.isqrt(pixels)
    return (1, side, side) if side * side == pixels else (1, 1, pixels)


@register("picture_classes")
@dataclass(frozen=True)
class PictureClasses(Codec):
    """A picture that is seen in ``width`` pixels a step.

    places:  step by step, which pixel is seen; of all pixels, line by line. largest: the number of a black one.
    """

    places: tuple[Annotated[int, Ge(0)], ...]
    width: Size
    largest: Largest
    labels: Tokens

    output_field = "labels"
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if sorted(self.places) != list(range(len(self.places))) or len(self.places) % self.width:
            raise ValueError("places must be a permutation of pixels, of whole steps")

    @cached_property
    def order(self) -> np.ndarray:
        return np.array(self.places, np.int64)

    @property
    def shape(self) -> Shape:
        whole = grey(self.width) if self.width == len(self.places) else None
        return Shape(self.width, False, len(self.labels), answers="last", loss="softmax", picture=whole)

    def encode(self, texts: Sequence[str]) -> Batch:
        """x (T, width, B) float32."""
        flat = pixels(texts, len(self.places), self.largest)[:, self.order]
        return Batch(flat.T.reshape(-1, self.width, len(texts)), np.zeros(len(texts), np.int64))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        return [Answer(next(iter(each)), each) for each in distribution(self.labels, y)]

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        flat = np.empty((batch.size, len(self.places)), batch.x.dtype)
        flat[:, self.order] = batch.x.reshape(len(self.places), -1).T
        return class_rows(spelled(flat, self.largest), self.labels, batch.answers(), y)


@register("caption")
@dataclass(frozen=True)
class Captions(Codec):
    """A picture of ``size`` pixels, and its name in ``letters``: ``<unk>``, the end, and what names are made of."""

    size: Size
    largest: Largest
    letters: Tokens
    length: Length
    end: Literal[1] = 1

    input_field = output_field = "letters"
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        Vocabulary(self.letters)  # ValueError where it is none

    @property
    def picture(self) -> Picture:
        return grey(self.size)

    @property
    def shape(self) -> Shape:
        n = len(self.letters)
        return Shape(n, True, n, answers="steps", loss="softmax", features=self.size, picture=self.picture)

    def prompt(self, flat: np.ndarray) -> FeatureBatch:
        """Pictures (B, size) in [0, 1], which are to be named."""
        nothing = np.full((1, len(flat)), -1)
        answered = np.ones(nothing.shape, bool)
        return FeatureBatch(nothing, nothing, answered=answered, features=np.ascontiguousarray(flat.T))

    def encode(self, texts: Sequence[str]) -> FeatureBatch:
        return self.prompt(pixels(texts, self.size, self.largest))

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The likeliest first letter."""
        return [Answer(next(iter(each)), each) for each in distribution(self.letters, y)]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        steps, heat = options.length or self.length, options.temperature or 0.0
        batch = self.encode(texts)
        tokens = network.generate(batch, steps, "previous", heat, options.seed, end=self.end, top_k=options.top_k)
        return [Answer(self.spelled(column)) for column in tokens.T.tolist()]

    between: ClassVar[str] = ""  # letters

    def spelled(self, ids: Sequence[int]) -> str:
        """Up to the first end token; without one the name did not end, which the mark shows."""
        said = [self.letters[id] for id in ids]
        return self.between.join(said[: said.index(END)] if END in said else [*said, CUT])


@register("scene")
@dataclass(frozen=True)
class Scenes(Captions):
    """A picture of coloured shapes, and the words for it. What is typed may be its numbers, red, green and blue one
    after the other, or words, such as "two red circles": then such a picture is drawn."""

    between: ClassVar[str] = " "
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size != math.prod(scenes.PICTURE):
            raise ValueError(f"size must be {math.prod(scenes.PICTURE)}")

    @property
    def picture(self) -> Picture:
        return scenes.PICTURE

    def encode(self, texts: Sequence[str]) -> FeatureBatch:
        return self.prompt(np.concatenate([self._seen(text) for text in texts]))

    def _seen(self, text: str) -> np.ndarray:
        """The picture (1, size) that a text is or describes."""
        if not re.search(r"[^\W\d_]{2}", text):
            return pixels([text], self.size, self.largest)
        if (groups := scenes.parsed(text)) is None:
            colours, kinds = ", ".join(scenes.COLOURS), ", ".join(scenes.KINDS)
            expected = (
                f"at most {scenes.MOST} shapes of one or two colours, such as 'two red circles and a blue square' "
                f"(colours: {colours}; shapes: {kinds}), or a picture's {self.size} numbers"
            )
            raise unread("scene", text, expected)
        rng = stream(0, Purpose.SAMPLE, *text.lower().encode())  # the same words are the same picture
        return scenes.drawn(rng, groups).reshape(1, -1).astype(np.float32) / np.float32(self.largest)
