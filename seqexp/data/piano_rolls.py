"""Piano rolls, from JSON of note lists and from MATLAB 5 files: which of 88 keys sound in each frame.

A piece is stored as bits, (T, 11) bytes, so a file of N bytes takes at most about 4 N of memory.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data import files
from seqexp.data.files import Faults
from seqexp.system.errors import UserError

KEYS = 88
LOWEST = 21  # the MIDI note of the first key, A0
# Frames of a piece. MuseData's longest has 4,273. Validation and test pieces are heard whole, side by side and padded
# to the longest: 32 of so many frames take 113 MB a copy, in float32.
LONGEST = 10_000
LARGEST_FILE = 20_000_000  # bytes; the JSON reader takes up to twenty times that
PARTS = ("train", "valid", "test")


def unpack(piece: np.ndarray) -> np.ndarray:
    """Frames (T, 88) of 0 and 1, uint8, of a packed piece (T, 11)."""
    return np.unpackbits(piece, axis=1)


def read_json(path: Path) -> list[list[np.ndarray]]:
    """The packed pieces of each part: training, validation and test if the file names them, else one part.

    ``{"train": [piece, …], "valid": …, "test": …}`` or ``[piece, …]``; a piece is a list of frames, a frame the list
    of MIDI notes (21 to 108) that sound. Notes may be whole floats; -1, NaN and null are silence, as in files that give
    each voice a place. UserError says which pieces and frames are malformed.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error
    if size > LARGEST_FILE:
        raise UserError(f"{path}: expected at most {LARGEST_FILE:,} bytes; got {size:,}")
    try:
        content = json.loads(files.text(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: expected JSON; {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets without end
        raise UserError(f"{path}: expected JSON of note lists; {str(error)[:80]}") from error
    if isinstance(content, dict):
        if sorted(content) != sorted(PARTS):
            raise UserError(f"{path}: expected the keys train, valid, test; got {', '.join(sorted(content))[:80]}")
        named = [(part, content[part]) for part in PARTS]
    else:
        named = [("piece", content)]
    faults = Faults(path, place="")
    parts = [_pieces(part, pieces, faults) for part, pieces in named]
    faults.refuse()
    return parts


def _pieces(part: str, content: Any, faults: Faults) -> list[np.ndarray]:
    if not isinstance(content, list) or not content:
        faults.add(part, f"expected a list of pieces; got {repr(content)[:40]}")
        return []
    return [_piece(f"{part} {number}", piece, faults) for number, piece in enumerate(content, 1)]


def _piece(where: str, frames: Any, faults: Faults) -> np.ndarray:
    if not isinstance(frames, list) or not 2 <= len(frames) <= LONGEST:
        got = f"{len(frames):,} frames" if isinstance(frames, list) else repr(frames)[:40]
        faults.add(where, f"expected a list of 2 to {LONGEST:,} frames; got {got}")
        return np.empty((0, KEYS // 8), np.uint8)
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for t, frame in enumerate(frames):
        if not isinstance(frame, list):
            faults.add(f"{where}, frame {t + 1}", f"expected a list of MIDI notes; got {repr(frame)[:40]}")
            continue
        for note in frame:
            key = _key(note)
            if key is None:
                what = f"expected MIDI notes from {LOWEST} to {LOWEST + KEYS - 1}, or -1 for silence"
                faults.add(f"{where}, frame {t + 1}", f"{what}; got {repr(note)[:40]}")
            elif key >= 0:
                roll[t, key] = 1
    return np.packbits(roll, axis=1)


def _key(note: Any) -> int | None:
    """The key that a note is, from 0; -1 for silence, None for what is no note."""
    if note is None or note == -1 or (isinstance(note, float) and math.isnan(note)):
        return -1
    if type(note) not in (int, float) or not LOWEST <= note < LOWEST + KEYS or note != int(note):
        return None
    return int(note) - LOWEST


def read_matlab(path: Path) -> list[list[np.ndarray]]:
    """The packed pieces of ``traindata``, ``validdata`` and ``testdata``: cells of T × 88 zeros and ones."""
    from scipy.io import loadmat

    content = loadmat(path, variable_names=[f"{part}data" for part in PARTS])
    return [[np.packbits(piece.astype(np.uint8), axis=1) for piece in content[f"{part}data"].flat] for part in PARTS]
