"""Sentences with a tag for every word: CoNLL-U, two columns, and the one-line form of ATIS."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import labelled_files
from seqexp.system.errors import UserError

SUFFIXES = (".conllu", ".conll", ".iob", ".tsv", ".txt")


@dataclass(frozen=True)
class Sentence:
    """As many tags as words, at least one. ``line`` is the line of its file where it starts, counted from 1."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


def read(path: Path) -> list[Sentence]:
    """The sentences of a file: .conllu gives UPOS tags; others have a word and a tag a line, blank lines between.

    UserError, with the line, for a file that cannot be read, is not UTF-8, is empty, has a malformed line, or has only
    one tag.
    """
    rows = _conllu(path) if path.suffix.lower() == ".conllu" else _columns(path)
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    start = 0
    for line, pair in rows:
        if pair is not None:
            start = start if words else line
            words.append(pair[0])
            tags.append(pair[1])
        elif words:
            sentences.append(Sentence(tuple(words), tuple(tags), start))
            words, tags = [], []
    if not sentences:
        raise UserError(f"{path}: expected tagged words, one a line; the file has none")
    found = {tag for sentence in sentences for tag in sentence.tags}
    if len(found) == 1:
        raise UserError(f"{path}: expected at least two different tags; every word has {min(found)!r}")
    return sentences


Row = tuple[int, tuple[str, str] | None]  # the line, and its word and tag; None where a sentence ends


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines, counted from 1, without line ends. str.splitlines would also cut inside words, at U+0085."""
    yield from enumerate(labelled_files.decode(path).replace("\r\n", "\n").split("\n"), 1)


def _conllu(path: Path) -> Iterator[Row]:
    line = 0
    for line, text in _lines(path):
        if text.startswith("#"):
            continue
        if not text.strip():
            yield line, None
            continue
        columns = text.split("\t")
        if len(columns) != 10:
            raise UserError(f"{path}:{line}: expected 10 columns with tabs between (CoNLL-U); got {len(columns)}")
        number, word, tag = columns[0], columns[1], columns[3]
        if "-" in number or "." in number:  # a token of several words, or an empty node
            continue
        if not (number.isdigit() and word and tag):
            raise UserError(f"{path}:{line}: expected a number, a word and a tag in columns 1, 2, 4; got {text[:60]!r}")
        yield line, (word, tag)
    yield line, None


def _columns(path: Path) -> Iterator[Row]:
    line = 0
    for line, text in _lines(path):
        if not text.strip():
            yield line, None
            continue
        columns = text.split("\t") if "\t" in text else text.split()
        pair = [column.strip() for column in columns]
        if len(pair) != 2 or not all(pair):
            raise UserError(
                f"{path}:{line}: expected a word and a tag, with a tab or a space between; got {text[:60]!r}"
            )
        yield line, (pair[0], pair[1])
    yield line, None


def read_atis(path: Path) -> list[Sentence]:
    """Lines of ``BOS w1 … wn EOS<TAB>O s1 … sn intent``; the intent is left out. UserError with the line."""
    sentences = []
    for line, text in _lines(path):
        if not text.strip():
            continue
        left, _, right = text.partition("\t")
        words, tags = left.split(), right.split()
        if len(words) != len(tags) or len(words) < 3 or words[0] != "BOS" or words[-1] != "EOS":
            raise UserError(f"{path}:{line}: expected 'BOS words EOS<TAB>O slots intent', as many on both sides")
        sentences.append(Sentence(tuple(words[1:-1]), tuple(tags[1:-1]), line))
    return sentences
