"""A seeded grammar of movie reviews whose verdict depends on word order: the generated source of ``sentiment``.

    at first the film was not , to be honest , dull , but the movie was never , as far as i know , gripping .
    my sister said that this film was awful . although the plot was hardly stale , this movie was simply great .

**The rule.** Each clause says that something was good, or was not. Exactly one clause decides the label. It is the
clause that

1. speaks of the film, with "the film", "this film", "the movie" or "this movie" as its subject - a book, a sequel, the
   other film, or a part such as the plot, do not count;
2. speaks for the writer - what somebody else "said that …" does not count; and
3. is not conceded - a clause behind "although", or one that is answered by ", but …", does not count.

The review is positive where that clause calls the film good: with a positive word, or with a negator ("not", "never",
"hardly") and a negative word. "really", "simply" and asides change nothing.

**Why counting does not help.** The clauses that do not count draw on the same words, negators and asides. A conceded
clause says the opposite of the deciding clause, so both words are there; what other clauses say is drawn
independently of the label. Pairs of neighbours may join a negator to its polarity word, but not these to the kind of
their clause. Fitted to 20,000 reviews, Naive Bayes is right in 0.57 to 0.63, logistic regression on words and pairs
in 0.60 to 0.71 (gaps 0 to 40).

**The gap.** Between a clause's subject and negator on one side and its polarity word on the other stands an aside that
says nothing, of 0 to ``gap`` tokens, its commas included, each length as likely. With gap 0 they are adjacent. Short
asides among the long ones make learning possible: with all asides 20 tokens long, an LSTM of 64 units was still at 0.6
after 1,400 steps; with this mixture it reaches 1.0.
"""

from itertools import product

import numpy as np

from seqexp.data.batch import Split
from seqexp.data.splits import part_of
from seqexp.data.text import UNKNOWN, Ragged, Vocabulary
from seqexp.numerics.rng import Purpose, stream

POSITIVE = [
    *("great", "wonderful", "charming", "gripping", "moving", "clever"),
    *("funny", "fresh", "superb", "touching", "brilliant", "delightful"),
]
NEGATIVE = [
    *("dull", "awful", "boring", "tedious", "clumsy", "shallow"),
    *("stale", "silly", "dreadful", "lifeless", "tiresome", "bland"),
]
NEGATORS = ["not", "never", "hardly"]
INTENSIFIERS = ["really", "simply"]
FILMS = ["the film", "this film", "the movie", "this movie"]
PARTS = ["the plot", "the acting", "the script", "the music", "the ending"]
OTHERS = ["the book", "the sequel", "the trailer", "the other film", "the other movie", "the last one"]
HOLDERS = ["the critics", "the papers", "my sister", "my neighbour", "the posters"]
ASIDES = [
    *("frankly", "overall", "personally"),
    *("of course", "in fact", "in short", "for once", "on balance"),
    *("to be honest", "as it happens", "to my mind", "on a monday", "in my town"),
    *("on a rainy evening", "with a full house", "after a long day", "from the back row"),
    *("as far as i know", "as i told my brother", "with popcorn on my lap", "in the room next door"),
    *("while rain fell on the roof", "when the lights went down again", "on the way home from work"),
]
WORDS_IN = {aside: len(aside.split()) for aside in ASIDES}

SUBJECTS = {
    "film": FILMS,
    "part": PARTS + [f"at first {film}" for film in FILMS],
    "other": OTHERS,
    "voice": [f"{who} {said} that {film}" for who, said, film in product(HOLDERS, ("said", "swore"), FILMS)],
}
VOCABULARY = Vocabulary(
    (
        UNKNOWN,
        *sorted(
            {word for phrases in SUBJECTS.values() for phrase in phrases for word in phrase.split()}
            | {word for phrase in ASIDES for word in phrase.split()}
            | {"was", "although", "but", ",", ".", *NEGATORS, *INTENSIFIERS, *POSITIVE, *NEGATIVE}
        ),
    )
)

PLAIN = 0.6  # share of reviews without a conceded clause
BESIDE_PLAIN = (0.3, 0.4, 0.3)  # of those, with no, one, two sentences that do not count
NEGATED = 0.25  # share of clauses with a negator
STRESSED = 0.3  # share of the other clauses with an intensifier
ASIDE_VARIANTS = 16  # at most this many different asides of each length
ASIDE_SEED = 1_000_003  # asides belong to the grammar and are the same for every seed

CLAUSES = 4  # a sentence before, two clauses of the sentence that decides, a sentence after
SLOTS = 7  # of a clause: how it starts, subject, verb, modifier, aside, polarity word, how it ends
SPLITS: tuple[Split, ...] = ("train", "val", "test")
_ABSENT, _DECIDES, _CONCEDED, _ELSEWHERE = range(4)  # what a clause is for


