"""What ``translate`` translates: pairs of texts in three splits, from num2words, Tatoeba or the user's own file."""

import hashlib
import logging
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seqexp.data import fetch, labelled_files, numerals, text
from seqexp.data.batch import Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError

LARGEST_SIZES = {"val": 1000, "test": 2000}  # sources, or a tenth of those there are if that is less

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A source and all that counts as its translation; normalised texts."""

    source: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Three splits without a source in common, and a hash of where they come from."""

    splits: dict[Split, list[Pair]]
    fingerprint: str


def numbers(from_language: str, to_language: str, largest: int, examples: int, split_seed: int) -> Pairs:
    """The numbers 0 to ``largest`` in words: up to ``examples`` for training, others for validation and test."""
    count = largest + 1
    held_out = {split: min(size, max(1, count // 10)) for split, size in LARGEST_SIZES.items()}
    kept = sum(held_out.values())
    unseen = stream(split_seed, Purpose.SPLIT).choice(count, kept, replace=False).tolist()
    others = stream(split_seed, Purpose.SPLIT, 1).choice(count, min(count, examples + kept), replace=False).tolist()
    never = set(unseen)
    drawn = unseen + [number for number in others if number not in never][:examples]
    sources = map(text.normalised, numerals.spelled(drawn, from_language, "task.from_language"))
    targets = map(text.normalised, numerals.spelled(drawn, to_language, "task.to_language"))
    pairs = [Pair(source, (target,)) for source, target in zip(sources, targets, strict=True)]
    lines = "\n".join(f"{pair.source}\t{pair.references[0]}" for pair in pairs)
    return Pairs(_cut(pairs, held_out), hashlib.sha256(lines.encode()).hexdigest())


def tatoeba(data_dir: str | None, from_language: str, to_language: str) -> tuple[list[tuple[str, str]], str]:
    """The pairs of the package of 2017-09-29 in the direction asked for, and their file's hash."""
    for key, language in (("from_language", from_language), ("to_language", to_language)):
        if language not in ("en", "fr") or from_language == to_language:
            raise UserError(f"task.{key}: expected en and fr, one each way, with tatoeba-fra-eng; got {language!r}")
    path = fetch.locate(data_dir, "tatoeba-fra-eng", "fra-eng.zip")
    with zipfile.ZipFile(path) as package:
        content = package.read("fra.txt").decode("utf-8")
    pairs = labelled_files.split_pairs(content, f"{path}/fra.txt")
    return (pairs if from_language == "en" else [(fr, en) for en, fr in pairs]), fetch.sha256(path)


def own(path: Path) -> tuple[list[tuple[str, str]], str]:
    """The pairs of the user's own .tsv file, and its hash."""
    return labelled_files.read_pairs(path), fetch.sha256(path)


def sentences(
    pairs: Iterable[tuple[str, str]], fingerprint: str, name: str, max_length: int, examples: int, split_seed: int
) -> Pairs:
    """Split by distinct source, so that a source with several translations lies in one split.

    Pairs with a side of more than ``max_length`` words and punctuation marks are left out. Up to ``examples`` pairs are
    for training.
    """
    references: dict[str, dict[str, None]] = {}
    kept = total = 0
    for source, target in ((text.normalised(a), text.normalised(b)) for a, b in pairs):
        total += 1
        if max(len(text.pieces(source)), len(text.pieces(target))) <= max_length:
            kept += 1
            references.setdefault(source, {})[target] = None
    if kept < total:
        _log.info("%s: %d of %d pairs have at most %d words (task.max_length)", name, kept, total, max_length)
    if len(references) < 3:
        raise UserError(
            f"task.source: {name}: expected at least 3 different sources of at most {max_length} words "
            f"(task.max_length), for training, validation and test; got {len(references)}"
        )
    sources = sorted(references)
    order = stream(split_seed, Purpose.SPLIT).permutation(len(sources))
    shuffled = [Pair(sources[row], tuple(references[sources[row]])) for row in order]
    held_out = {split: min(size, max(1, len(sources) // 10)) for split, size in LARGEST_SIZES.items()}
    splits = _cut(shuffled, held_out)
    single = [Pair(pair.source, (target,)) for pair in splits["train"] for target in pair.references]
    return Pairs(splits | {"train": single[:examples]}, fingerprint)


def _cut(pairs: list[Pair], held_out: dict[str, int]) -> dict[Split, list[Pair]]:
    """Validation first and test next, so that asking for more training pairs moves neither."""
    val, test = held_out["val"], held_out["val"] + held_out["test"]
    return {"val": pairs[:val], "test": pairs[val:test], "train": pairs[test:]}
