"""Sentences with a tag for every word: CoNLL-U, files of columns, and the one-line form of ATIS."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import files
from seqexp.data.files import Faults
from seqexp.system.errors import UserError

SUFFIXES = (".conllu", ".conll", ".iob", ".tsv", ".txt")
CONLLU = {"word": 2, "tag": 4}  # FORM and UPOS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sentence:
    """As many tags as words, at least one. ``line`` is the line of its file where it starts, counted from 1."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Columns:
    """Which columns the word and the tag are in, from 1; None takes the format's own, or those of two columns."""

    word: int | None = None
    tag: int | None = None


Row = tuple[int, tuple[str, str] | None]  # the line, and its word and tag; None where a sentence ends


def read(path: Path, columns: Columns | None = None) -> list[Sentence]:
    """The sentences of a file: .conllu, or lines of columns with tabs or spaces between, blank lines between sentences.

    .conllu gives words and UPOS tags. Other files have a word and a tag a line; of more ``columns`` the two have to be
    named. A line that begins with -DOCSTART- is no word but the border of a document; one that begins with # and has
    another number of columns than the rest is a comment.

    UserError, with the lines, for a file that cannot be read, is empty, or has malformed lines.
    """
    columns = columns or Columns()
    faults = Faults(path)
    rows = _conllu(path, columns, faults) if files.suffix(path) == ".conllu" else _columns(path, columns, faults)
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    start = 0
    for line, pair in rows:
        if pair is not None:
            start = start if words else line
            words.append(files.composed(pair[0]))
            tags.append(files.composed(pair[1]))
        elif words:
            sentences.append(Sentence(tuple(words), tuple(tags), start))
            words, tags = [], []
    faults.refuse()
    if not sentences:
        raise UserError(f"{path}: expected tagged words, one a line; the file has none")
    _warn_of_numbers(path, sentences)
    return sentences


def _conllu(path: Path, columns: Columns, faults: Faults) -> Iterator[Row]:
    word_at, tag_at = _checked(path, columns.word or CONLLU["word"], columns.tag or CONLLU["tag"], 10, "")
    line = 0
    for line, text in files.lines(path):
        if text.startswith("#"):
            continue
        if not text.strip():
            yield line, None
            continue
        fields = text.split("\t")
        if len(fields) != 10:
            faults.add(line, f"expected 10 columns with tabs between (CoNLL-U); got {len(fields)}")
            continue
        number, word, tag = fields[0], fields[word_at], fields[tag_at]
        if "-" in number or "." in number:  # a token of several words, or an empty node
            continue
        if not (number.isdigit() and word and tag):
            where = f"1, {word_at + 1}, {tag_at + 1}"
            faults.add(line, f"expected a number, a word and a tag in columns {where}; got {text[:60]!r}")
            continue
        yield line, (word, tag)
    yield line, None


def _columns(path: Path, columns: Columns, faults: Faults) -> Iterator[Row]:
    rows = [(line, text, _fields(text)) for line, text in files.lines(path)]
    counts = Counter(len(fields) for _, _, fields in rows if fields)
    usual = max(2, max(counts, key=lambda count: (counts[count], count), default=2))
    word_at, tag_at = _places(
        path, columns, usual, [row for _, text, row in rows if len(row) == usual and not _is_border(text)]
    )
    line = 0
    for line, text, fields in rows:
        if not fields or _is_border(text):
            yield line, None
        elif len(fields) == usual and fields[word_at] and fields[tag_at]:
            yield line, (fields[word_at], fields[tag_at])
        elif not text.startswith("#") or len(fields) == usual:
            expected = "a word and a tag, with a tab or a space between" if usual == 2 else f"{usual} columns, as most"
            faults.add(line, f"expected {expected}; got {text[:60]!r}")
    yield line, None


def _is_border(text: str) -> bool:
    """Whether the line says that a document begins, as CoNLL 2003 has it."""
    return text.startswith("-DOCSTART-")


def _fields(text: str) -> list[str]:
    """The columns of a line. Only tabs and spaces separate: a no-break space is part of a word."""
    text = text.rstrip(" \t")
    if not text:
        return []
    return [field.strip(" ") for field in text.split("\t")] if "\t" in text else re.split(" +", text.strip(" "))


def _places(path: Path, columns: Columns, usual: int, rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Where the word and the tag are, from 0. UserError where the file's number of columns does not say."""
    example = " | ".join(rows[0])[:80] if rows else ""
    if usual > 2 and columns == Columns():
        word = 2 if rows and rows[0][0].isdecimal() else 1
        spans = [at for at in range(word, usual) if any(re.match("[BIES]-", row[at]) for row in rows[:1000])]
        raise UserError(
            f"{path}: expected two columns, word and tag; got {usual} ({example}); say which they are, counted from 1, "
            f"such as task.word_column={word} task.tag_column={spans[-1] + 1 if spans else usual}"
        )
    return _checked(path, columns.word or 1, columns.tag or usual, usual, f" ({example})")


def _checked(path: Path, word: int, tag: int, count: int, example: str) -> tuple[int, int]:
    """The two columns, counted from 0. UserError where the file does not have them."""
    for key, column in (("word", word), ("tag", tag)):
        if column > count:
            raise UserError(f"task.{key}_column: expected 1 to {count}, the columns of {path}{example}; got {column}")
    if word == tag:
        raise UserError(f"task.tag_column: expected another column than task.word_column; both are {tag}")
    return word - 1, tag - 1


def _warn_of_numbers(path: Path, sentences: Sequence[Sentence]) -> None:
    words = [word for one in sentences for word in one.words]
    numbers = sum(word.isdecimal() for word in words)
    if numbers > 0.9 * len(words):
        _log.warning("%s: %d of %d words are numbers; is it the column of the words?", path, numbers, len(words))


def read_atis(path: Path) -> list[Sentence]:
    """Lines of ``BOS w1 … wn EOS<TAB>O s1 … sn intent``; the intent is left out. UserError with the line."""
    sentences = []
    for line, text in files.lines(path):
        if not text.strip():
            continue
        left, _, right = text.partition("\t")
        words, tags = left.split(), right.split()
        if len(words) != len(tags) or len(words) < 3 or words[0] != "BOS" or words[-1] != "EOS":
            raise UserError(f"{path}:{line}: expected 'BOS words EOS<TAB>O slots intent', as many on both sides")
        sentences.append(Sentence(tuple(words[1:-1]), tuple(tags[1:-1]), line))
    return sentences
