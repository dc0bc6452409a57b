"""Formal languages: does what was learned on short strings hold on long ones?"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, MinLen

from seqexp.codecs.classes import SymbolClasses
from seqexp.codecs.strings import SymbolSets
from seqexp.data.batch import Batch, Split
from seqexp.data.generated.counts import counts
from seqexp.data.generated.languages import LANGUAGES, Example
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Counts, Metrics, Shape, Task, metrics, register
from seqexp.tasks.artifacts import Artifact, ByLength

HELD_OUT_OF = 5  # every fifth length of training is validated on instead
FITTED = 1000  # training strings that a baseline is fitted to
COUNTED = 32  # strings along which a unit that counts is looked for
RIGHT = 0.99  # of the strings of a length, from which on the length counts as right

Name = Literal[
    "parity",
    "even_pairs",
    "modular_arithmetic",
    "anbn",
    "anbncn",
    "dyck1",
    "dyck2",
    "reversal",
    "reber",
    "embedded_reber",
]
metrics.register(metrics.Metric("most_active", "legal symbols are the most active (fraction)", "max", bounds=(0, 1)))
metrics.register(metrics.Metric("length_horizon", "longest length right (symbols)", "max", unit="symbols"))


@register("formal")
@dataclass(kw_only=True)
class Formal(Task):
    """Strings of a language of ``data.generated.languages``: trained on short ones, tested on longer ones.

    Training draws a length, each as likely, and then a string of it. Every fifth length up to ``train_length`` is kept
    out of training, and is what validation has; the test has ``test_lengths``. So no string is in two of them.

    Decided languages are many-to-one: accuracy. The others are many-to-many, and a string counts as right if at every
    step that is asked the symbols with a chance above 1/2 are just the legal ones: exact_match. Beside it stands
    most_active, the share of strings of which, at every step, the legal symbols are the most active outputs: what
    Hochreiter and Schmidhuber 1997 ask of all strings, and what follows from the former.
    Beside the primary metric stand its values by length, ``exact_match_at_80``, and length_horizon: the longest test
    length of which, as of all shorter ones, 99 % of the strings are right; 0 where there is none.

    The memoryless baselines answer by the symbol just read: its commonest class, or set, in training.

    Source: lengths up to 40 for training and beyond for the test as in Deletang et al. 2023, who train 1,000,000 steps.
    """

    language: Name
    train_length: Annotated[int, Ge(2)]
    test_lengths: Annotated[tuple[Annotated[int, Ge(2)], ...], MinLen(1)]
    steps_per_epoch: Annotated[int, Ge(1)]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]

    direction = "max"
    solved = 0.99

    def __post_init__(self) -> None:
        self._language = LANGUAGES[self.language]
        self.primary_metric = "accuracy" if self._language.labels else "exact_match"
        short = [length for length in range(1, self.train_length + 1) if self._language.has(length)]
        if len(short) < HELD_OUT_OF:
            raise UserError(
                f"task.train_length: expected at least {HELD_OUT_OF} lengths of {self.language}, as every fifth is "
                f"validated on; up to {self.train_length} there are {len(short)}; try 40"
            )
        if min(self.test_lengths) <= self.train_length:
            raise UserError(
                f"task.test_lengths: expected lengths above task.train_length={self.train_length}, or the test had "
                f"strings of training; got {min(self.test_lengths)}"
            )
        self._tested = sorted({self._language.at_least(length) for length in self.test_lengths})
        kept_out = (HELD_OUT_OF - 1 - self.split_seed) % HELD_OUT_OF
        self._validated = short[kept_out::HELD_OUT_OF]
        self._trained = np.array([length for length in short if length not in self._validated])
        for length in self._tested:
            name = f"{self.primary_metric}_at_{length}"
            metrics.register(metrics.Metric(name, f"{name} (fraction right)", "max"))

    @property
    def labels(self) -> tuple[str, ...]:
        return self._language.labels

    @property
    def shape(self) -> Shape:
        return self.codec().shape

    def codec(self) -> SymbolClasses | SymbolSets:
        symbols = self._language.symbols
        return SymbolClasses(symbols, self.labels) if self.labels else SymbolSets(symbols, self._language.echo)

    def batches(self, split: Split, batch_size: int) -> int:
        return self.steps_per_epoch if split == "train" else -(-len(self._held_out[split]) // batch_size)

    def batch(self, seed: int, split: Split, index: int, batch_size: int) -> Batch:
        """x (T, B) int32; target (B,), or (T, Y, B) with answered (T, B); lengths (B,)."""
        if split != "train":
            return self._side_by_side(self._held_out[split][index * batch_size : (index + 1) * batch_size])
        return self._side_by_side(self._drawn(stream(seed, Purpose.DATA, index), batch_size))

    def _drawn(self, rng: np.random.Generator, size: int) -> list[Example]:
        return [self._language.draw(rng, int(length)) for length in rng.choice(self._trained, size)]

    @cached_property
    def _held_out(self) -> dict[str, list[Example]]:
        """The different strings among those drawn, short ones first."""
        lengths = {"val": self._validated, "test": self._tested}
        drawn: dict[str, list[Example]] = {}
        for number, (split, of) in enumerate(lengths.items()):
            rng = stream(self.split_seed, Purpose.SPLIT, number)
            each = self.examples if split == "test" else -(-self.examples // len(of))
            found = [self._language.draw(rng, length) for length in of for _ in range(each)]
            drawn[split] = [*{one.read.tobytes(): one for one in found}.values()]
        return drawn

    def _side_by_side(self, drawn: Sequence[Example]) -> Batch:
        lengths = np.array([len(one.read) for one in drawn])
        T, B = int(lengths.max()), len(drawn)
        x = np.full((T, B), -1, np.int32)
        for column, one in enumerate(drawn):
            x[: len(one.read), column] = one.read
        if self.labels:
            return Batch(x, np.array([one.target for one in drawn]), lengths)
        target, answered = np.zeros((T, self.shape.outputs, B), np.float32), np.zeros((T, B), bool)
        for column, one in enumerate(drawn):
            target[: len(one.read), :, column] = one.target
            answered[: len(one.read), column] = one.answered
        return Batch(x, target, lengths, answered)

    def counts(self) -> Counts | None:
        """Of strings of the test, up to three times as long as those of training."""
        few = [one for one in self._held_out["test"] if len(one.read) <= 3 * self.train_length + 2]
        chosen = (few or self._held_out["test"])[-COUNTED:]
        each = [counts(self.language, one.read) for one in chosen]
        if not each[0]:
            return None
        batch = self._side_by_side(chosen)
        values = {name: np.zeros(batch.x.shape) for name in each[0]}
        for column, one in enumerate(each):
            for name, value in one.items():
                values[name][: len(value), column] = value
        return Counts(batch, self._language.symbols, values)

    def scorer(self) -> "StringScorer":
        return StringScorer(self.primary_metric, self.train_length, self._steps)

    @cached_property
    def _steps(self) -> dict[int, int]:
        """Steps of a test string -> its length, which leaves out the marks."""
        return {self._language.steps(length): length for length in self._tested}

    def baselines(self) -> Metrics:
        return dict(self._baselines)

    @cached_property
    def _baselines(self) -> Metrics:
        fitted = self._drawn(stream(self.split_seed, Purpose.SPLIT, 2), FITTED)
        counts: dict[int, Counter[bytes]] = defaultdict(Counter)
        for one in fitted:
            for symbol, answer in _asked(one):
                counts[symbol][answer] += 1
        common = {symbol: each.most_common(1)[0][0] for symbol, each in counts.items()}
        right = [all(common.get(symbol) == answer for symbol, answer in _asked(one)) for one in self._held_out["test"]]
        return {"the last symbol alone": float(np.mean(right))}

    def fingerprint(self) -> str:
        return "generated"


def _asked(one: Example) -> list[tuple[int, bytes]]:
    """The symbol read at each step that is asked, and the right answer."""
    answers = [one.target.to_bytes()] if isinstance(one.target, int) else map(bytes, one.target[one.answered])
    return list(zip(one.read[one.answered].tolist(), answers, strict=True))


class StringScorer:
    """The share of strings that are right at every step, of all and by length. ``steps``: of a string -> its length."""

    def __init__(self, metric: str, trained: int, steps: dict[int, int]) -> None:
        self._metric, self._trained, self._steps = metric, trained, steps
        self._right: dict[int, list[bool]] = defaultdict(list)  # by steps
        self._most_active: list[bool] = []

    def add(self, batch: Batch, y: np.ndarray) -> None:
        """y (Y, N): logits of the batch's N scored answers."""
        assert batch.lengths is not None
        if batch.answered is None:
            right = y.argmax(axis=0) == batch.target
        else:
            steps = np.ones(batch.answered.shape, bool)
            legal = batch.answers() > 0
            steps[batch.answered] = ((y > 0) == legal).all(axis=0)
            right = steps.all(axis=0)
            least = np.where(legal, y, np.inf).min(axis=0)
            steps[batch.answered] = least > np.where(legal, -np.inf, y).max(axis=0)
            self._most_active += np.logical_and.reduce(steps, axis=0).tolist()
        for steps_read, is_right in zip(batch.lengths.tolist(), right.tolist(), strict=True):
            self._right[steps_read].append(is_right)

    def metrics(self) -> Metrics:
        found = {self._metric: float(np.mean([one for each in self._right.values() for one in each]))}
        if self._most_active:
            found["most_active"] = float(np.mean(self._most_active))
        by_length = self._by_length()
        if by_length:
            found |= {f"{self._metric}_at_{length}": share for length, share in by_length.items()}
            horizon = 0
            for length, share in by_length.items():
                if share < RIGHT:
                    break
                horizon = length
            found["length_horizon"] = float(horizon)
        return found

    def _by_length(self) -> dict[int, float]:
        """Of the test's lengths, from the shortest on; empty of another split, which has others."""
        return {self._steps[n]: float(np.mean(self._right[n])) for n in sorted(self._right) if n in self._steps}

    def artifacts(self) -> list[Artifact]:
        shares = self._by_length()
        if not shares:
            return []
        return [ByLength(np.array([*shares]), np.array([*shares.values()]), self._trained, self._metric)]
