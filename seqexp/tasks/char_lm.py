"""Aligned many-to-many: predict the next character of a text."""

from dataclasses import dataclass

from seqexp.codecs.cuts import Cut
from seqexp.tasks import register
from seqexp.tasks._language import Language
from seqexp.tasks._typing import CharacterTypist


@register("char_lm")
@dataclass(kw_only=True)
class CharLM(Language):
    """The next character. Sources with a name: python, tinyshakespeare, ptb (as the file is, spaces and all).

    bits_per_char: mean negative log-likelihood in bits; ``<unk>`` is predicted and scored like any character.
    """

    primary_metric = unit = "bits_per_char"
    line_end = "\n"
    token_kind = "characters"
    sampled_tokens = 300

    def tokens(self, text: str) -> list[str]:
        return list(text)

    def typist(self) -> CharacterTypist:
        return CharacterTypist(self.vocabulary.tokens)

    def cut(self) -> Cut:
        return "characters"
