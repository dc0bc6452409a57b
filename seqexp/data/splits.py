"""Splits that do not leak: training, validation and test parts of rows, drawn, or as the user's files have them."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from seqexp.data.batch import Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError

PARTS: tuple[Split, ...] = ("train", "val", "test")
HELD_OUT: tuple[Split, ...] = ("val", "test")

T = TypeVar("T")


def part_of(content: bytes, split_seed: int) -> Split:
    """The one part that something generated may occur in: a hash of it and the split's seed, 80, 10 and 10 % each.

    So nothing is in two parts, no list of the others is needed, and each has what is long or common in like proportion.
    """
    # blake2b takes at most 16 bytes of salt.
    digest = hashlib.blake2b(content, digest_size=4, salt=str(split_seed).encode()[-16:]).digest()
    return PARTS[max(0, int.from_bytes(digest, "little") % 10 - 7)]


def split_rows(rows: np.ndarray, rng: np.random.Generator, held_out: int = 2) -> list[np.ndarray]:
    """80, 10 and 10 % of at least three rows, for training, validation and test; one row in each of them at least.

    With one part ``held_out``, 90 and 10 % of at least two.
    """
    rows = rng.permutation(rows)
    tenth = max(1, round(len(rows) / 10))
    ends = [len(rows) - part * tenth for part in range(held_out, 0, -1)]
    return [np.sort(part) for part in np.split(rows, ends)]


def stratified(classes: np.ndarray, split_seed: int, held_out: int = 2) -> list[np.ndarray]:
    """Rows for training, validation and test, (n,) each in ascending order: 80, 10 and 10 % of every class.

    Each class has at least one row in each, so it needs three: ValueError otherwise. ``held_out`` as in ``split_rows``.
    """
    parts: list[list[np.ndarray]] = [[] for _ in range(held_out + 1)]
    for number in np.unique(classes):
        rows = np.flatnonzero(classes == number)
        if len(rows) <= held_out:
            raise ValueError(f"stratified: class {number} has {len(rows)} rows, a split needs {held_out + 1}")
        drawn = split_rows(rows, stream(split_seed, Purpose.SPLIT, int(number)), held_out)
        for part, chosen in zip(parts, drawn, strict=True):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]


@dataclass(frozen=True)
class Division:
    """Labelled rows without repetitions, in three splits that share no text.

    kept:    the rows in use, in their order.
    labels:  the classes' names; classes (len(kept),): each kept row's class.
    splits:  "train", "val" and "test" -> positions in ``kept``, ascending.
    """

    kept: list[int]
    labels: tuple[str, ...]
    classes: np.ndarray
    splits: dict[Split, np.ndarray]


def divide(
    texts: Sequence[Hashable],
    labels: Sequence[str],
    split_seed: int,
    source: str,
    given: Sequence[Split] | None = None,
    name: str = "texts",
) -> Division:
    """80, 10 and 10 % of every class, no text in two splits; equal values of ``texts`` are one text.

    A row that repeats an earlier one's text and label is left out. A text with several labels keeps a row for each, all
    in the same split; it counts for its rarest class. UserError, naming ``source``, for a class with fewer than 3
    texts.

    given: the part that each row is in, where the user says so. Then validation and test stay as they are, so that
           scores on them can be compared; but what they have is left out of training, and what the test has out of
           validation. A part without rows gets a tenth of training's.
    name:  what the rows are called, for errors.
    """
    kept = _first_of_each(texts, labels, given)
    names = tuple(sorted(set(labels)))
    numbers = {label: number for number, label in enumerate(names)}
    classes = np.array([numbers[labels[row]] for row in kept], np.int64)
    text_numbers: dict[Hashable, int] = {}
    of_text = np.array([text_numbers.setdefault(texts[row], len(text_numbers)) for row in kept])  # (kept,)
    if given is None:
        drawn = _drawn(of_text, classes, names, split_seed, source, PARTS, name)
        return Division(kept, names, classes, drawn)
    part_of = np.array([PARTS.index(given[row]) for row in kept])
    splits = {split: np.flatnonzero(part_of == number) for number, split in enumerate(PARTS)}
    wanted = ("train", *(split for split in HELD_OUT if not len(splits[split])))
    if len(wanted) > 1:
        rows = splits["train"]
        drawn = _drawn(of_text[rows], classes[rows], names, split_seed, source, wanted, name)
        splits |= {split: rows[chosen] for split, chosen in drawn.items()}
    unseen = set(range(len(names))) - set(classes[splits["train"]].tolist())
    if unseen:
        raise UserError(
            f"task.source: {source}: expected {name} of every class for training; class {names[min(unseen)]!r} has "
            "none that validation and test do not have too"
        )
    return Division(kept, names, classes, splits)


def _first_of_each(texts: Sequence[Hashable], labels: Sequence[str], given: Sequence[Split] | None) -> list[int]:
    """The rows in use: the first of those that are equal; of given parts, none that a later part has too."""
    if given is None:
        first = {pair: row for row, pair in reversed(list(enumerate(zip(texts, labels, strict=True))))}
        return sorted(first.values())
    last: dict[Hashable, int] = {}  # text -> the last part that has it
    for text, part in zip(texts, given, strict=True):
        last[text] = max(last.get(text, 0), PARTS.index(part))
    kept, seen = [], set()
    for row, (text, label, part) in enumerate(zip(texts, labels, given, strict=True)):
        if PARTS.index(part) == last[text] and (part != "train" or (text, label) not in seen):
            kept.append(row)
            seen.add((text, label))
    return kept


def _drawn(
    of_text: np.ndarray,
    classes: np.ndarray,
    names: Sequence[str],
    split_seed: int,
    source: str,
    wanted: Sequence[Split],
    name: str,
) -> dict[Split, np.ndarray]:
    """Rows for each of the wanted parts, drawn by text; of_text (n,) numbers the rows' texts, classes (n,)."""
    counts = np.bincount(classes, minlength=len(names))
    of_text = np.unique(of_text, return_inverse=True)[1]
    order = np.lexsort((classes, counts[classes], of_text))  # each text's rarest class first
    rarest = classes[order[np.unique(of_text[order], return_index=True)[1]]]  # (texts,)
    own = np.bincount(rarest, minlength=len(names))
    scarce = min(np.flatnonzero(counts).tolist(), key=lambda number: own[number], default=0)
    if own[scarce] < len(wanted):
        purposes = {2: "training and validation or test", 3: "training, validation and test"}[len(wanted)]
        raise UserError(
            f"task.source: {source}: expected at least {len(wanted)} different {name} of each class, for {purposes}; "
            f"class {names[scarce]!r} has {own[scarce]}"
        )
    parts = stratified(rarest, split_seed, len(wanted) - 1)
    return {split: np.flatnonzero(np.isin(of_text, part)) for split, part in zip(wanted, parts, strict=True)}


