"""What ``series_classify`` and ``one_to_one`` share: labelled series, or rows of numbers, in parts and told of."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from seqexp.data import series, splits, summary
from seqexp.data.batch import Split
from seqexp.data.series import Labelled
from seqexp.data.splits import Division
from seqexp.data.summary import Summary

Called = Literal["series", "rows"]
ONE: dict[Called, str] = {"series": "series", "rows": "row"}


def divided(
    whole: Mapping[Split, Labelled], split_seed: int, source: str, called: Called
) -> tuple[list[np.ndarray], Division]:
    """The series (T, X) that are kept, and the rows of each part, which are of these: 80, 10 and 10 % of every class
    where the user has no parts, no series in two of them. UserError as in ``splits.divide``."""
    series.refuse_unlike(source, {split: len(one.channels) for split, one in whole.items()})
    every = [one for part in whole.values() for one in part.series]
    labels = [label for part in whole.values() for label in part.labels]
    given = [split for split, part in whole.items() for _ in part.series] if len(whole) > 1 else None
    same = [one.shape[0].to_bytes(8, "little") + one.tobytes() for one in every]
    found = splits.divide(same, labels, split_seed, source, given, called)
    return [every[row] for row in found.kept], found


def tell(
    whole: Mapping[Split, Labelled], found: Division, source: str, called: Called, channels: str, lengths: Sequence[int]
) -> None:
    """The line of what was read; lengths: of what has some."""
    every = [one for part in whole.values() for one in part.series]
    names = ", ".join(whole["train"].channels)[:100]
    gaps = sum(int(np.isnan(one).sum()) for one in every)
    Summary(
        source=source,
        name=called,
        rows=len(every),
        parts={split: len(rows) for split, rows in found.splits.items()},
        left_out={summary.REPEATED.replace("text", ONE[called]): len(every) - len(found.kept)},
        classes=summary.counted(found.labels, found.classes),
        lengths=lengths,
        unit="steps",
        more=[f"{channels} ({names})", f"{gaps:,} missing values"],
    ).tell()


def majority(train: np.ndarray, test: np.ndarray) -> float:
    """The share of classes (N,) that are training's commonest."""
    return float(np.mean(test == np.bincount(train).argmax()))


def linear(train: np.ndarray, classes: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Test accuracy of logistic regression on numbers (N, X)."""
    from sklearn.linear_model import LogisticRegression

    return float(LogisticRegression(max_iter=2000).fit(train, classes).score(test, truth))
