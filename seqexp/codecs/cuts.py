"""The ways of cutting a text into tokens, by name, so that a run is read as it was trained."""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from seqexp.data import text
from seqexp.data.files import composed

VERSION = 1  # of all of them: it changes where one would cut a text otherwise than before
Cut = Literal["words", "spaces", "characters", "tweet", "pieces"]

_PLACEHOLDERS = re.compile(r"(?P<url>https?://\S+)|(?P<user>@\w+)")


def characters(name: str) -> list[str]:
    """One string a letter: letters and their accents are put together (NFC)."""
    return list(unicodedata.normalize("NFC", name))


def tweet(content: str) -> list[str]:
    """Words, punctuation marks, ``<user>`` and ``<url>``: ``"@ann I &lt;3 u"`` gives ``<user> i < 3 u``."""
    plain = html.unescape(content)
    found: list[str] = []
    start = 0
    for match in _PLACEHOLDERS.finditer(plain):
        found += [*text.words(plain[start : match.start()]), f"<{match.lastgroup}>"]
        start = match.end()
    return found + text.words(plain[start:])


CUTS: Mapping[Cut, Callable[[str], list[str]]] = {
    "words": text.words,
    "spaces": str.split,
    "characters": characters,
    "tweet": tweet,
    "pieces": text.pieces,
}


def cut(how: Cut, content: str) -> list[str]:
    """The tokens of a text that somebody has typed."""
    return CUTS[how](composed(content))


def joined(how: Cut, tokens: Sequence[str]) -> str:
    """A text that is cut into these tokens again, unless one of them is unknown."""
    return "".join(tokens) if how in ("characters", "pieces") else " ".join(tokens)
