"""Which digit is it? A picture is read row by row, pixel by pixel or at once; the last step answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs.pictures import PictureClasses
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.tasks import Metrics, Shape, Task, _pictures, register
from seqexp.tasks._epochs import FixedPasses
from seqexp.tasks.artifacts import Artifact, Images
from seqexp.tasks.scorers import ClassScorer

LABELS = tuple("0123456789")
SHOWN = 48  # pictures of wrong answers


@register("digits")
@dataclass(kw_only=True)
class Digits(Task):
    """Handwritten digits as sequences.

    ``scikit-learn``: the 1,797 pictures of 8 x 8 that come with it, 80/10/10 of each digit by ``split_seed``.

    ``mnist-small``: the first 20,000 training pictures of MNIST, 28 x 28, the last 2,000 of them for validation, and
    its 10,000 test pictures.

    order:    rows (as many steps as rows, each a row of pixels), pixels (one a step, line by line; Le, Jaitly and
              Hinton 2015), or whole: the picture is one step, which enters through ``model.picture_encoder``.
    permuted: the pixels change places, all pictures' in the same way, drawn by ``split_seed``: what is near in the
              picture is then far apart in time.
    """

    source: Literal["scikit-learn", "mnist-small"]
    order: Literal["rows", "pixels", "whole"]
    permuted: bool
    split_seed: Annotated[int, Ge(0)]
    data_dir: str | None = None

    primary_metric = "accuracy"
    direction = "max"

    def __post_init__(self) -> None:
        read = _pictures.scikit_learn if self.source == "scikit-learn" else _pictures.mnist
        data = read(self.data_dir, self.split_seed)
        _pictures.tell(self.source, data)
        self._pictures, self._digits, self._splits, self._fingerprint = data
        self._size = self._pictures.shape[1]  # pictures are square
        pixels = self._size**2
        self._places = np.arange(pixels)  # step by step, which pixel is seen
        if self.permuted:
            self._places = stream(self.split_seed, Purpose.DATA).permutation(pixels)
        self._width = {"rows": self._size, "pixels": 1, "whole": pixels}[self.order]
        self._passes = FixedPasses("digits", self._splits, np.full(len(self._digits), pixels // self._width))

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> PictureClasses:
        return PictureClasses(tuple(self._places.tolist()), self._width, float(self._pictures.max()), LABELS)

    def batches(self, split: Split, batch_size: int) -> int:
        return self._passes.batches(split, batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, X, B) float32 in [0, 1]: T rows of X pixels, T pixels with X = 1, or one step; target (B,)."""
        rows = self._passes.rows(seed, split, index, batch_size)
        x = self._sequences(rows).T.reshape(-1, self._width, len(rows))
        return Batch(x, self._digits[rows])

    def _sequences(self, rows: np.ndarray) -> np.ndarray:
        """Pixels (B, height * width) in the order in which they are seen, float32 in [0, 1]."""
        flat: np.ndarray = self._pictures[rows].reshape(len(rows), -1)[:, self._places]
        return flat.astype(np.float32) / np.float32(self._pictures.max())

    def picture(self, x: np.ndarray) -> np.ndarray:
        """The pictures (B, height, width) that a batch's x (T, X, B) shows."""
        flat = np.empty((x.shape[-1], len(self._places)), x.dtype)
        flat[:, self._places] = x.reshape(len(self._places), -1).T
        return flat.reshape(-1, self._size, self._size)

    def scorer(self) -> "_DigitScorer":
        return _DigitScorer(self.picture)

    def baselines(self) -> Metrics:
        """Test accuracy of the commonest digit, and of logistic regression on the last row of pixels seen, or on the
        whole picture where that is one step."""
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        from sklearn.linear_model import LogisticRegression

        train, test = self._splits["train"], self._splits["test"]
        truth = self._digits[test]
        whole = self.order == "whole"
        last = [self._sequences(rows)[:, 0 if whole else -self._size :] for rows in (train, test)]
        linear = LogisticRegression(max_iter=2000).fit(last[0], self._digits[train])
        return {
            "majority": float(np.mean(truth == np.bincount(self._digits[train]).argmax())),
            "linear" if whole else "last row": float(linear.score(last[1], truth)),
        }

    def fingerprint(self) -> str:
        return self._fingerprint


class _DigitScorer(ClassScorer):
    """Class scores, and the first pictures whose answer was wrong."""

    def __init__(self, picture: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(LABELS)
        self._picture = picture
        self._wrong: list[np.ndarray] = []
        self._captions: list[str] = []
        self._count = 0

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        super().add(batch, y)
        answers = y.argmax(axis=0)
        columns = np.flatnonzero(answers != batch.target)
        self._count += len(columns)
        columns = columns[: SHOWN - len(self._captions)]
        if len(columns):
            self._wrong.append(self._picture(batch.x[:, :, columns]))
            self._captions += [f"{batch.target[column]} taken for {answers[column]}" for column in columns]

    def artifacts(self) -> list[Artifact]:
        if not self._captions:
            return super().artifacts()
        which = "" if self._count == len(self._captions) else f"; the first {len(self._captions)}"
        title = f"{self._count:,} of {self.counts.sum():,} answers are wrong{which}"
        images = Images(np.concatenate(self._wrong), tuple(self._captions), title, "wrong_digits")
        return [*super().artifacts(), images]
