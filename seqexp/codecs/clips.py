"""Clips of moving shapes, and the words for them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, distribution, register, unread
from seqexp.codecs.classes import Tokens
from seqexp.codecs.language import CUT, Length
from seqexp.codecs.pictures import pixels
from seqexp.data.batch import SourceBatch
from seqexp.data.generated import clips, scenes
from seqexp.data.shape import Shape
from seqexp.data.text import Vocabulary
from seqexp.numerics.rng import Purpose, stream

START, END = "<s>", "</s>"
LARGEST = 255.0
SIZE = math.prod(clips.PICTURE)


@register("clip")
@dataclass(frozen=True)
class Clips(Codec):
    """Frames, and a sentence in ``words``: ``<unk>``, the start, the end, and what sentences are made of. What is typed
    may be the frames' numbers, or words, such as "the red circle moves left": then such a clip is drawn."""

    words: Tokens
    length: Length
    start: Literal[1] = 1
    end: Literal[2] = 2

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        Vocabulary(self.words)  # ValueError where it is none
        if len(self.words) < 4:
            raise ValueError("words must be more than the start and the end")

    @property
    def shape(self) -> Shape:
        n = len(self.words)
        return Shape(
            n, True, n, answers="steps", loss="softmax", source=SIZE, source_tokens=False, picture=clips.PICTURE
        )

    def prompt(self, frames: np.ndarray) -> SourceBatch:
        """Clips (B, FRAMES, SIZE) in [0, 1], which are to be told."""
        start = np.full((1, len(frames)), self.start)
        source = np.ascontiguousarray(frames.transpose(1, 2, 0))
        return SourceBatch(start, start, answered=np.ones(start.shape, bool), source=source)

    def encode(self, texts: Sequence[str]) -> SourceBatch:
        return self.prompt(np.stack([self._seen(text) for text in texts]))

    def _seen(self, text: str) -> np.ndarray:
        """The clip (FRAMES, SIZE) that a text is or describes."""
        if not re.search(r"[^\W\d_]{2}", text):
            return pixels([text], clips.FRAMES * SIZE, LARGEST).reshape(clips.FRAMES, SIZE)
        if (actors := clips.parsed(text)) is None:
            listed = f"colours: {', '.join(scenes.COLOURS)}; shapes: {', '.join(scenes.KINDS)}"
            expected = (
                "one shape, or one that moves and one of another colour that does not, such as 'the red circle moves "
                f"left and the blue square stands still' ({listed}; {', '.join(clips.MOVEMENTS)}), or the "
                f"{clips.FRAMES * SIZE} numbers of {clips.FRAMES} frames"
            )
            raise unread("clip", text, expected)
        rng = stream(0, Purpose.SAMPLE, *text.lower().encode())  # the same words are the same clip
        return clips.drawn(rng, actors).reshape(clips.FRAMES, SIZE).astype(np.float32) / np.float32(LARGEST)

    def decode(self, batch: SourceBatch, y: np.ndarray) -> list[Answer]:  # type: ignore[override]  # clips alone
        """The likeliest first word."""
        return [Answer(next(iter(each)), each) for each in distribution(self.words, y)]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        steps, heat = options.length or self.length, options.temperature or 0.0
        width = options.beam_width or 1
        tokens = network.generate(
            self.encode(texts),
            steps,
            "previous",
            heat,
            options.seed,
            end=self.end,
            beam_width=width,
            top_k=options.top_k,
        )
        return [Answer(self.spelled(column)) for column in tokens.T.tolist()]

    def spelled(self, ids: Sequence[int]) -> str:
        """Up to the first end token; without one the sentence did not end, which the mark shows."""
        said = [self.words[id] for id in ids]
        return " ".join(said[: said.index(END)] if END in said else [*said, CUT])
