"""The user's own labelled texts: .csv, .tsv, .jsonl and .json files, folders of <Category>.txt, and lists in .txt."""

import json
import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import files, rows
from seqexp.data.batch import Split
from seqexp.data.files import Faults
from seqexp.system.errors import UserError

SUFFIXES = (*rows.SUFFIXES, ".txt")
SPLIT_NAMES: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval"), "test"),
}

_log = logging.getLogger(__name__)
_HALF_A_CHARACTER = re.compile("[\\ud800-\\udfff]")
Column = str | int  # a column's name, which may be a number


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read; ``split`` only where there is one."""

    text: Column = "text"
    label: Column = "label"
    split: Column | None = None

    def wanted(self) -> dict[str, str]:
        """key of the task -> the column's name."""
        named = {"text": self.text, "label": self.label, "split": self.split}
        return {f"task.{key}_column": files.composed(str(name)) for key, name in named.items() if name is not None}


@dataclass(frozen=True)
class Table:
    """Row i is ``texts[i]`` with ``labels[i]``, in part ``splits[i]`` if the file says; blanks around texts and labels
    are gone, and neither is empty."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[Split, ...] | None = None


def read(path: Path, columns: Columns) -> Table:
    """The labelled texts in ``path``. UserError, with the lines, for a file that cannot be read, is empty, has not the
    columns, or has malformed or empty rows.

    A table as ``rows.read`` has it; in JSON the label may be any scalar. A folder: each <Category>.txt has a text a
    line. A .txt: a text a line, all of one category, the file's name.
    """
    if path.is_dir():
        return _folder(path)
    if files.suffix(path) == ".txt":
        return _lists([path])
    wanted = columns.wanted()
    if len(set(wanted.values())) < len(wanted):
        raise UserError(f"task.label_column: expected another column than task.text_column; got {wanted}")
    faults = Faults(path)
    texts: list[str] = []
    labels: list[str] = []
    splits: list[Split] = []
    for line, fields in rows.read(path, wanted, faults):
        values = [_value(line, key, wanted[key], field, faults) for key, field in zip(wanted, fields, strict=True)]
        if all(values):
            texts.append(values[0])
            labels.append(values[1])
            splits += _part(line, values[2], faults) if len(values) > 2 else []
    faults.refuse()
    if not texts:
        raise UserError(f"{path}: expected rows of text and label; the file has none")
    _warn_of_merged_rows(path, texts, set(labels))
    return Table(tuple(texts), tuple(labels), tuple(splits) if columns.split is not None else None)


def _folder(path: Path) -> Table:
    found = files.folder_files(path)
    if not found:
        raise UserError(f"task.source: expected files called <Category>.txt in the folder {path}; there is none")
    return _lists(found)


def _lists(paths: Sequence[Path]) -> Table:
    """A text a line; the file's name is the label."""
    texts: list[str] = []
    labels: list[str] = []
    for path in paths:
        found = [files.composed(line.strip()) for _, line in files.lines(path) if line.strip()]
        if not found:
            raise UserError(f"{path}: expected texts, one a line; the file has none")
        texts += found
        labels += [files.composed(Path(path.name.removesuffix(".gz")).stem)] * len(found)
    return Table(tuple(texts), tuple(labels))


def _value(line: int, key: str, column: str, field: object, faults: Faults) -> str:
    """The field as text, or "" where it is faulty."""
    name = key.removeprefix("task.").removesuffix("_column")
    if isinstance(field, dict | list):
        what = f"expected one {name} in column {column!r}, got a JSON {type(field).__name__}"
        faults.add(line, what, "write an object for each text (pandas: orient='records')")
        return ""
    value = ("" if field is None else field if isinstance(field, str) else json.dumps(field)).strip()
    if not value:
        faults.add(line, f"expected a {name} in column {column!r}, got nothing", "remove such rows, or fill them")
    elif _HALF_A_CHARACTER.search(value):  # JSON can say half of a character, no file can
        faults.add(line, f"expected text in column {column!r}; got half of a character (\\ud800 to \\udfff)")
        return ""
    return files.composed(value)


def _part(line: int, value: str, faults: Faults) -> list[Split]:
    if value.lower() not in SPLIT_NAMES:
        faults.add(line, f"expected train, val or test in the split column; got {value[:20]!r}")
        return []
    return [SPLIT_NAMES[value.lower()]]


def _warn_of_merged_rows(path: Path, texts: Sequence[str], labels: Collection[str]) -> None:
    """Two stray quotation marks in a .csv make one text of all rows between them; such a text looks like rows."""
    for text in texts:
        for line in text.split("\n")[:-1] if "\n" in text else ():
            parts = re.split(r"[,;\t]", line)
            if len(parts) > 1 and (parts[-1].strip(' "') in labels or parts[0].strip(' "') in labels):
                _log.warning(
                    "%s: the text that begins with %r goes over %d lines, and they look like rows; is a quotation mark "
                    "left open?",
                    path,
                    text[:40],
                    text.count("\n") + 1,
                )
                return
