"""One-to-many: given the first letter, say the word."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from seqexp.codecs import Answering, Row
from seqexp.codecs.language import Word
from seqexp.data.batch import Batch, Split
from seqexp.system.errors import UserError
from seqexp.tasks import Generator, Metrics, Shape, Task, register
from seqexp.tasks.artifacts import Artifact, TextSamples
from seqexp.tasks.scorers import SymbolScorer

START, END = "<s>", "</s>"


@register("hello")
@dataclass(kw_only=True)
class Hello(Task):
    """After <s> and ``h`` come ``e l l o </s>``: the smallest task in which the same input needs two answers (l, o).

    word:            what to say; its first letter is given.
    feed:            what the network sees after the first letter: "zeros" (nothing), or "previous" (the letter before:
                     the true one in training, its own answer when it generates).
    temperature:     of the sampled example; 0 takes the likeliest letter. The metric is always greedy.
    steps_per_epoch: all steps see the one word there is.
    """

    word: str
    feed: Literal["zeros", "previous"]
    temperature: Annotated[float, Ge(0)]
    steps_per_epoch: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]  # nothing is drawn here; every task has it

    primary_metric = "exact_match"
    direction = "max"
    solved = 1.0

    def __post_init__(self) -> None:
        if len(self.word) < 2:
            raise UserError(f"task.word: expected at least two letters; got {self.word!r}; try task.word=hello")

    @cached_property
    def _letters(self) -> list[str]:
        return [START, END, *sorted(set(self.word))]

    def _ids(self, letters: Any) -> np.ndarray:
        return np.array([self._letters.index(letter) for letter in letters])

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> Word:
        return Word(tuple(self._letters), self.feed, len(self.word))

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else 1

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        x = self._ids([START, *self.word])
        target = self._ids([*self.word, END])
        answered = np.arange(len(x)) >= 1
        if self.feed == "zeros":
            x[2:] = -1
        return Batch(x[:, None], target[:, None], answered=answered[:, None])

    def scorer(self) -> SymbolScorer:
        return SymbolScorer()

    def generate(self, generator: Generator, split: Split) -> tuple[Metrics, list[Artifact]]:
        """exact_match: 1 where the greedy word is right to its end token."""
        first = self.word[0]
        greedy = self._say(generator, 0.0)
        rows = [("greedy", first, greedy, self.word)]
        if self.temperature and split == "test":
            rows.append((f"temperature {self.temperature:g}", first, self._say(generator, self.temperature), self.word))
        samples = TextSamples(("how", "given", "said", "wanted"), tuple(rows))
        return {"exact_match": float(greedy == self.word)}, [samples]

    def _say(self, generator: Generator, temperature: float) -> str:
        prompt = self._ids([START, self.word[0]])[:, None]
        tokens = generator(prompt, len(self.word), self.feed, temperature, self.split_seed)[:, 0]
        return self.word[0] + self.codec().spelled(tokens)

    def said(self, network: Answering) -> list[Row]:
        return [{"text": self.word[0], "truth": self.word, "answer": self._say(network.generate, 0.0)}]

    def baselines(self) -> Metrics:
        """What the best fixed answer to the input of each step says, without memory.

        Fed with the letter before, that is each letter's most frequent successor; fed with zeros, one fixed letter.
        """
        pairs = list(zip(self.word, [*self.word[1:], END], strict=True))
        if self.feed == "zeros":
            # The first letter is seen; all that follow get the same answer.
            later = {after for _, after in pairs[1:]}
            return {"no memory": float(len(later) == 1)}
        successors: dict[str, set[str]] = {}
        for before, after in pairs:
            successors.setdefault(before, set()).add(after)
        return {"no memory": float(all(len(after) == 1 for after in successors.values()))}

    def fingerprint(self) -> str:
        return "generated"
