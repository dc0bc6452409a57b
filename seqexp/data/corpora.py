"""Labelled texts: the public data sets, and the user's own file, as one type."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import fetch, labelled_files, sources


@dataclass(frozen=True)
class Corpus:
    """Row i is ``texts[i]`` with ``labels[i]``; ``fingerprint`` hashes the file or files."""

    texts: Sequence[str]
    labels: Sequence[str]
    fingerprint: str


def own_file(source: str, named: Sequence[str], text_column: str, label_column: str) -> Corpus:
    """The user's .csv, .tsv or .jsonl. UserError, which lists the ``named`` sources too, if there is none."""
    path = fetch.own_path(source, named, labelled_files.SUFFIXES)
    table = labelled_files.read(path, text_column, label_column)
    return Corpus(table.texts, table.labels, fetch.sha256(path))


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
    table = labelled_files.read(fetch.locate(data_dir, "hate-offensive", "labeled_data.csv"), "tweet", "class")
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
