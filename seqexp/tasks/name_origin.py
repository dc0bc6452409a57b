"""Which language is a name from? The last character answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from seqexp.data import corpora
from seqexp.tasks import register
from seqexp.tasks._texts import FixedTexts, OwnTexts, TextClassifier


@register("name_origin")
@dataclass(kw_only=True)
class NameOrigin(OwnTexts, TextClassifier):
    """Many-to-one classification of names, character by character.

    ``names``: surnames in 18 languages (Robertson's, of the PyTorch tutorials), very uneven: half are Russian.

    A file or folder of one's own (``OwnTexts``): any texts, any classes.

    No name is in two splits. A name that occurs more than once in a language is kept once (of 2,000 Arabic rows 108
    names remain); a name of several languages is kept for each, all of them in one split, so nobody can be right about
    all. Capitals do not tell names apart. The split is 80/10/10 of each class by ``split_seed``; only the first
    ``max_length`` characters are read, and characters never seen in training are unknown.
    """

    max_length: Annotated[int, Ge(1)]

    primary_metric = "macro_f1"

    def __post_init__(self) -> None:
        if self.source == "names":
            self.refuse_own_parts()
            corpus = corpora.names(self.data_dir)
        else:
            corpus = self.own_corpus(("names",))
        texts = FixedTexts(
            corpus,
            "characters",
            source=self.source,
            split_seed=self.split_seed,
            min_count=1,
            max_length=self.max_length,
            unit="characters",
            same=spelling,
        )
        self._read_from(texts)


def spelling(letters: Sequence[str]) -> str:
    """What two spellings of one name share, capitals aside."""
    return "".join(letters).casefold()
