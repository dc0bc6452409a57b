"""A confusion matrix of many classes stays a picture that can be looked at, and drawn in little memory."""

import struct

import numpy as np

from seqexp.plots.artifacts import draw, most_frequent
from seqexp.tasks.artifacts import ConfusionMatrix


def test_a_matrix_of_many_classes_shows_the_most_frequent_and_says_how_many_others(tmp_path):
    """Of ATIS's 127 tags it was a picture of 25 million points, drawn in a gigabyte."""
    counts = np.diag(np.arange(1, 128))
    counts[0, 1] = 7
    matrix = ConfusionMatrix(tuple(f"c{n}" for n in range(127)), counts)
    shown = most_frequent(matrix)
    assert shown.labels[:2] == ("c80", "c81")
    assert shown.labels[-2:] == ("c126", "80 others")
    assert shown.counts.sum() == counts.sum()
    assert shown.counts[-1, -1] == sum(range(1, 81)) + 7
    width, height = struct.unpack(">II", draw(matrix, tmp_path / "m.png").read_bytes()[16:24])
    assert width * height < 6e6
    assert most_frequent(shown) is shown
