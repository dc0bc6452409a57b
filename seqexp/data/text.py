"""Text as ids: words, vocabulary, padding, and batches of texts of similar length.

One module has all four, so that every text task cuts, counts and pads alike.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import numpy as np

UNKNOWN = "<unk>"

# At most this share of a column's steps is padding, if there are enough texts of its length.
_BLUR = 0.08
_JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner: letters' forms depend on them in Persian and Hindi


def words(text: str) -> list[str]:
    """Lower-cased words and single punctuation marks: ``"Don't go!"`` gives ``don't go !``.

    Words are runs of letters, their marks and joiners, digits and underscores of any script, with apostrophes, middle
    dots (Catalan) and gershayim (Hebrew) inside. Scripts that write no spaces come out as whole phrases; put spaces
    between their words beforehand.
    """
    text = lowered(text)
    return _patterns(text.isascii())[0].findall(text)


def lowered(text: str) -> str:
    """In small letters and Unicode's composed form (NFC). İ gives i, where str.lower would add a dot of its own."""
    text = text.lower()
    return text if text.isascii() else unicodedata.normalize("NFC", text).replace("i\u0307", "i")


def normalised(text: str) -> str:
    """The text in Unicode's composed form, lower-cased, with straight apostrophes and single plain spaces.

    No-break spaces are spaces too.
    """
    return " ".join(lowered(text).replace("’", "'").split())


def pieces(text: str) -> list[str]:
    """Words and punctuation marks that say whether a space goes before them: ``"es-tu là ?"`` gives `` es``, ``-``,
    ``tu``, `` là``, `` ?``. Joined, they are the text again, with a space at its start.

    An elision keeps its apostrophe and is a piece of its own: ``l'homme`` gives `` l'`` and ``homme``. The text must be
    ``normalised``.
    """
    return _patterns(text.isascii())[1].findall(" " + text)


