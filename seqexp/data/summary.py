"""One line that says what was read, so that a file read wrongly is seen before it is trained on."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqexp.data.batch import Split
from seqexp.data.text import Ragged, Vocabulary
from seqexp.system.errors import UserError

MUCH = 0.1  # of what was read: a warning, if as much is unknown, cut or left out
SHOWN_CLASSES = 10
REPEATED = "repeat an earlier text and are left out, so that no test text is seen in training"
PLACES: Mapping[Split, str] = {"train": "in training", "val": "in validation", "test": "in the test"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a source holds, and what is read of it.

    source:     the file, folder or data set.
    name:       what one of its rows is: texts, sentences, pairs, …; rows: how many there are.
    parts:      how many are in each split.
    left_out:   why, as the end of "3 of 40 texts …" -> how many.
    classes:    the classes of the rows in use, one each; or of their steps. called: what they are called.
    vocabulary: what the tokens are called, such as "words" -> how many the network tells apart.
    unknown:    what the tokens are called -> the share of each split that is <unk>.
    lengths:    of the rows in use, in ``unit``; limit: how many of them are read, None for all.
    more:       whatever else there is to say.
    """

    source: str
    name: str
    rows: int
    parts: Mapping[Split, int]
    left_out: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    called: str = "classes"
    vocabulary: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, Mapping[Split, float]] = field(default_factory=dict)
    lengths: Sequence[int] | np.ndarray = ()
    unit: str = ""
    limit: int | None = None
    more: Sequence[str] = ()

    def tell(self) -> None:
        """Log the line, and a warning for each thing of which more than a tenth is lost."""
        _log.info("read %s", self.line())
        for reason, count in self.left_out.items():
            if count > MUCH * self.rows:
                _log.warning("%s: %d of %d %s %s", self.source, count, self.rows, self.name, reason)
        if self._cut() > MUCH * len(self.lengths):
            _log.warning("%s: %d of %d %s %s", self.source, self._cut(), len(self.lengths), self.name, self._cutting())
        for unit, shares in self.unknown.items():
            if many := {split: share for split, share in shares.items() if share > MUCH}:
                remedy = "a smaller task.min_count knows more of them" if "train" in many else "training lacks them"
                _log.warning("%s: many %s are unknown (<unk>): %s; %s", self.source, unit, _shares(many), remedy)

    def line(self) -> str:
        """What was read, in one line."""
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items() if count)
        said = [f"{self.source}: {self.rows:,} {self.name}" + (f", of which {left_out}" if left_out else "")]
        said.append(", ".join(f"{self.parts[split]:,} {place}" for split, place in PLACES.items()))
        if self.classes:
            said.append(_counted(self.classes, self.called))
        said += [f"vocabulary of {size:,} {unit}" for unit, size in self.vocabulary.items()]
        said += [f"unknown {unit} {_shares(shares)}" for unit, shares in self.unknown.items()]
        if len(self.lengths):
            cut = f", {self._cut():,} {self._cutting()}" if self._cut() else ""
            said.append(f"the longest has {max(self.lengths):,} {self.unit}{cut}")
        return "; ".join([*said, *self.more])

    def _cut(self) -> int:
        return 0 if self.limit is None else int(np.sum(np.asarray(self.lengths) > self.limit))

    def _cutting(self) -> str:
        return f"are cut to their first {self.limit} {self.unit} (task.max_length)"


def counted(labels: Sequence[str], classes: np.ndarray) -> dict[str, int]:
    """How often each label is there; classes (n,) number the labels."""
    return dict(zip(labels, np.bincount(classes, minlength=len(labels)).tolist(), strict=True))


def shares(encoded: Mapping[Split, np.ndarray]) -> dict[Split, float]:
    """The share of the ids (n,) of each split that is 0, <unk>."""
    return {split: float(np.mean(ids == 0)) if len(ids) else 0.0 for split, ids in encoded.items()}


def shares_of_rows(texts: Ragged, splits: Mapping[Split, np.ndarray]) -> dict[Split, float]:
    """As ``shares``, of the rows of each split."""
    return shares({split: texts.take(rows).flat for split, rows in splits.items()})


def refuse_empty(vocabulary: Vocabulary, source: str, min_count: int, beside: Sequence[str] = ()) -> None:
    """UserError where the network would know no token but <unk>, and those ``beside`` that no text is made of: it
    would be always right."""
    if set(vocabulary.tokens[1:]) <= set(beside):
        raise UserError(
            f"task.min_count: expected tokens that the training part of {source} has at least so many times; got "
            f"{min_count}, and none has; set task.min_count=1, or give more text"
        )


def _shares(shares: Mapping[Split, float]) -> str:
    return ", ".join(f"{100 * shares[split]:.1f} % {place}" for split, place in PLACES.items() if split in shares)


def _counted(classes: Mapping[str, int], called: str) -> str:
    """The classes with their counts, the largest first where there are many."""
    names = list(classes)
    if len(names) > SHOWN_CLASSES:
        names = sorted(names, key=lambda name: -classes[name])[:SHOWN_CLASSES]
    listed = ", ".join(f"{name[:30]} {classes[name]:,}" for name in names)
    more = f" and {len(classes) - len(names)} more" if len(names) < len(classes) else ""
    return f"{called} ({len(classes)}): {listed}{more}"
