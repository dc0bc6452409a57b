"""Rows of named columns, from the formats that tables come in: CSV, TSV, and JSON by lines or as one array."""

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqexp.data import files
from seqexp.data.files import Faults
from seqexp.system.errors import UserError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json")
LONGEST_FIELD = 1_000_000  # characters; beyond it a quotation mark was left open

Row = tuple[int, list[Any]]  # the line it starts on, counted from 1, and its fields in the order of the wanted columns


def read(path: Path, wanted: Mapping[str, str], faults: Faults) -> Iterator[Row]:
    """The rows of a file, whose suffix says its format; what is malformed goes to ``faults`` and is left out.

    .csv: a line of column names, then rows, quoted as spreadsheets do. The separator is the comma, or where the wanted
    columns are found only so, the semicolon or the tab. .tsv: the same with tabs and a line a row; a quotation mark is
    text (see ``_unquoted``). .jsonl and .json: an object a line, or one array of objects, whose lines are then the
    items' numbers.

    wanted: setting -> the column's name. UserError where one is missing, or twice.
    """
    content = files.text(path)
    suffix = files.suffix(path)
    if suffix in (".jsonl", ".json"):
        yield from _objects(path, content, wanted, faults)
    elif suffix == ".tsv":
        yield from _tabbed(path, content, wanted, faults)
    else:
        with _longest_field():  # closed before anything is yielded: a reader may stop half-way
            found = list(_separated(path, content, wanted, faults))
        yield from found


def names(path: Path, wanted: Collection[str]) -> list[str]:
    """The column names in the first line of a .csv or .tsv, separated as where the wanted ones are found."""
    content = files.text(path)
    first = next((line for line in content.split("\n", 50) if line.strip()), "")
    delimiter = "\t" if files.suffix(path) == ".tsv" else _delimiter(content, wanted)
    try:
        return _names(next(csv.reader([first], delimiter=delimiter), []))
    except csv.Error:
        return []


def _positions(path: Path, line: int, there: Sequence[str], wanted: Mapping[str, str], hint: str = "") -> list[int]:
    """Where the wanted columns are. Others may repeat each other; UserError where a wanted one is missing or twice."""
    for key, column in wanted.items():
        if (count := there.count(column)) != 1:
            listed = ", ".join(map(repr, there))[:300] or "none"
            problem = f"{column!r} is there {count} times, in {listed}" if count else f"there are {listed}"
            raise UserError(f"{path}:{line}: expected a column {column!r} ({key}); {problem}; name another{hint}")
    return [there.index(column) for column in wanted.values()]


def _separated(path: Path, content: str, wanted: Mapping[str, str], faults: Faults) -> Iterator[Row]:
    """The rows of a .csv. One that cannot be understood ends them, since what is behind it cannot be either."""
    delimiter = _delimiter(content, wanted.values())
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    at: list[int] = []
    while True:
        line = reader.line_num + 1  # a quoted field may go on over lines: name the one where the row starts
        try:
            fields = next(reader, None)
        except csv.Error as error:
            faults.add(line, f"malformed row ({error})", "is a quotation mark left open, or not doubled in quotes?")
            return
        if fields is None:
            return
        if not any(field.strip() for field in fields):
            continue
        if header is None:
            header = _names(fields)
            at = _positions(path, line, header, wanted, "; the first line must hold the columns' names")
        elif len(fields) != len(header):
            faults.add(
                line,
                f"malformed row, expected {len(header)} fields ({', '.join(header)[:200]}), got {len(fields)}",
                f"put quotation marks around a field that holds the separator {delimiter!r}",
            )
        else:
            yield line, [fields[place] for place in at]


def _delimiter(content: str, wanted: Collection[str]) -> str:
    """The comma, unless the first line has the wanted columns only with another separator between them."""
    first = next((line for line in content.split("\n", 50) if line.strip()), "")
    for delimiter in (",", ";", "\t"):
        try:
            names = _names(next(csv.reader([first], delimiter=delimiter), []))
        except csv.Error:
            continue
        if set(wanted) <= set(names):
            return delimiter
    return ","


def _tabbed(path: Path, content: str, wanted: Mapping[str, str], faults: Faults) -> Iterator[Row]:
    """The rows of a .tsv: a line each, whatever quotation marks it has."""
    header: list[str] | None = None
    quoted = False
    at: list[int] = []
    for line, row in enumerate(content.split("\n"), 1):
        if not row.strip():
            continue
        fields = row.split("\t")
        if header is None:
            quoted = all(_unquoted(field, True) != field for field in fields)
            header = _names([_unquoted(field, quoted) for field in fields])
            hint = "; .tsv has tabs between columns: rename a file with commas to .csv" if len(header) == 1 else ""
            at = _positions(path, line, header, wanted, hint)
        elif len(fields) != len(header):
            faults.add(
                line,
                f"malformed row, expected {len(header)} fields ({', '.join(header)[:200]}), got {len(fields)}",
                "a .tsv has a line a row and no tab in a text; save texts that have either as .csv",
            )
        else:
            yield line, [_unquoted(fields[place], quoted) for place in at]


def _unquoted(field: str, quoted: bool) -> str:
    """The field without the quotation marks that a spreadsheet puts around it; any other mark is text.

    A spreadsheet doubles the marks inside, which nobody else does; without any inside, the header says (``quoted``)
    whether all fields are in quotation marks.
    """
    inside = field[1:-1]
    in_marks = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inside.replace('""', "")
    return inside.replace('""', '"') if in_marks and (quoted or '""' in inside) else field


def _names(fields: Sequence[str]) -> list[str]:
    return [files.composed(name.strip()) for name in fields]


@contextmanager
def _longest_field() -> Iterator[None]:
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _objects(path: Path, content: str, wanted: Mapping[str, str], faults: Faults) -> Iterator[Row]:
    for number, value in _values(path, content, faults):
        if not isinstance(value, dict):
            faults.add(number, f"malformed row, expected a JSON object; got a JSON {type(value).__name__}")
            continue
        named = {files.composed(name): field for name, field in value.items()}
        missing = [column for column in wanted.values() if column not in named]
        if missing:
            key = next(key for key, column in wanted.items() if column == missing[0])
            there = ", ".join(map(repr, named))[:200] or "none"
            faults.add(number, f"expected a column {missing[0]!r} ({key}); there are {there}")
        else:
            yield number, [named[column] for column in wanted.values()]


def _values(path: Path, content: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    """The line and the value of each line; of an array the number and the value of each item."""
    if content.lstrip().startswith("["):
        faults.place = "item"
        try:
            yield from enumerate(json.loads(content), 1)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: expected one JSON array of objects; {str(error)[:100]}") from error
        return
    for line, source in enumerate(content.split("\n"), 1):
        if source.strip():
            try:
                yield line, json.loads(source)
            except (ValueError, RecursionError) as error:
                what = f"malformed row, expected one JSON object a line; {str(error)[:80]}"
                faults.add(line, what, "write an object a line, or one array of objects")
