"""How tags mark spans of words, and the F1 of the spans, whatever the marks are written like."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

OUTSIDE = "O"
# Scheme -> its marks as seqeval reads them: B, I, E (the last word) and S (a single word).
_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "IOB": {"B": "B", "I": "I"},
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
    "BMEWO": {"B": "B", "M": "I", "E": "E", "W": "S"},
}
_FORMS = (r"(?P<mark>[A-Z])[-_](?P<kind>.+)", r"(?P<kind>.+)[-_](?P<mark>[A-Z])", r"(?P<mark>[A-Z])(?P<kind>)")


@dataclass(frozen=True)
class Spans:
    """A scheme of tags. ``plain`` gives each tag as mark-kind with the marks B, I, E, S; O stays O."""

    scheme: str
    plain: Mapping[str, str]


def spans_of(tags: Iterable[str]) -> Spans | None:
    """The scheme in which the tags mark spans; None where they mark none, as parts of speech do.

    IOB1 (Ramshaw and Marcus 1995: B only between neighbours of a kind), IOB2, BIOES, BILOU, BMES and BMEWO, with the
    mark in front (B-PER) or behind (PER-B), or alone. Every tag has to fit, and one has to begin a span: B, or any
    mark beside an O.
    """
    names = set(tags)
    kinds = names - {OUTSIDE}
    for pattern in _FORMS:
        found = {tag: match for tag in kinds if (match := re.fullmatch(pattern, tag))}
        if not kinds or len(found) < len(kinds):
            continue
        marks = {match["mark"] for match in found.values()}
        for scheme, meaning in _SCHEMES.items():
            if marks <= set(meaning) and ("B" in marks or OUTSIDE in names):
                plain = {tag: f"{meaning[match['mark']]}-{match['kind'] or 'span'}" for tag, match in found.items()}
                return Spans(scheme, plain | {OUTSIDE: OUTSIDE})
    return None


def scheme_of(spans: Spans, sentences: Iterable[Sequence[str]]) -> str:
    """The scheme's name; of IOB which of the two, by how spans begin in the sentences."""
    if spans.scheme != "IOB":
        return spans.scheme
    begin = {"B": 0, "I": 0}
    for tags in sentences:
        before = OUTSIDE
        for tag in (spans.plain[tag] for tag in tags):
            if tag != OUTSIDE and (before == OUTSIDE or before[2:] != tag[2:]):
                begin[tag[0]] += 1
            before = tag
    if begin["B"] and begin["I"]:
        return "IOB1 and IOB2 mixed"
    return "IOB1" if begin["I"] else "IOB2"


def entity_f1(spans: Spans, truth: Iterable[Sequence[str]], answers: Iterable[Sequence[str]]) -> float:
    """F1 over spans that agree in both ends and in kind, as CoNLL's script scores them: by the package seqeval.

    It takes an I after an O, or after another kind, for the beginning of a span, so IOB1 is IOB2 to it. 0 where neither
    has a span.
    """
    from seqeval.metrics import f1_score

    def plain(sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        return [[spans.plain[tag] for tag in tags] for tags in sentences]

    return float(f1_score(plain(truth), plain(answers), zero_division=0))
