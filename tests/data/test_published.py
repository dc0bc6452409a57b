"""What comes with the project or is published: its numbers, names and hashes by hand."""

import hashlib
import sys
from collections import Counter
from types import ModuleType

import numpy as np
import pytest

from seqexp.data import corpora, language, sources
from seqexp.data.generated import reviews, tunes
from seqexp.numerics.rng import Purpose, stream


def test_classes_of_tweets_are_as_many_as_published(data_dir):
    """Davidson et al. 2017: hate 1,430, offensive 19,190, neither 4,163 tweets."""
    corpus = corpora.hate_offensive(str(data_dir))
    assert Counter(corpus.labels) == {"hate": 1_430, "offensive": 19_190, "neither": 4_163}


def test_a_data_set_is_known_by_the_hashes_of_its_files_one_after_another(monkeypatch):
    files = {"a.txt": sources.Source("https://a", "0a"), "b.txt": sources.Source("https://b", "f1")}
    monkeypatch.setitem(sources.FILES, "toy", files)
    assert sources.fingerprint("toy") == hashlib.sha256(b"0af1").hexdigest()


def test_help_topics_keep_each_paragraph_once_with_its_indentation(monkeypatch):
    topics = {
        "second": "Of it\n=====\n\n   x = 1\n\nthe end  \n+--+\n",
        "first": "\n\nTo be\nsure\n\n   x = 1\n",
    }
    module = ModuleType("pydoc_data.topics")
    monkeypatch.setattr(module, "topics", topics, raising=False)
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", module)
    assert language.help_topics() == "To be\nsure\n\n   x = 1\n\nOf it\n\nthe end\n"


@pytest.mark.parametrize("note, number", [("A0", 21), ("E3", 52), ("B3", 59), ("C4", 60), ("A4", 69), ("C8", 108)])
def test_a_note_has_its_midi_number(note, number):
    assert tunes._midi(note) == number
    assert tunes.note_name(number) == note


def test_a_sentence_that_does_not_count_stands_before_or_after_the_verdict():
    """None, one or two of them: of those alone as many come first as last."""
    role, _, _ = reviews.Reviews(gap=0, split_seed=0)._outline(stream(0, Purpose.DATA), 4_000)
    first, last = (role[:, at] == reviews._ELSEWHERE for at in (0, 3))
    assert not (role[:, 1:3] == reviews._ELSEWHERE).any()
    assert np.mean(first & ~last) == pytest.approx(np.mean(last & ~first), abs=0.05)
    plain = role[:, 2] == reviews._ABSENT
    both = np.mean(first[plain] & last[plain])
    neither = np.mean(~first[plain] & ~last[plain])
    assert [neither, 1 - neither - both, both] == pytest.approx(reviews.BESIDE_PLAIN, abs=0.05)
    assert not (first & last)[~plain].any()
