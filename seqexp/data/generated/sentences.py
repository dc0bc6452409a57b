"""Sentences in which many words may be nouns or verbs, adjectives or adverbs: only the words before them tell.

    S  -> NP VP .  |  NP VP CCONJ NP VP .
    NP -> DET ADJ* NOUN PP?  |  PRON  |  NAME
    VP -> AUX? ADV? VERB NP? ADV?
    PP -> ADP DET ADJ* NOUN

``can`` is a noun or an auxiliary; ``duck``, ``watch`` and their like a noun or a verb; ``fast`` and its like an
adjective or an adverb. The words before always decide, but the last word alone does not: adverbs and adjectives
separate a word from the one that decides.
"""

import numpy as np

from seqexp.data.tagged import Sentence

BOTH = ("duck", "watch", "fish", "play", "walk", "light", "park", "book", "ring", "store", "sail", "train", "plan")
NOUNS = ("can", "river", "teacher", "garden", "letter", "house", "sailor", "window", "song")
VERBS = ("see", "hear", "bring", "find", "follow", "admire", "forget", "draw")
EITHER = ("fast", "early", "late", "hard", "daily")  # adjectives and adverbs
ADJECTIVES = ("old", "green", "quiet", "small", "strange")
ADVERBS = ("often", "rarely", "always", "quietly", "never")
DETERMINERS = ("the", "a", "every", "some", "this")
PRONOUNS = ("they", "we", "you", "i")
NAMES = ("mary", "john", "paris", "mark", "rose")
AUXILIARIES = ("can", "will", "may", "must")
ADPOSITIONS = ("in", "near", "behind", "with")
CONJUNCTIONS = ("and", "but")

Pair = tuple[str, str]


def sentence(rng: np.random.Generator) -> Sentence:
    """One sentence of 3 to about 30 words."""
    pairs = [*_noun_phrase(rng), *_verb_phrase(rng)]
    if rng.random() < 0.35:
        pairs += [_one(rng, CONJUNCTIONS, "CCONJ"), *_noun_phrase(rng), *_verb_phrase(rng)]
    words, tags = zip(*pairs, (".", "PUNCT"), strict=True)
    return Sentence(words, tags, 0)


def _one(rng: np.random.Generator, words: tuple[str, ...], tag: str) -> Pair:
    return words[rng.integers(len(words))], tag


def _of_two(rng: np.random.Generator, shared: tuple[str, ...], own: tuple[str, ...], tag: str) -> Pair:
    return _one(rng, shared if rng.random() < 0.6 else own, tag)


def _noun(rng: np.random.Generator) -> list[Pair]:
    adjectives = rng.choice(3, p=(0.4, 0.35, 0.25))
    described = [_of_two(rng, EITHER, ADJECTIVES, "ADJ") for _ in range(adjectives)]
    return [_one(rng, DETERMINERS, "DET"), *described, _of_two(rng, BOTH, NOUNS, "NOUN")]


def _noun_phrase(rng: np.random.Generator) -> list[Pair]:
    kind = rng.random()
    if kind < 0.25:
        return [_one(rng, PRONOUNS, "PRON")]
    if kind < 0.4:
        return [_one(rng, NAMES, "PROPN")]
    phrase = _noun(rng)
    return [*phrase, _one(rng, ADPOSITIONS, "ADP"), *_noun(rng)] if rng.random() < 0.25 else phrase


def _verb_phrase(rng: np.random.Generator) -> list[Pair]:
    phrase = [_one(rng, AUXILIARIES, "AUX")] if rng.random() < 0.4 else []
    if rng.random() < 0.4:
        phrase.append(_one(rng, ADVERBS, "ADV"))
    phrase.append(_of_two(rng, BOTH, VERBS, "VERB"))
    if rng.random() < 0.6:
        phrase += _noun_phrase(rng)
    if rng.random() < 0.4:
        phrase.append(_of_two(rng, EITHER, ADVERBS, "ADV"))
    return phrase
