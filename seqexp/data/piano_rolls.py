"""Piano rolls, from JSON of note lists and from MATLAB 5 files: which of 88 keys sound in each frame.

A piece is stored as bits, (T, 11) bytes, so a file of N bytes takes at most about 4 N of memory.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data import labelled_files
from seqexp.system.errors import UserError

KEYS = 88
LOWEST = 21  # the MIDI note of the first key, A0
LONGEST = 4000  # frames of a piece: a batch is padded to its longest piece
LARGEST_FILE = 20_000_000  # bytes; the JSON reader needs up to twenty times as much memory
PARTS = ("train", "valid", "test")


def unpack(piece: np.ndarray) -> np.ndarray:
    """Frames (T, 88) of 0 and 1, uint8, of a packed piece (T, 11)."""
    return np.unpackbits(piece, axis=1)


def read_json(path: Path) -> list[list[np.ndarray]]:
    """The packed pieces of each part: training, validation and test if the file names them, else one part.

    ``{"train": [piece, …], "valid": …, "test": …}`` or ``[piece, …]``; a piece is a list of frames, a frame the list
    of MIDI notes (21 to 108) that sound. UserError says which piece and frame is malformed.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error
    if size > LARGEST_FILE:
        raise UserError(f"{path}: expected at most {LARGEST_FILE:,} bytes; got {size:,}")
    try:
        content = json.loads(labelled_files.decode(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: expected JSON; {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets without end
        raise UserError(f"{path}: expected JSON of note lists; {str(error)[:80]}") from error
    if isinstance(content, dict):
        if sorted(content) != sorted(PARTS):
            raise UserError(f"{path}: expected the keys train, valid, test; got {', '.join(sorted(content))[:80]}")
        return [_pieces(path, part, content[part]) for part in PARTS]
    return [_pieces(path, "piece", content)]


def _pieces(path: Path, part: str, content: Any) -> list[np.ndarray]:
    if not isinstance(content, list) or not content:
        raise UserError(f"{path}: {part}: expected a list of pieces; got {repr(content)[:40]}")
    return [_piece(f"{path}: {part} {number}", piece) for number, piece in enumerate(content, 1)]


def _piece(where: str, frames: Any) -> np.ndarray:
    if not isinstance(frames, list) or not 2 <= len(frames) <= LONGEST:
        got = f"{len(frames):,} frames" if isinstance(frames, list) else repr(frames)[:40]
        raise UserError(f"{where}: expected a list of 2 to {LONGEST:,} frames; got {got}")
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for t, frame in enumerate(frames):
        if not isinstance(frame, list):
            raise UserError(f"{where}, frame {t + 1}: expected a list of MIDI notes; got {repr(frame)[:40]}")
        for note in frame:
            if type(note) is not int or not LOWEST <= note < LOWEST + KEYS:
                raise UserError(
                    f"{where}, frame {t + 1}: expected MIDI notes from {LOWEST} to {LOWEST + KEYS - 1}; "
                    f"got {repr(note)[:40]}"
                )
            roll[t, note - LOWEST] = 1
    return np.packbits(roll, axis=1)


def read_matlab(path: Path) -> list[list[np.ndarray]]:
    """The packed pieces of ``traindata``, ``validdata`` and ``testdata``: cells of T × 88 zeros and ones."""
    from scipy.io import loadmat

    content = loadmat(path, variable_names=[f"{part}data" for part in PARTS])
    return [[np.packbits(piece.astype(np.uint8), axis=1) for piece in content[f"{part}data"].flat] for part in PARTS]
