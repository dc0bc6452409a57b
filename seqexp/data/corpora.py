"""Labelled texts: the public data sets, and the user's own files, as one type."""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import fetch, files, labelled_files, sources
from seqexp.data.batch import Split
from seqexp.data.labelled_files import Columns
from seqexp.system.errors import UserError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corpus:
    """Row i is ``texts[i]`` with ``labels[i]``, and where the user says so in part ``splits[i]``; ``fingerprint``
    hashes the file or files."""

    texts: Sequence[str]
    labels: Sequence[str]
    fingerprint: str
    splits: Sequence[Split] | None = None


def own_files(
    source: str,
    named: Sequence[str],
    columns: Columns,
    held_out: dict[Split, str | None],
    one_label: bool = False,
) -> Corpus:
    """The user's own texts: a table, a folder of <Category>.txt, and the files of the parts that are ``held_out``.

    ``one_label``: whether texts of one label are worth reading. UserError, which lists the ``named`` sources too, if
    there is no such file, or it cannot be used.
    """
    paths = files.own_paths(source, named, labelled_files.SUFFIXES, held_out, folder="<Category>.txt")
    if columns.split is not None and len(paths) > 1:
        raise UserError("task.split_column: expected null beside task.val_source or task.test_source; got both")
    tables = {part: labelled_files.read(path, columns) for part, path in paths.items()}
    texts = [text for table in tables.values() for text in table.texts]
    labels = _one_spelling([label for table in tables.values() for label in table.labels], source)
    splits = [part for part, table in tables.items() for _ in table.texts]
    if len(set(labels)) == 1 and not one_label:
        is_list = files.suffix(paths["train"]) == ".txt" or paths["train"].is_dir()
        where = "" if is_list else f" in column {columns.label!r}"
        hint = "; name a folder with a <Category>.txt for each class, or a table" if is_list else ""
        raise UserError(
            f"{paths['train']}: expected at least two classes{where}; every row ({len(labels)}) has {labels[0]!r}{hint}"
        )
    _warn_of_numbers(source, texts, columns)
    given = splits if len(paths) > 1 else tables["train"].splits
    return Corpus(texts, labels, files.fingerprint(paths), given)


def rt_polarity(data_dir: str | None) -> Corpus:
    """10,662 sentences from film reviews, half of them positive; spaces separate the tokens."""
    texts: list[str] = []
    labels: list[str] = []
    for label, file in (("negative", "rt-polarity.neg"), ("positive", "rt-polarity.pos")):
        lines = _lines(fetch.locate(data_dir, "rt-polarity", file))
        texts += lines
        labels += [label] * len(lines)
    return Corpus(texts, labels, sources.fingerprint("rt-polarity"))


def hate_offensive(data_dir: str | None) -> Corpus:
    """24,783 tweets, labelled "hate", "offensive" or "neither". Abusive: texts for networks, not for eyes."""
    path = fetch.locate(data_dir, "hate-offensive", "labeled_data.csv")
    table = labelled_files.read(path, Columns("tweet", "class"))
    names = {"0": "hate", "1": "offensive", "2": "neither"}
    return Corpus(table.texts, [names[label] for label in table.labels], sources.fingerprint("hate-offensive"))


def names(data_dir: str | None) -> Corpus:
    """20,050 rows of surnames in 18 languages, unchanged: many Arabic names repeat."""
    texts: list[str] = []
    labels: list[str] = []
    for file in sources.FILES["names"]:
        found = [line.strip() for line in _lines(fetch.locate(data_dir, "names", file))]
        texts += found
        labels += [file.removesuffix(".txt")] * len(found)
    return Corpus(texts, labels, sources.fingerprint("names"))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines() would also cut at U+0085


def _one_spelling(labels: Sequence[str], source: str) -> list[str]:
    """The labels with 1 and 1.0 as one class, told in a warning; classes that differ in capitals stay, told too."""
    counts = Counter(labels)
    whole = {label: re.sub(r"\.0+$", "", label) for label in counts if re.fullmatch(r"-?\d+\.0+", label)}
    merged = {label: name for label, name in whole.items() if name in counts or list(whole.values()).count(name) > 1}
    if merged:
        told = ", ".join(f"{label} ({counts[label]:,}) as {name}" for label, name in sorted(merged.items()))
        _log.warning("%s: labels that are the same number are read as one class: %s", source, told[:300])
    spellings: dict[str, list[str]] = {}
    for label in sorted(counts):
        spellings.setdefault(label.casefold(), []).append(repr(label))
    if alike := [" and ".join(same) for same in spellings.values() if len(same) > 1]:
        _log.warning("%s: classes differ in capitals only, and stay apart: %s", source, ", ".join(alike)[:300])
    return [merged.get(label, label) for label in labels]


def _warn_of_numbers(source: str, texts: Sequence[str], columns: Columns) -> None:
    numbers = sum(text.replace(".", "", 1).removeprefix("-").isdecimal() for text in texts)
    if numbers > 0.9 * len(texts):
        _log.warning(
            "%s: %d of %d texts are numbers; is column %r the text (task.text_column)?",
            source,
            numbers,
            len(texts),
            columns.text,
        )
