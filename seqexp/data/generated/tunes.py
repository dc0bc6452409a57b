"""Traditional tunes as notes, transcribed for this project. All are old enough to be in the public domain.

Each is its first verse in C major, without rhythm: a note is a letter and an octave, C4 is middle C (MIDI 60).
"""

import numpy as np

_SCORES = {
    "Twinkle, twinkle, little star": """
        C4 C4 G4 G4 A4 A4 G4 F4 F4 E4 E4 D4 D4 C4 G4 G4 F4 F4 E4 E4 D4 G4 G4 F4 F4 E4 E4 D4
        C4 C4 G4 G4 A4 A4 G4 F4 F4 E4 E4 D4 D4 C4""",
    "Frère Jacques": """
        C4 D4 E4 C4 C4 D4 E4 C4 E4 F4 G4 E4 F4 G4 G4 A4 G4 F4 E4 C4 G4 A4 G4 F4 E4 C4 C4 G3 C4 C4 G3 C4""",
    "London Bridge is falling down": """
        G4 A4 G4 F4 E4 F4 G4 D4 E4 F4 E4 F4 G4 G4 A4 G4 F4 E4 F4 G4 D4 G4 E4 C4""",
    "Au clair de la lune": """
        C4 C4 C4 D4 E4 D4 C4 E4 D4 D4 C4 C4 C4 C4 D4 E4 D4 C4 E4 D4 D4 C4
        D4 D4 D4 D4 A3 A3 D4 C4 B3 A3 G3 C4 C4 C4 D4 E4 D4 C4 E4 D4 D4 C4""",
    "Mary had a little lamb": """
        E4 D4 C4 D4 E4 E4 E4 D4 D4 D4 E4 G4 G4 E4 D4 C4 D4 E4 E4 E4 E4 D4 D4 E4 D4 C4""",
    "Row, row, row your boat": """
        C4 C4 C4 D4 E4 E4 D4 E4 F4 G4 C5 C5 C5 G4 G4 G4 E4 E4 E4 C4 C4 C4 G4 F4 E4 D4 C4""",
    "Hot cross buns": """
        E4 D4 C4 E4 D4 C4 C4 C4 C4 C4 D4 D4 D4 D4 E4 D4 C4""",
    "Old MacDonald had a farm": """
        C4 C4 C4 G3 A3 A3 G3 E4 E4 D4 D4 C4 G3 C4 C4 C4 G3 A3 A3 G3 E4 E4 D4 D4 C4
        G3 G3 C4 C4 C4 G3 G3 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4 C4
        C4 C4 C4 G3 A3 A3 G3 E4 E4 D4 D4 C4""",
    "Go tell Aunt Rhody": """
        E4 E4 D4 C4 C4 D4 D4 F4 E4 D4 C4 G4 G4 F4 E4 E4 E4 D4 C4 D4 E4 C4""",
    "Lightly row": """
        G4 E4 E4 F4 D4 D4 C4 D4 E4 F4 G4 G4 G4 G4 E4 E4 F4 D4 D4 C4 E4 G4 G4 C4
        D4 D4 D4 D4 D4 E4 F4 E4 E4 E4 E4 E4 F4 G4 G4 E4 E4 F4 D4 D4 C4 E4 G4 G4 C4""",
    "When the saints go marching in": """
        C4 E4 F4 G4 C4 E4 F4 G4 C4 E4 F4 G4 E4 C4 E4 D4 E4 E4 D4 C4 E4 G4 G4 F4 E4 F4 G4 E4 C4 D4 C4""",
    "Yankee Doodle": """
        C4 C4 D4 E4 C4 E4 D4 C4 C4 D4 E4 C4 B3 C4 C4 D4 E4 F4 E4 D4 C4 B3 G3 A3 B3 C4 C4
        A3 B3 A3 G3 A3 B3 C4 G3 A3 G3 F3 E3 G3 A3 B3 A3 G3 A3 B3 C4 A3 G3 C4 B3 D4 C4 C4""",
}
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def _midi(note: str) -> int:
    return _SEMITONES[note[0]] + 12 * (int(note[1:]) + 1)


TUNES = {name: np.array([_midi(note) for note in score.split()]) for name, score in _SCORES.items()}


def note_name(number: int) -> str:
    """MIDI 60 is "C4"."""
    return f"{_NAMES[number % 12]}{number // 12 - 1}"
