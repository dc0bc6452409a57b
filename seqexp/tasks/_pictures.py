"""Handwritten digits: pictures, what they show, and which of them are for training."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from seqexp.data import fetch, idx, sources
from seqexp.data.batch import Split
from seqexp.data.splits import PARTS, stratified
from seqexp.data.summary import Summary
from seqexp.system.errors import UserError

MNIST_VALIDATION = 2000  # the last of the training pictures

# pictures (N, height, width) uint8, digits (N,) int64, the rows of each split, a hash of all this
Data = tuple[np.ndarray, np.ndarray, dict[Split, np.ndarray], str]


def scikit_learn(data_dir: str | None, split_seed: int) -> Data:
    """scikit-learn's 1,797 pictures of 8 x 8, 80/10/10 of each digit by ``split_seed``."""
    table = _table()  # a row a picture: 64 pixels, then the digit
    pictures, digits = table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1].astype(np.int64)
    splits = dict(zip(PARTS, stratified(digits, split_seed), strict=True))
    return pictures, digits, splits, hashlib.sha256(pictures.tobytes()).hexdigest()


def _table() -> np.ndarray:
    """As ``sklearn.datasets.load_digits`` reads it, whose import takes longer than training some epochs."""
    package = find_spec("sklearn")
    file = Path(package.origin if package and package.origin else "").parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    return np.column_stack(load_digits(return_X_y=True))


def mnist(data_dir: str | None, split_seed: int) -> Data:
    """MNIST's first 20,000 training pictures, 28 x 28, the last of them for validation, and its 10,000 test pictures.

    UserError where the files cannot be had.
    """

    def array(file: str) -> np.ndarray:
        return idx.read(fetch.locate(data_dir, "mnist-small", file))

    return mnist_splits(
        array("train20k-images-idx3-ubyte.gz"),
        array("train20k-labels-idx1-ubyte.gz"),
        array("t10k-images-idx3-ubyte.gz"),
        array("t10k-labels-idx1-ubyte.gz"),
        sources.fingerprint("mnist-small"),
    )


def mnist_splits(
    train: np.ndarray, train_digits: np.ndarray, test: np.ndarray, test_digits: np.ndarray, fingerprint: str
) -> Data:
    """The training pictures (N, 28, 28), whose last ``MNIST_VALIDATION`` are for validation, and the test's."""
    if len(train) != len(train_digits) or len(test) != len(test_digits):
        raise UserError("mnist-small: expected as many labels as pictures; delete the files, and they are made again")
    first, second = len(train) - MNIST_VALIDATION, len(train)
    splits: dict[Split, np.ndarray] = {
        "train": np.arange(first),
        "val": np.arange(first, second),
        "test": np.arange(second, second + len(test)),
    }
    digits = np.concatenate([train_digits, test_digits]).astype(np.int64)
    return np.concatenate([train, test]), digits, splits, fingerprint


def tell(source: str, data: Data) -> None:
    """The line of what was read."""
    pictures, digits, splits, _ = data
    Summary(
        source=source,
        name="pictures",
        rows=len(pictures),
        parts={split: len(rows) for split, rows in splits.items()},
        classes={str(digit): int(count) for digit, count in enumerate(np.bincount(digits))},
        called="digits",
        more=[f"{pictures.shape[1]} x {pictures.shape[2]} pixels"],
    ).tell()
