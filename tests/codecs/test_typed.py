"""What is typed becomes the batch that it would have been in training."""

import unicodedata

import numpy as np

from seqexp.codecs import Options
from seqexp.codecs.classes import TextClasses
from seqexp.codecs.tags import Tags
from seqexp.codecs.trees import TreeClasses
from seqexp.config.build import build_network
from seqexp.data.generated import expressions
from seqexp.numerics.rng import Purpose, stream
from seqexp.runs.trained import Trained
from tests.runs.small import checked


def test_a_letter_with_its_accent_apart_is_the_same_letter():
    codec = TextClasses("spaces", ("<unk>", "café"), ("a", "b"), 9)
    assert codec.encode([unicodedata.normalize("NFD", "café")]).x.tolist() == [[1]]


def test_a_word_that_is_not_known_goes_by_its_looks():
    codec = Tags(("<unk>", "the", "<Aed>"), ("D", "V"), 1)
    assert codec.encode(["the Zorbed", "xy"]).x.tolist() == [[1, 0], [2, -1], [-1, -1]]


def test_trees_of_all_lengths_are_answered_side_by_side_as_alone():
    codec = TreeClasses("list_operations", expressions.VOCABULARY.tokens, expressions.DIGITS)
    model = checked("task=listops", "model=recursive").settings["model"]
    network = build_network(model, codec.shape)
    trained = Trained(network, network.init(stream(0, Purpose.INIT), np.float64))
    texts = ["[MAX 1 2 ]", "7", "[MIN 4 [SM 8 8 9 ] 3 ]", "[MED 5 0 ]"]
    together = codec.answer(trained, texts, Options())
    for text, answer in zip(texts, together, strict=True):
        (alone,) = codec.answer(trained, [text], Options())
        assert np.allclose(list(alone.probabilities.values()), list(answer.probabilities.values()), rtol=1e-9)
