"""What ``translate`` translates: pairs of texts in three splits, from num2words, Tatoeba or the user's own file."""

import hashlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seqexp.data import fetch, files, numerals, pair_files, text
from seqexp.data.batch import Split
from seqexp.data.splits import HELD_OUT
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError

LARGEST_SIZES: Mapping[Split, int] = {"val": 1000, "test": 2000}  # sources, or a tenth of those there are if less
Rows = dict[Split, list[tuple[str, str]]]  # "train", and what parts the user's own files have beside it


@dataclass(frozen=True)
class Pair:
    """A source and all that counts as its translation; normalised texts."""

    source: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Three splits without a source in common, and a hash of where they come from. rows: how many pairs there are;
    too_long: how many of them are left out for that."""

    splits: dict[Split, list[Pair]]
    fingerprint: str
    rows: int = 0
    too_long: int = 0


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
    return Pairs(_cut(pairs, held_out), hashlib.sha256(lines.encode()).hexdigest(), len(pairs))


def tatoeba(data_dir: str | None, from_language: str, to_language: str) -> tuple[Rows, str]:
    """The pairs of the package of 2017-09-29 in the direction asked for, and their file's hash."""
    for key, language in (("from_language", from_language), ("to_language", to_language)):
        if language not in ("en", "fr") or from_language == to_language:
            raise UserError(f"task.{key}: expected en and fr, one each way, with tatoeba-fra-eng; got {language!r}")
    path = fetch.locate(data_dir, "tatoeba-fra-eng", "fra-eng.zip")
    with zipfile.ZipFile(path) as package:
        content = package.read("fra.txt").decode("utf-8")
    pairs = pair_files.parse(content, f"{path}/fra.txt")
    return {"train": pairs if from_language == "en" else [(fr, en) for en, fr in pairs]}, fetch.sha256(path)


def own(source: str, named: Sequence[str], held_out: Mapping[Split, str | None]) -> tuple[Rows, str]:
    """The pairs of the user's own .tsv files, by part, and a hash of the files."""
    paths = files.own_paths(source, named, (".tsv",), held_out)
    return {part: pair_files.read(path) for part, path in paths.items()}, files.fingerprint(paths)


def sentences(parts: Rows, fingerprint: str, name: str, max_length: int, examples: int, split_seed: int) -> Pairs:
    """Split by distinct source, so that a source with several translations lies in one split.

    Pairs with a side of more than ``max_length`` words and punctuation marks are left out. Up to ``examples`` pairs are
    for training. Of ``parts`` beside "train", sources stay where the user has them: what validation and test have is
    left out of training.
    """
    rows = sum(len(pairs) for pairs in parts.values())
    found = {part: _references(pairs, max_length) for part, pairs in parts.items()}
    kept = sum(count for _, count in found.values())
    scored = {source for part in HELD_OUT if part in found for source in found[part][0]}
    own = {source: said for source, said in found["train"][0].items() if source not in scored}
    missing = [part for part in HELD_OUT if part not in found]
    if len(own) <= len(missing) or not all(references for references, _ in found.values()):
        raise UserError(
            f"task.source: {name}: expected at least {len(missing) + 1} different sources of at most {max_length} "
            f"words (task.max_length), for training, validation and test; got {len(own)}"
        )
    sources = sorted(own)
    order = stream(split_seed, Purpose.SPLIT).permutation(len(sources))
    shuffled = [Pair(sources[row], tuple(own[sources[row]])) for row in order]
    sizes = {part: min(size, max(1, len(sources) // 10)) for part, size in LARGEST_SIZES.items() if part in missing}
    splits = _cut(shuffled, sizes)
    given = {part: [Pair(s, tuple(said)) for s, said in found[part][0].items()] for part in HELD_OUT if part in found}
    single = [Pair(pair.source, (target,)) for pair in splits["train"] for target in pair.references]
    return Pairs(splits | given | {"train": single[:examples]}, fingerprint, rows, rows - kept)


def _references(pairs: Iterable[tuple[str, str]], max_length: int) -> tuple[dict[str, dict[str, None]], int]:
    """Each source with all that it is translated as, in the order of the file; and how many pairs are short enough."""
    references: dict[str, dict[str, None]] = {}
    kept = 0
    for source, target in ((text.normalised(a), text.normalised(b)) for a, b in pairs):
        if _is_short(source, max_length) and _is_short(target, max_length):
            kept += 1
            references.setdefault(source, {})[target] = None
    return references, kept


def _is_short(sentence: str, max_length: int) -> bool:
    # Whatever stands between spaces is a piece at least, and to count spaces is much quicker.
    return sentence.count(" ") < max_length and len(text.pieces(sentence)) <= max_length


def _cut(pairs: list[Pair], held_out: Mapping[Split, int]) -> dict[Split, list[Pair]]:
    """Validation first and test next, so that asking for more training pairs moves neither."""
    val = held_out.get("val", 0)
    test = val + held_out.get("test", 0)
    return {"val": pairs[:val], "test": pairs[val:test], "train": pairs[test:]}
