"""The user's own labelled texts, from .csv, .tsv and .jsonl files, and splits of labelled rows that do not leak."""

import codecs
import csv
import io
import json
import logging
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError

SUFFIXES = (".csv", ".tsv", ".jsonl")
_log = logging.getLogger(__name__)

LONGEST_FIELD = 1_000_000  # characters; a longer field means that a quotation mark was left open


@dataclass(frozen=True)
class Table:
    """Row i is ``texts[i]`` with ``labels[i]``. Both are stripped of blanks, and neither is empty."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels in alphabetical order."""
        return tuple(sorted(set(self.labels)))


Row = tuple[int, dict[str, object]]  # the line it starts on, counted from 1, and its fields by column


def read(path: Path, text_column: str, label_column: str) -> Table:
    """The table in ``path``, whose suffix says its format; .csv and .tsv start with a line of column names.

    Quoting is that of spreadsheets, in .tsv too. In .jsonl each line is an object; the label may be any scalar.
    UserError, with the line, for a file that cannot be read, is not UTF-8, is empty, lacks a column, has a malformed or
    empty row, or has only one class.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}; got {suffix or 'no suffix'}")
    if text_column == label_column:
        raise UserError(f"task.label_column: expected another column than task.text_column; both are {text_column!r}")
    content = decode(path)
    columns = {"text": text_column, "label": label_column}
    if suffix == ".jsonl":
        rows = _objects(path, content)
    else:
        rows = _records(path, content, "\t" if suffix == ".tsv" else ",", columns)
    texts: list[str] = []
    labels: list[str] = []
    for line, fields in rows:
        _require(path, line, fields, columns)
        texts.append(_value(path, line, "text", text_column, fields[text_column]))
        labels.append(_value(path, line, "label", label_column, fields[label_column]))
    if not texts:
        raise UserError(f"{path}: expected rows of text and label; the file has none")
    if len(set(labels)) == 1:
        raise UserError(
            f"{path}: expected at least two classes in column {label_column!r}; every row ({len(labels)}) has "
            f"{labels[0]!r}"
        )
    return Table(tuple(texts), tuple(labels))


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """The sentence pairs of a .tsv file without a header, as Anki's: source, tab, target; further fields are ignored.

    Both are stripped of blanks, and empty lines are left out. Quotation marks are text. UserError, with the line, for a
    file that cannot be read, is not UTF-8, has no pairs, or a line without two texts.
    """
    return split_pairs(decode(path), str(path))


def split_pairs(content: str, name: str) -> list[tuple[str, str]]:
    """As ``read_pairs``, for a file's content; errors call the file ``name``."""
    pairs = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) < 2 or not fields[0] or not fields[1]:
            raise UserError(
                f"{name}:{number}: malformed row, expected a source text, a tab and a target text; got {line[:40]!r}"
            )
        pairs.append((fields[0], fields[1]))
    if not pairs:
        raise UserError(f"{name}: expected pairs of source and target text; the file has none")
    return pairs


