"""The sizes that a network needs to fit a task."""

from dataclasses import dataclass
from typing import Literal

Answers = Literal["last", "steps"]
Picture = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Shape:
    """The sizes that a network needs for this task.

    inputs:  the vocabulary's size where ``tokens``, else the number of features a step.
    outputs: Y, the rows of an answer: classes, keys, or values.
    answers: whether only each column's last step answers, or the steps that ``Batch.answered`` marks.
    loss:    softmax (one of Y classes), sigmoid (Y yes-or-no), or squared (Y real values).
    source:  the vocabulary's size of the sources, where batches are ``SourceBatch``: it asks for an encoder-decoder.
             Where ``source_tokens`` is false, the number of features a step.
    reverse_source: whether the encoder reads sources from their end.
    features: how many numbers step 0 is given besides its token, where batches are ``FeatureBatch``.
    picture: where numbers are pictures, what they show, line by line and one channel after the other: of ``features``;
             else of each step's, which are the source's where there is one. They then enter through a picture encoder.
    causal:  whether the answer at a step may depend on nothing that is read later, as in a language model, which reads
             next what it was asked for. Where it is false, a network may read a whole sequence before it answers. Of
             answers at the last step, nothing is read later.
    read:    where batches are ``TreeBatch``: "tree" asks for a model of trees, "sequence" gives it chains, and "either"
             leaves it to the model.
    """

    inputs: int
    tokens: bool
    outputs: int
    answers: Answers
    loss: Literal["softmax", "sigmoid", "squared"]
    source: int | None = None
    source_tokens: bool = True
    reverse_source: bool = False
    features: int | None = None
    picture: Picture | None = None
    causal: bool = True
    read: Literal["either", "sequence", "tree"] | None = None
