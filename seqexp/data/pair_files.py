"""Pairs of texts, a source and its translation: .tsv files without a header."""

import logging
from pathlib import Path

from seqexp.data import files
from seqexp.data.files import Faults
from seqexp.system.errors import UserError

_log = logging.getLogger(__name__)


def read(path: Path) -> list[tuple[str, str]]:
    """The pairs of a .tsv file without a header, as Anki's are: source, tab, target, and more that is ignored.

    Blanks around both are gone, and empty lines left out; quotation marks are text. UserError, with the lines, for a
    file that cannot be read, has no pairs, lines without two texts, or identifiers where the texts should be, as
    Tatoeba's files of identifier, text, identifier, text have. A warning where one of the columns holds numbers.
    """
    rows = _rows(files.text(path), str(path))
    numbers = [sum(len(row) > at and row[at].isdecimal() for row in rows) > 0.9 * len(rows) for at in range(3)]
    if numbers[0] and numbers[2]:
        raise UserError(
            f"{path}: expected a source text, a tab and a target text; columns 1 and 3 hold numbers, as Tatoeba's "
            f"identifiers do; keep the texts only, with cut -f2,4"
        )
    for at, side in enumerate(("source", "target")):
        if numbers[at]:
            _log.warning("%s: column %d, the %s text, holds numbers; are they identifiers?", path, at + 1, side)
    return [(row[0], row[1]) for row in rows]


def parse(content: str, name: str) -> list[tuple[str, str]]:
    """The pairs of a file's content, whatever the texts are; ``name`` is its name in errors."""
    return [(row[0], row[1]) for row in _rows(content, name)]


def _rows(content: str, name: str) -> list[list[str]]:
    """The first three columns of each line."""
    faults = Faults(name)
    rows = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t", 3)[:3]]
        if len(fields) < 2 or not fields[0] or not fields[1]:
            what = f"malformed row, expected a source text, a tab and a target text; got {line[:40]!r}"
            faults.add(number, what, "remove such rows, or fill them")
        else:
            rows.append(fields)
    faults.refuse()
    if not rows:
        raise UserError(f"{name}: expected pairs of source and target text; the file has none")
    return rows
