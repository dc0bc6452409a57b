"""IDX, the file format of MNIST: a magic number, the size of each dimension, then unsigned bytes, all big-endian."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from seqexp.system.errors import UserError

UNSIGNED_BYTES = 0x08  # third byte of the magic number; the fourth is the number of dimensions


def read(path: Path) -> np.ndarray:
    """The array (uint8) in a gzipped IDX file. UserError if the file is something else."""
    try:
        content = gzip.decompress(path.read_bytes())
        shape = _shape(content)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: expected a gzipped IDX file of unsigned bytes; {error}") from error
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def first(content: bytes, records: int) -> bytes:
    """An IDX file's first records, as an IDX file."""
    shape = _shape(content)
    start = 4 + 4 * len(shape)
    count = min(records, shape[0])
    end = start + count * math.prod(shape[1:])
    return content[:4] + struct.pack(">I", count) + content[8:end]


def _shape(content: bytes) -> tuple[int, ...]:
    """The dimensions. ValueError if the header is not that of unsigned bytes, or does not fit the length."""
    if len(content) < 4 or content[:3] != bytes((0, 0, UNSIGNED_BYTES)):
        raise ValueError(f"the header is {content[:4].hex(' ')}")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if not dimensions or len(content) < start:
        raise ValueError("the header is incomplete")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(f"the header says {shape}, and {len(content) - start} bytes follow")
    return shape
