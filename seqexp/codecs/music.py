"""Music: tunes as notes, and chords as frames of a piano roll."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from seqexp.codecs import STRICT, Answer, Answering, Codec, Options, Row, register, unread
from seqexp.codecs.classes import Tokens
from seqexp.codecs.language import Length, asked_last
from seqexp.data.batch import Batch
from seqexp.data.generated.tunes import note_name
from seqexp.data.piano_rolls import KEYS, LOWEST
from seqexp.data.shape import Shape
from seqexp.numerics.functions import sigmoid
from seqexp.numerics.rng import Purpose, stream

END = 0  # the answer token that ends a tune
MIDI = 128  # numbers of notes
FRAMES = 64  # of a piece that goes on, unless more are asked for
LONGEST_PROMPT = 1_000_000  # characters


def note_names(notes: np.ndarray) -> str:
    """The notes of MIDI numbers, 0 past the end; a piece without one did not end, which … shows."""
    return " ".join(note_name(int(note)) for note in notes if note) + ("" if (notes == 0).any() else " …")


def roll_of(notes: np.ndarray) -> np.ndarray:
    """(frames, 88) bool from MIDI numbers, 0 past the end; key 0 is MIDI 21."""
    return notes[:, None] == np.arange(LOWEST, LOWEST + KEYS)


def apart(roll: np.ndarray) -> np.ndarray:
    """A silent frame behind each of the roll's, so that a repeated note is heard twice; no silence at the end."""
    sounding = np.flatnonzero(roll.any(axis=1))
    roll = roll[: sounding[-1] + 1 if len(sounding) else 0]
    return np.stack([roll, np.zeros_like(roll)], axis=1).reshape(-1, roll.shape[1])