class Reviews:
    """The grammar for one gap, and its texts' 80/10/10 split into training, validation and test.

    The vocabulary is the same for every gap, so networks keep their size.
    """

    labels: tuple[str, ...] = ("negative", "positive")

    def __init__(self, gap: int, split_seed: int) -> None:
        self.split_seed = split_seed
        asides = {f"aside {tokens}": _asides(tokens) for tokens in range(gap + 1)}
        groups = {
            "nothing": [""],
            **SUBJECTS,
            **asides,
            "negator": NEGATORS,
            "intensifier": INTENSIFIERS,
            "negative": NEGATIVE,
            "positive": POSITIVE,
            **{word: [word] for word in ("was", "although", "but", ",", ".")},
        }
        self._phrases = Ragged.of([VOCABULARY.encode(phrase.split()) for group in groups.values() for phrase in group])
        sizes = [len(group) for group in groups.values()]
        starts = np.cumsum([0, *sizes]).tolist()
        self._groups = {name: (start, size) for name, start, size in zip(groups, starts, sizes, strict=False)}
        self._aside_starts, self._aside_sizes = np.array([self._groups[name] for name in asides]).T  # (gap + 1,)

    def draw(self, split: Split, seed: int, epoch: int, size: int) -> tuple[Ragged, np.ndarray]:
        """``size`` reviews of a split and their labels (size,), every other one positive.

        Training reviews are drawn by (seed, epoch), the others by the split's seed alone.
        """
        which = SPLITS.index(split)
        rng = stream(self.split_seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch)
        labels = np.arange(size) % 2
        phrases = np.empty((size, CLAUSES * SLOTS), np.int64)
        missing = np.arange(size)
        # A text that belongs to another split is drawn again.
        while len(missing):
            phrases[missing] = self._draw(rng, labels[missing])
            texts = self._texts(phrases[missing])
            missing = missing[[part_of(texts[row].tobytes(), self.split_seed) != split for row in range(len(texts))]]
        return self._texts(phrases), labels

    def _texts(self, phrases: np.ndarray) -> Ragged:
        """The reviews that rows of phrase numbers (N, slots) spell."""
        words = self._phrases.take(phrases.ravel())
        return Ragged(words.flat, words.lengths.reshape(phrases.shape).sum(axis=1))

    def _draw(self, rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        """Phrase numbers (N, slots) of one review for each label (N,)."""
        role, lead, end = self._outline(rng, len(labels))  # (N, CLAUSES) each
        good = np.select(
            [role == _DECIDES, role == _CONCEDED],
            [labels[:, None] == 1, labels[:, None] == 0],
            rng.random(role.shape) < 0.5,
        )
        negated = rng.random(role.shape) < NEGATED
        stressed = rng.random(role.shape) < STRESSED
        voiced = rng.random(role.shape) < 0.5
        own = (role == _CONCEDED) & (rng.random(role.shape) < 0.5)  # conceded by the writer, about this film

        def one_of(group: str) -> np.ndarray:
            start, size = self._groups[group]
            return start + rng.integers(size, size=role.shape)

        subject = np.select(
            [role == _DECIDES, own, voiced], [one_of("film"), one_of("part"), one_of("voice")], one_of("other")
        )
        modifier = np.select([negated, stressed], [one_of("negator"), one_of("intensifier")], one_of("nothing"))
        word = np.where(good != negated, one_of("positive"), one_of("negative"))
        tokens = rng.integers(len(self._aside_sizes), size=role.shape)
        aside = self._aside_starts[tokens] + rng.integers(self._aside_sizes[tokens])
        clause = np.stack([lead, subject, one_of("was"), modifier, aside, word, end], axis=2)
        clause[role == _ABSENT] = self._groups["nothing"][0]
        return clause.reshape(len(labels), -1)

    def _outline(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each clause's role, and the phrases it starts and ends with, (count, CLAUSES) each."""
        nothing, although, but, comma, stop = (
            self._groups[name][0] for name in ("nothing", "although", "but", ",", ".")
        )
        role = np.full((count, CLAUSES), _ABSENT)
        lead = np.full((count, CLAUSES), nothing)
        end = np.full((count, CLAUSES), stop)

        plain = rng.random(count) < PLAIN
        form = rng.integers(3, size=count)  # "although C , D", "C , but D", "D , although C"
        role[:, 1] = np.where(plain | (form == 2), _DECIDES, _CONCEDED)
        role[:, 2] = np.select([plain, form == 2], [_ABSENT, _CONCEDED], _DECIDES)
        lead[:, 1] = np.where(~plain & (form == 0), although, nothing)
        lead[:, 2] = np.select([form == 1, form == 2], [but, although], nothing)
        end[:, 1] = np.where(plain, stop, comma)

        # Sentences that do not count: none, one or two beside a plain verdict, none or one beside a contrast.
        others = np.where(plain, rng.choice(3, count, p=BESIDE_PLAIN), rng.integers(2, size=count))
        before = rng.random(count) < 0.5
        role[(others == 2) | (others == 1) & before, 0] = _ELSEWHERE
        role[(others == 2) | (others == 1) & ~before, 3] = _ELSEWHERE
        return role, lead, end


def _asides(tokens: int) -> list[str]:
    """Different asides of exactly ``tokens`` tokens; asides of three or more stand between commas."""
    if tokens == 0:
        return [""]
    rng = stream(ASIDE_SEED, Purpose.DATA, tokens)
    drawn = (_aside(rng, tokens - 2 if tokens > 2 else tokens) for _ in range(ASIDE_VARIANTS))
    return list(dict.fromkeys(f", {aside} ," if tokens > 2 else aside for aside in drawn))


def _aside(rng: np.random.Generator, words: int) -> str:
    chosen: list[str] = []
    while words:
        fitting = [aside for aside in ASIDES if WORDS_IN[aside] <= words]
        fresh = [aside for aside in fitting if aside not in chosen] or fitting
        # The longer of two: few long phrases read better than a string of short ones.
        aside = max((fresh[index] for index in rng.integers(len(fresh), size=2)), key=WORDS_IN.__getitem__)
        chosen.append(aside)
        words -= WORDS_IN[aside]
    return " ".join(chosen)
