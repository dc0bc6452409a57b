"""Chord progressions that repeat: a model that remembers the first round knows the others.

A piece has a key, bars of 2, 3 or 4 frames, and four chords of that key, drawn by what usually follows what. A bar is
one chord: its root in the bass and its three notes above, held, and a melody that goes up or down the chord, a note a
frame. The four bars are played three or four times.
"""

from dataclasses import dataclass

import numpy as np

from seqexp.data.piano_rolls import KEYS, LOWEST

DEGREES = (0, 2, 4, 5, 7, 9)  # I ii iii IV V vi, in semitones above the key's note
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 7), (0, 4, 7), (0, 4, 7), (0, 3, 7))
NEXT = np.array(  # row i: the probability of each degree after degree i
    [
        [0.0, 0.15, 0.10, 0.30, 0.25, 0.20],
        [0.1, 0.0, 0.10, 0.10, 0.60, 0.10],
        [0.0, 0.10, 0.0, 0.40, 0.0, 0.50],
        [0.3, 0.15, 0.0, 0.0, 0.45, 0.10],
        [0.5, 0.0, 0.05, 0.15, 0.0, 0.30],
        [0.0, 0.30, 0.10, 0.40, 0.20, 0.0],
    ]
)
CHORDS = 4
ROUNDS = (3, 5)  # at least 3, less than 5


@dataclass(frozen=True)
class Progression:
    """What a piece plays. key: semitones above C; bar: frames; degrees, up: a chord's degree, and its direction."""

    key: int
    bar: int
    rounds: int
    degrees: tuple[int, ...]
    up: tuple[bool, ...]

    @property
    def pattern(self) -> bytes:
        """Equal for progressions of which whoever knows one knows the other: in another key, or played longer."""
        return bytes((self.bar, *self.degrees, *self.up))

    def roll(self) -> np.ndarray:
        """Packed frames (T, 11), T from 24 to 64: see ``data.piano_rolls``."""
        t = np.arange(self.rounds * CHORDS * self.bar)
        number, inside = t // self.bar % CHORDS, t % self.bar
        degree = np.array(self.degrees)[number]
        root = (self.key + np.array(DEGREES)[degree]) % 12
        triad = root[:, None] + np.array(TRIADS)[degree]  # (T, 3)
        step = np.where(np.array(self.up)[number], inside, self.bar - 1 - inside)
        melody = 72 + triad[t, step % 3] + 12 * (step // 3)
        roll = np.zeros((len(t), KEYS), np.uint8)
        roll[t[:, None], np.column_stack((36 + root, 60 + triad, melody)) - LOWEST] = 1
        return np.packbits(roll, axis=1)


def progression(rng: np.random.Generator) -> Progression:
    key, bar, rounds = int(rng.integers(12)), int(rng.integers(2, 5)), int(rng.integers(*ROUNDS))
    degrees = [0]
    while len(degrees) < CHORDS:
        degrees.append(int(rng.choice(len(DEGREES), p=NEXT[degrees[-1]])))
    return Progression(key, bar, rounds, tuple(degrees), tuple((rng.random(CHORDS) < 0.5).tolist()))