def decode(path: Path) -> str:
    """The file's text. UserError, with the line, if it cannot be read or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark, error.start counts from the byte after it.
        start = error.start + (len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0)
        line = raw.count(b"\n", 0, start) + 1
        raise UserError(
            f"{path}:{line}: expected UTF-8; byte {start} of the file, 0x{raw[start]:02x}, is not; save it as UTF-8"
        ) from error


def _require(path: Path, line: int, names: Iterable[str], columns: dict[str, str]) -> None:
    there = list(names)
    for key, column in columns.items():
        if column not in there:
            raise UserError(
                f"{path}:{line}: expected a column {column!r} (task.{key}_column); there are "
                f"{', '.join(map(repr, there)) or 'none'}"
            )


def _value(path: Path, line: int, key: str, column: str, field: object) -> str:
    if isinstance(field, dict | list):
        raise UserError(f"{path}:{line}: expected one {key} in column {column!r}, got a JSON {type(field).__name__}")
    value = ("" if field is None else field if isinstance(field, str) else json.dumps(field)).strip()
    if not value:
        raise UserError(f"{path}:{line}: expected a {key} in column {column!r}, got nothing; remove the row")
    if any("\ud800" <= letter <= "\udfff" for letter in value):  # JSON can escape half of a character
        raise UserError(
            f"{path}:{line}: expected text in column {column!r}; got half of a character (\\ud800 to \\udfff)"
        )
    return value


def _records(path: Path, content: str, delimiter: str, columns: dict[str, str]) -> Iterator[Row]:
    # newline="": the csv module needs line breaks inside quoted fields as they are.
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    limit = csv.field_size_limit(LONGEST_FIELD)  # of the whole process, so it is restored at the end
    try:
        while True:
            line = reader.line_num + 1  # a quoted field may span lines: errors name the line where the row starts
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise UserError(
                    f"{path}:{line}: malformed row ({error}); is a quotation mark left open, or not doubled in quotes?"
                ) from error
            if fields is None:
                return
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = [name.strip() for name in fields]
                if twice := {name for name in header if header.count(name) > 1}:
                    raise UserError(f"{path}:{line}: expected distinct column names; {min(twice)!r} is there twice")
                _require(path, line, header, columns)
            elif len(fields) != len(header):
                raise UserError(
                    f"{path}:{line}: malformed row, expected {len(header)} fields ({', '.join(header)}), got "
                    f"{len(fields)}; put quotation marks around a field that holds the separator {delimiter!r}"
                )
            else:
                yield line, dict(zip(header, fields, strict=True))
    finally:
        csv.field_size_limit(limit)


def _objects(path: Path, content: str) -> Iterator[Row]:
    # Not splitlines(), which would also cut inside strings, at U+2028.
    for line, source in enumerate(content.split("\n"), 1):
        if not source.strip():
            continue
        try:
            value = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}:{line}: malformed row, expected one JSON object a line; {error}") from error
        if not isinstance(value, dict):
            raise UserError(f"{path}:{line}: malformed row, expected a JSON object; got {source.strip()[:40]!r}")
        yield line, value


def split_rows(rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """80, 10 and 10 % of at least three rows, for training, validation and test; each part has at least one row."""
    rows = rng.permutation(rows)
    # Tenths are cut off the end, so rounding falls on the training part, which can bear it.
    tenth = max(1, round(len(rows) / 10))
    return [np.sort(part) for part in np.split(rows, [len(rows) - 2 * tenth, len(rows) - tenth])]


def stratified(classes: np.ndarray, split_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows for training, validation and test, (n,) each in ascending order: 80, 10 and 10 % of every class.

    Each class has at least one row in each, so it needs three: ValueError otherwise.
    """
    parts: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]] = ([], [], [])
    for number in np.unique(classes):
        rows = np.flatnonzero(classes == number)
        if len(rows) < 3:
            raise ValueError(f"stratified: class {number} has {len(rows)} rows, a split into three needs 3")
        # A stream for each class: one more row of a class leaves the split of the others as it was.
        for part, chosen in zip(parts, split_rows(rows, stream(split_seed, Purpose.SPLIT, int(number))), strict=True):
            part.append(chosen)
    train, val, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, val, test


@dataclass(frozen=True)
class Division:
    """Labelled rows without duplicates, in three splits that share no text.

    kept:    the rows in use, in their original order.
    labels:  the classes' names; classes (len(kept),): each kept row's class.
    splits:  "train", "val" and "test" -> positions in ``kept``, ascending.
    """

    kept: list[int]
    labels: tuple[str, ...]
    classes: np.ndarray
    splits: dict[str, np.ndarray]


def divide(texts: Sequence[Hashable], labels: Sequence[str], split_seed: int, source: str) -> Division:
    """80, 10 and 10 % of every class, with no text in two splits; equal values of ``texts`` are one text.

    A row that repeats an earlier one's text and label is left out, with a warning. A text with several labels keeps a
    row for each, all in the same split; it counts for its rarest class. UserError, naming ``source``, for a class with
    fewer than 3 texts.
    """
    # Reversed, so that of equal pairs the first row is the one that stays.
    first = {pair: row for row, pair in reversed(list(enumerate(zip(texts, labels, strict=True))))}
    kept = sorted(first.values())
    if len(kept) < len(texts):
        _log.warning(
            "%s: %d of %d rows repeat an earlier text and are left out, so that no test text is seen in training",
            source,
            len(texts) - len(kept),
            len(texts),
        )
    names = tuple(sorted(set(labels)))
    numbers = {label: number for number, label in enumerate(names)}
    classes = np.array([numbers[labels[row]] for row in kept], np.int64)
    counts = np.bincount(classes, minlength=len(names))
    text_numbers: dict[Hashable, int] = {}
    of_text = np.array([text_numbers.setdefault(texts[row], len(text_numbers)) for row in kept])  # (kept,)
    # lexsort's last key counts most: text by text, and within a text its rarest class first.
    order = np.lexsort((classes, counts[classes], of_text))
    rarest = classes[order[np.unique(of_text[order], return_index=True)[1]]]  # (texts,)
    own = np.bincount(rarest, minlength=len(names))
    if own.min() < 3:
        raise UserError(
            f"task.source: {source}: expected at least 3 different texts of each class, for training, "
            f"validation and test; class {names[own.argmin()]!r} has {own.min()}"
        )
    parts = zip(("train", "val", "test"), stratified(rarest, split_seed), strict=True)
    return Division(kept, names, classes, {split: np.flatnonzero(np.isin(of_text, part)) for split, part in parts})