@register("tunes")
@dataclass(frozen=True)
class Tunes(Codec):
    """``Tune's name: C4``, and the notes behind that first one.

    told:   whether notes are told as intervals from the one before, or as pitches. lowest: what answer 1 stands for.
    symbols: how many notes there are to tell. length: steps at most.
    """

    tunes: Tokens
    told: Literal["intervals", "pitches"]
    feed: Literal["zeros", "previous"]
    lowest: Annotated[int, Ge(-MIDI), Le(MIDI)]
    symbols: Annotated[int, Ge(1), Le(2 * MIDI)]
    length: Length

    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        """Answers: the end, then notes. Inputs: these, the tunes' names, then 128 MIDI numbers for the first note."""
        outputs = 1 + self.symbols
        inputs = outputs + len(self.tunes) + MIDI
        return Shape(inputs=inputs, tokens=True, outputs=outputs, answers="steps", loss="softmax")

    @property
    def output_words(self) -> Sequence[str]:
        told = range(self.lowest, self.lowest + self.symbols)
        return ["end", *(f"{one:+d}" if self.told == "intervals" else note_name(one % MIDI) for one in told)]

    @property
    def input_words(self) -> Sequence[str]:
        return [*self.output_words, *self.tunes, *map(note_name, range(MIDI))]

    def prompt(self, tunes: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Numbers of tunes (B,) and first notes (B,) as tokens (2, B)."""
        names = 1 + self.symbols
        return np.stack([names + tunes, names + len(self.tunes) + first]).astype(np.int32)

    def pitches(self, first: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The MIDI numbers (steps, B) that answers (steps, B) behind the first notes (B,) mean, 0 past the end."""
        told = tokens.astype(np.int64) + self.lowest - 1
        if self.told == "intervals":
            told = first + np.cumsum(told, axis=0)
        return np.where(np.logical_or.accumulate(tokens == END, axis=0), 0, told)

    @cached_property
    def _notes(self) -> dict[str, int]:
        found = {str(number): number for number in range(MIDI)} | {note_name(number): number for number in range(MIDI)}
        plain = {"♯": "#", "♭": "b"}
        return found | {name.replace(sign, to): n for name, n in found.items() for sign, to in plain.items()}

    def _parts(self, text: str) -> tuple[int, int]:
        name, _, note = text.rpartition(":")
        named = {one.casefold(): number for number, one in enumerate(self.tunes)}
        if name.strip().casefold() not in named or note.strip() not in self._notes:
            raise unread("prompt", text, f"tune: first note, such as {self.tunes[0]}: C4, of {', '.join(self.tunes)}")
        return named[name.strip().casefold()], self._notes[note.strip()]

    def encode(self, texts: Sequence[str]) -> Batch:
        parts = np.array([self._parts(text) for text in texts])
        x = self.prompt(parts[:, 0], parts[:, 1])
        answered = np.zeros(x.shape, bool)
        answered[-1] = True
        return Batch(x, np.zeros(x.shape, np.int64), answered=answered)

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The likeliest note behind the first."""
        first = batch.x[1] - 1 - self.symbols - len(self.tunes)
        notes = self.pitches(first, y.argmax(axis=0)[None])[0]
        return [Answer(note_name(int(note)) if note else "end") for note in notes]

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        batch = self.encode(texts)
        steps, heat = options.length or self.length, options.temperature or 0.0
        tokens = network.generate(batch.x, steps, self.feed, heat, options.seed, top_k=options.top_k)
        first = np.array([self._parts(text)[1] for text in texts])
        played = np.concatenate([first[None], self.pitches(first, tokens)])  # (1 + steps, B)
        return [Answer(note_names(notes), notes=apart(roll_of(notes))) for notes in played.T]


@register("piano_roll")
@dataclass(frozen=True)
class PianoRolls(Codec):
    """A piece so far, as JSON frames, each a list of MIDI notes, ``[[60, 64, 67], [62]]``; and how it goes on.

    keys: how many there are, from MIDI 21 up.
    """

    keys: Annotated[int, Ge(KEYS), Le(KEYS)]

    alone = True
    __pydantic_config__ = STRICT

    @property
    def shape(self) -> Shape:
        return Shape(inputs=KEYS, tokens=False, outputs=KEYS, answers="steps", loss="sigmoid")

    def encode(self, texts: Sequence[str]) -> Batch:
        """One piece: x (T, 88, 1) float32, answered at its last frame."""
        (text,) = texts
        expected = f"frames as JSON, such as [[60, 64, 67], [62]], of notes {LOWEST} to {LOWEST + KEYS - 1}"
        try:
            frames = json.loads(text[:LONGEST_PROMPT])
        except (ValueError, RecursionError):
            raise unread("prompt", text, expected) from None
        if not isinstance(frames, list) or not frames or not all(map(_is_frame, frames)):
            raise unread("prompt", text, expected)
        x = np.zeros((len(frames), KEYS, 1), np.float32)
        for step, frame in enumerate(frames):
            x[step, [note - LOWEST for note in frame]] = 1
        answered = np.zeros((len(x), 1), bool)
        answered[-1] = True
        return Batch(x, np.zeros_like(x), answered=answered)

    def steps(self, text: str, batch: Batch) -> list[str]:
        return [_frame_name(frame > 0) for frame in batch.x[:, :, 0]]

    @property
    def output_words(self) -> Sequence[str]:
        return [note_name(LOWEST + key) for key in range(KEYS)]

    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The notes that rather sound than not in the next frame, and each note's chance that has one to speak of."""
        found = []
        for chances in sigmoid(y.astype(np.float64)).T:
            order = [int(key) for key in np.argsort(-chances, kind="stable")[:10]]
            likeliest = {note_name(LOWEST + key): float(chances[key]) for key in order}
            found.append(Answer(_frame_name(chances > 0.5), likeliest))
        return found

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """Frame after frame: what rather sounds than not; with a temperature, each key is drawn by its chance."""
        answers = []
        for text in texts:
            batch = self.encode([text])
            y, state = network.answers(batch)
            (suggested,) = self.decode(batch, y)
            rng = stream(options.seed, Purpose.SAMPLE)
            frames = [batch.x[step, :, 0] > 0 for step in range(len(batch.x))]
            begun = len(frames)
            for _ in range(options.length or FRAMES):
                frames.append(_drawn(y[:, 0], options.temperature, rng))
                fed = asked_last(np.zeros((1, 1), np.int32))
                y, state = network.answers(
                    Batch(frames[-1].astype(np.float32)[None, :, None], fed.target, answered=fed.answered), state
                )
            said = " | ".join(_frame_name(frame) for frame in frames[begun:])
            answers.append(Answer(said, suggested.probabilities, notes=np.array(frames)))
        return answers

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """A row for each frame: the notes that sound, those that were expected, and the network's 88 logits."""
        truth = batch.answers().T > 0  # (N, 88)
        assert batch.answered is not None
        return [
            {
                "column": int(b),
                "step": int(t),
                "truth": " ".join(map(str, LOWEST + np.flatnonzero(sounding))),
                "answer": " ".join(map(str, LOWEST + np.flatnonzero(logits > 0))),
                "logits": str(logits.tolist()),
            }
            for t, b, sounding, logits in zip(*np.nonzero(batch.answered), truth, y.T, strict=True)
        ]


def _is_frame(frame: object) -> bool:
    notes = range(LOWEST, LOWEST + KEYS)
    return isinstance(frame, list) and all(type(note) is int and note in notes for note in frame)


def _drawn(y: np.ndarray, temperature: float | None, rng: np.random.Generator) -> np.ndarray:
    if not temperature:
        return y > 0
    return rng.random(len(y)) < sigmoid(y.astype(np.float64) / temperature)


def _frame_name(frame: np.ndarray) -> str:
    return " ".join(note_name(LOWEST + int(key)) for key in np.flatnonzero(frame)) or "-"
