"""How tags mark spans of words, and the F1 of the spans, whatever the marks are written like."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

OUTSIDE = "O"
# Scheme -> its marks as B, I, E (the last word) and S (a single word).
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
    """F1 over spans that agree in both ends and in kind, as CoNLL's script scores them (Tjong Kim Sang and De Meulder
    2003). 0 where neither has a span."""
    right = wanted = said = 0
    for there, here in zip(truth, answers, strict=True):
        true, found = _marked(spans, there), _marked(spans, here)
        right, wanted, said = right + len(true & found), wanted + len(true), said + len(found)
    if not right:
        return 0.0
    precision, recall = right / said, right / wanted
    return 2 * precision * recall / (precision + recall)


def _marked(spans: Spans, tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """(kind, first word, the word behind) of each span in a sentence.

    Marks need not fit together, as a network's do not: an I or E that continues nothing begins a span, so IOB1 is read
    too; and a span that nothing ends, ends.
    """
    found, begin, before = set(), 0, OUTSIDE
    for place, tag in enumerate([*(spans.plain[tag] for tag in tags), OUTSIDE]):
        if tag == OUTSIDE or tag[0] in "BS" or before[0] in "OES" or tag[2:] != before[2:]:
            if before != OUTSIDE:
                found.add((before[2:], begin, place))
            begin = place
        before = tag
    return found
