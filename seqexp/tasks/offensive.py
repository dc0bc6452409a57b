"""Is a tweet offensive? The last step answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge

from seqexp.data import corpora
from seqexp.tasks import register
from seqexp.tasks._texts import FixedTexts, OwnTexts, TextClassifier
from seqexp.tasks.scorers import RankedClassScorer

_SAY_NOTHING = {"<url>", "<user>", "rt"}


@register("offensive")
@dataclass(kw_only=True)
class Offensive(OwnTexts, TextClassifier):
    """Many-to-one classification of tweets, from one of two kinds of source.

    ``hate-offensive``: 24,783 tweets (Davidson et al. 2017), 80/10/10 within each class by ``split_seed``. With
    ``classes`` binary, "offensive or hateful" (83 %) stands against "neither"; with three, "hate" (6 %) is told from
    "offensive". The tweets are abusive, so no artifact shows one. Models trained on this data have been found to
    flag the dialect of Black Americans more often than others' (Davidson, Bhattacharya and Weber 2019).

    A file of one's own (``OwnTexts``): any number of classes; ``classes`` does not apply.

    HTML entities are resolved, user names and addresses become ``<user>`` and ``<url>``, the rest is cut by
    ``data.text.words``. Tweets that agree in all words but these two and "rt", as retweets do, count as repetitions:
    the later is left out, or kept in the same split where its class differs. ``min_count`` and ``max_length`` are as
    in ``sentiment``.
    """

    classes: Literal["binary", "three"]
    min_count: Annotated[int, Ge(1)]
    max_length: Annotated[int, Ge(1)]

    primary_metric = "macro_f1"

    def __post_init__(self) -> None:
        if self.source == "hate-offensive":
            self.refuse_own_parts()
            corpus = corpora.hate_offensive(self.data_dir)
            if self.classes == "binary":
                labels = ["neither" if label == "neither" else "offensive or hateful" for label in corpus.labels]
                corpus = replace(corpus, labels=labels)
        else:
            corpus = self.own_corpus(("hate-offensive",))
        texts = FixedTexts(
            corpus,
            "tweet",
            source=self.source,
            split_seed=self.split_seed,
            min_count=self.min_count,
            max_length=self.max_length,
            same=_what_it_says,
        )
        self._read_from(texts)

    def scorer(self) -> RankedClassScorer:
        return RankedClassScorer(self.labels)


def _what_it_says(words: Sequence[str]) -> tuple[str, ...]:
    """The words proper; where there is none, everything."""
    return tuple(w for w in words if w not in _SAY_NOTHING and any(map(str.isalnum, w))) or tuple(words)
