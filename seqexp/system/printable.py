"""Foreign text made fit to be shown: terminals obey escape codes, and some characters reorder or hide what is read."""

import unicodedata

REPLACED = "\N{REPLACEMENT CHARACTER}"
# Line ends and tabs are for the caller to judge. Words of Persian, Hindi and others hold the two joiners.
KEPT = frozenset("\n\t\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")


def printable(text: str) -> str:
    """The text with a replacement mark for each character that is no sign: escape codes, marks of direction, halves of
    surrogate pairs, what Unicode has not assigned."""
    if text.isprintable():  # nearly every text
        return text
    return "".join(letter if _is_shown(letter) else REPLACED for letter in text)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in KEPT or unicodedata.category(letter) == "Zs"  # Zs: blanks