def filled(
    parts: Mapping[Split, Sequence[T]], same: Callable[[T], Hashable], split_seed: int, source: str, name: str
) -> dict[Split, list[T]]:
    """Parts as the user's files have them, "train" at least, of items that are equal where ``same`` is.

    Repetitions are left out of training, and so is what validation or test have too. A part that is missing gets a
    tenth of training's items. ``name`` is what the items are called. UserError where training has too few.
    """
    scored = {same(item) for split in HELD_OUT for item in parts.get(split, ())}
    once = {same(item): item for item in reversed(parts["train"])}
    kept = [once[key] for key in dict.fromkeys(map(same, parts["train"])) if key not in scored]
    if not kept:
        raise UserError(f"task.source: {source}: expected training {name} that validation and test do not repeat")
    wanted = ("train", *(split for split in HELD_OUT if split not in parts))
    if len(kept) < len(wanted):
        raise UserError(
            f"task.source: {source}: expected at least {len(wanted)} different {name}, for training, validation and "
            f"test; got {len(kept)}"
        )
    rows = split_rows(np.arange(len(kept)), stream(split_seed, Purpose.SPLIT), len(wanted) - 1)
    drawn = {split: [kept[row] for row in chosen] for split, chosen in zip(wanted, rows, strict=True)}
    return {split: drawn[split] if split in drawn else list(parts[split]) for split in PARTS}
