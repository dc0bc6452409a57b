"""What ``caption`` and ``video`` have in common of generated pictures: their splits, and what pixels alone say."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.data.batch import Split
from seqexp.data.generated import scenes
from seqexp.data.generated.scenes import Group, Unseen
from seqexp.data.splits import PARTS
from seqexp.data.summary import Summary
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics
from seqexp.tasks.artifacts import Images, TextSamples

SHOWN = 16  # examples that are drawn with what was said of them
FITTED = 2000  # examples that a floor is fitted to, at most


@dataclass(frozen=True)
class Scenes:
    """pictures (N, F) uint8; what each shows, and in words; the rows of each split."""

    pictures: np.ndarray
    groups: list[list[Group]]
    captions: list[str]
    rows: dict[Split, np.ndarray]


def drawn(sizes: dict[Split, int], unseen: Unseen, split_seed: int) -> Scenes:
    """So many scenes of each split."""
    rows: dict[Split, np.ndarray] = {}
    pictures: list[np.ndarray] = []
    groups: list[list[Group]] = []
    for number, split in enumerate(PARTS):
        rng = stream(split_seed, Purpose.DATA, number)
        rows[split] = np.arange(len(groups), len(groups) + sizes[split])
        for _ in rows[split]:
            groups.append(scenes.scene(rng, split, unseen, split_seed))
            pictures.append(scenes.drawn(rng, groups[-1]).ravel())
    return Scenes(np.stack(pictures), groups, list(map(scenes.caption, groups)), rows)


def tell(found: Scenes, unseen: Unseen, split_seed: int) -> None:
    """The line of what was drawn."""
    more = "two counts with their colours in a test picture are never together in training"
    if unseen == "counts":
        held = scenes.held_counts(split_seed)
        pairs = {
            split: ", ".join(f"{scenes.COUNTS[n - 1]} {colour}" for n, colour in sorted(held[split])) for split in held
        }
        more = f"only the test has {pairs['test']}, only validation {pairs['val']}"
    Summary(
        source="scenes",
        name="pictures",
        rows=len(found.captions),
        parts={split: len(rows) for split, rows in found.rows.items()},
        more=[more],
    ).tell()


def fingerprint(found: Scenes) -> str:
    """A hash of what was drawn."""
    digest = hashlib.sha256(found.pictures.tobytes())
    digest.update("\n".join(found.captions).encode())
    return digest.hexdigest()


def slots(groups: Sequence[Group]) -> tuple[str, ...]:
    """Six words, the last three empty of a single group, in the caption's order."""
    words = [word for group in scenes.in_order(groups) for word in (str(group.number), group.colour, group.kind)]
    return (*words, *[""] * (6 - len(words)))


def floors(
    pixels: np.ndarray,
    words: Sequence[tuple[str, ...]],
    captions: Sequence[str],
    train: np.ndarray,
    test: np.ndarray,
    name: str,
) -> Metrics:
    """exact_match on the rows ``test`` of the caption that is most frequent in training, and, by ``name``, of words
    that are chosen without each other, each by a linear classifier of pixels (N, F)."""
    said = Counter(captions[row] for row in train)
    commonest = max(sorted(said), key=lambda caption: said[caption])
    fitted = train[:FITTED]
    learned = [np.array([words[row][slot] for row in fitted]) for slot in range(len(words[0]))]
    answers = linear(pixels[fitted], learned, pixels[test])
    return {
        "most frequent": float(np.mean([captions[row] == commonest for row in test])),
        name: float(np.mean([answer == words[row] for answer, row in zip(answers, test, strict=True)])),
    }


def by_what(what: Sequence[str], right: np.ndarray) -> TextSamples:
    """How many of the test examples of each kind were told right; ``what`` (N,): the kind of each."""
    kinds = np.array(what)
    lines = [(kind, f"{(kinds == kind).sum()}", f"{right[kinds == kind].mean():.3f}") for kind in sorted(set(what))]
    return TextSamples(("test examples", "number", "exact match"), tuple(lines), "by_kind")


def shown(pictures: np.ndarray, said: Sequence[str], wanted: Sequence[str], name: str) -> Images:
    """The pictures (SHOWN, height, width, 3) of the first examples, wrong ones first, with what was said of them."""
    right = np.array([answer == caption for answer, caption in zip(said, wanted, strict=True)])
    chosen = np.argsort(right, kind="stable")[: len(pictures)]
    lines = tuple(said[n] if right[n] else f"{said[n]}\n(not {wanted[n]})" for n in chosen)
    return Images(pictures, lines, f"{len(right) - right.sum():,} of {len(right):,} are wrong; wrong ones first", name)


def linear(train: np.ndarray, learned: Sequence[np.ndarray], test: np.ndarray) -> list[tuple[str, ...]]:
    """The words of each of test (N, F) by least squares on train (M, F) uint8: of each slot's words (M,) the one whose
    indicator is largest."""
    from sklearn.linear_model import Ridge

    found = [np.unique(slot, return_inverse=True) for slot in learned]
    indicators = np.concatenate([np.eye(len(words))[which] for words, which in found], axis=1)
    ridge = Ridge(alpha=10.0).fit(train.astype(np.float32) / 255, indicators.astype(np.float32))  # one solution for all
    answers = ridge.predict(test.astype(np.float32) / 255)
    ends = np.cumsum([len(words) for words, _ in found])[:-1]
    said = [words[part.argmax(axis=1)] for (words, _), part in zip(found, np.split(answers, ends, axis=1), strict=True)]
    return [tuple(map(str, words)) for words in zip(*said, strict=True)]