@cache
def _patterns(ascii_only: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What ``words`` and ``pieces`` look for. ASCII has no marks, and does not wait for the table of them."""
    inside = rf"[\w{'' if ascii_only else _marks() + _JOINERS}]"
    word = rf"\w{inside}*"
    return re.compile(rf"{word}(?:['’·\u05f3\u05f4]{word})*|[^\w\s]"), re.compile(rf" ?(?:{word}'?|[^\w\s])")


def _marks() -> str:
    """Unicode's marks that belong to a letter (Mn, Mc), as ranges of a character class.

    Python's \\w leaves them out, which would cut most words of Hindi, Thai, or pointed Arabic and Hebrew. Enclosing
    marks (Me) are left out here too: they make symbols of letters, such as keycaps.
    """
    codes = [*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0)]  # all that there are, by Unicode 16
    runs: list[list[int]] = []
    for code in codes:
        if unicodedata.category(chr(code)) in ("Mn", "Mc"):
            if runs and runs[-1][1] == code - 1:
                runs[-1][1] = code
            else:
                runs.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id. Id 0 is ``<unk>``, which stands for every token that is not in the vocabulary."""

    tokens: tuple[str, ...]
    ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.tokens[:1] != (UNKNOWN,) or len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"Vocabulary: tokens must be distinct and start with {UNKNOWN}, got {self.tokens[:5]}…")
        object.__setattr__(self, "ids", {token: id for id, token in enumerate(self.tokens)})

    @classmethod
    def build(cls, texts: Iterable[Iterable[str]], min_count: int = 1) -> Self:
        """The tokens that occur at least ``min_count`` times, most frequent first, ties in alphabetical order."""
        counts = Counter(token for text in texts for token in text)
        del counts[UNKNOWN]  # a text may contain it literally, as the Penn Treebank does; it has id 0 already
        kept = [token for token, count in counts.items() if count >= min_count]
        return cls((UNKNOWN, *sorted(kept, key=lambda token: (-counts[token], token))))

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: Iterable[str]) -> np.ndarray:
        """Ids (n,) int32 of the tokens; 0 for those that are not in the vocabulary."""
        ids = self.ids
        return np.array([ids.get(token, 0) for token in text], np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        return [self.tokens[id] for id in ids]

    def missing(self, text: Iterable[str]) -> tuple[str, ...]:
        """The tokens that are not in the vocabulary, each once."""
        return tuple(dict.fromkeys(token for token in text if token not in self.ids))


class Ragged:
    """N sequences of ids of different lengths, in one flat array."""

    def __init__(self, flat: np.ndarray, lengths: np.ndarray) -> None:
        """flat (sum of lengths,): the sequences one after another; lengths (N,)."""
        self.flat = np.ascontiguousarray(flat, np.int32)
        self.lengths = np.asarray(lengths, np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths  # (N,)
        if self.flat.shape != (self.lengths.sum(),):
            raise ValueError(f"Ragged: flat must be ({self.lengths.sum()},), got {self.flat.shape}")

    @classmethod
    def of(cls, sequences: Sequence[np.ndarray]) -> Self:
        lengths = [len(ids) for ids in sequences]
        return cls(np.concatenate([*sequences, np.empty(0, np.int32)]), np.array(lengths, np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.flat[self.starts[row] : self.starts[row] + self.lengths[row]]

    def take(self, rows: np.ndarray) -> "Ragged":
        """The sequences ``rows``, in that order."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        # 0, 1, 2, … within each sequence, without a loop over the rows.
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        return Ragged(self.flat[np.repeat(self.starts[rows], lengths) + within], lengths)

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sequences ``rows`` side by side: ids (T, B) int32 and lengths (B,) int64, T the longest of them.

        Steps past a column's length hold 0, which nobody reads, since readers respect the lengths.
        """
        return self.spans(self.starts[rows], self.lengths[rows])

    def spans(self, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As ``padded``, of any parts of the flat array: where they start, and their lengths (B,)."""
        steps = np.arange(lengths.max(initial=0))[:, None]  # (T, 1)
        inside = steps < lengths  # (T, B)
        # Padding reads place 0, and is set to 0 afterwards.
        ids = self.flat[np.where(inside, starts + steps, 0)] if self.flat.size else np.zeros(inside.shape)
        return np.where(inside, ids, 0).astype(np.int32), lengths


def buckets(lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> list[np.ndarray]:
    """Every row once, in batches of similar length: a list of row arrays (B,), longest column first.

    There are ceil(N / batch_size) batches of nearly equal size, at most ``batch_size``. With ``rng``, the rows of a
    batch and the order of the batches are random; without, rows are sorted by length and the order is fixed. Padding
    stays under a tenth of all steps if a batch is small compared with the number of rows of about its length.
    """
    key = lengths.astype(np.float64)
    if rng is not None:
        # Sorting by a blurred length mixes rows of similar length from epoch to epoch, and bounds the padding.
        key = (key + 0.5) * (1 + _BLUR * rng.random(len(key)))
    return _cut(np.argsort(key, kind="stable"), lengths, batch_size, rng)


def pair_buckets(
    sources: np.ndarray, targets: np.ndarray, batch_size: int, rng: np.random.Generator | None
) -> list[np.ndarray]:
    """As ``buckets``, for pairs with two different lengths (N,): both are similar within a batch.

    Rows are sorted by target length, and within one target length by source length, ascending and descending in turn,
    so that neighbouring rows stay similar. ``rng`` mixes rows that are equal in both.
    """
    mixed = np.zeros(len(targets)) if rng is None else rng.random(len(targets))
    up_and_down = np.where(targets % 2, sources, -sources)
    return _cut(np.lexsort((mixed, up_and_down, targets)), targets, batch_size, rng)


def _cut(order: np.ndarray, lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> list[np.ndarray]:
    batches = np.array_split(order, -(-len(order) // batch_size)) if len(order) else []
    # Longest first, and stable: the order within a batch is part of what a seed reproduces.
    batches = [rows[np.argsort(-lengths[rows], kind="stable")] for rows in batches]
    return batches if rng is None else [batches[index] for index in rng.permutation(len(batches))]


def padding(lengths: np.ndarray, batches: Iterable[np.ndarray]) -> float:
    """The share of all batches' steps that is padding."""
    steps = sum(int(lengths[rows].max(initial=0)) * len(rows) for rows in batches)
    return 1 - float(lengths.sum()) / steps if steps else 0.0
