"""Aligned many-to-many: predict the next word of a text."""

from dataclasses import dataclass

from seqexp.codecs.cuts import CUTS, Cut
from seqexp.tasks import register
from seqexp.tasks._language import Language
from seqexp.tasks._typing import WordTypist

EOS = "<eos>"


@register("word_lm")
@dataclass(kw_only=True)
class WordLM(Language):
    """The next word, or ``<eos>`` at the end of a line. Sources with a name: python, tinyshakespeare, ptb.

    ptb is split on spaces as it comes; other texts are lower-cased and cut into words and punctuation marks, and blank
    lines count for nothing. perplexity: exp of the mean negative log-likelihood a token, ``<eos>`` and ``<unk>``
    counted; so it can only be compared between equal vocabularies, that is between equal ``min_count``.
    """

    primary_metric = unit = "perplexity"
    line_end = EOS
    token_kind = "words"
    sampled_tokens = 60

    def tokens(self, text: str) -> list[str]:
        if self.source == "python":  # its lines are wrapped: a paragraph is what ends
            text = "\n".join(part.replace("\n", " ") for part in text.split("\n\n"))
        lines = (CUTS[self.cut()](line) for line in text.split("\n"))
        return [token for line in lines if line for token in (*line, EOS)]

    def typist(self) -> WordTypist:
        return WordTypist(self.vocabulary.tokens, self.unknown_letters, (EOS,))

    def cut(self) -> Cut:
        return "spaces" if self.source == "ptb" else "words"
