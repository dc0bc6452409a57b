"""What is a nested list operation worth? A digit, told from the expression as a sequence or as a tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.data import fetch, files, sources, trees
from seqexp.data.batch import Split
from seqexp.data.generated import expressions
from seqexp.data.splits import HELD_OUT, part_of
from seqexp.data.trees import Tree, Trees
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import register
from seqexp.tasks._trees import BesideScorer, Examples, Read, TreeClassifier

GENERATED_SIZES = {"val": 1000, "test": 2000}
CHUNK = 8192  # expressions drawn at once
PATIENCE = 5  # chunks without a new expression, after which there are no more


@register("listops")
@dataclass(kw_only=True)
class ListOps(TreeClassifier):
    """The value of expressions such as ``[MAX 2 9 [MIN 4 7 ] 0 ]``, drawn by the published grammar
    (``data.generated.expressions``). Ten classes.

    Each epoch draws ``examples`` new expressions by (seed, epoch); 1,000 of validation and 2,000 of the test come from
    ``split_seed``. A hash of the expression says which of the three parts it may be in. Within a draw no expression
    comes twice, as in the published set, and none is a digit alone. Source: Nangia and Bowman 2018, whose own set has
    at most 19 lists in each other (20 levels with the digits) and 2 to 5 arguments.

    depth:       at most so many lists lie in each other; least_depth: at least so many.
    arguments:   a list has 2 to so many operands.
    published:   also score the published test set, test_d20s (10,000 expressions, depth 19, 5 arguments), which is then
                 left out of training: test/published_accuracy. test/loss is then that of both test sets together.
    read:        see ``TreeClassifier``.
    """

    depth: Annotated[int, Ge(1), Le(200)]
    least_depth: Annotated[int, Ge(1)]
    arguments: Annotated[int, Ge(2), Le(100)]
    examples: Annotated[int, Ge(1)]
    published: bool
    split_seed: Annotated[int, Ge(0)]
    read: Read | None = None
    data_dir: str | None = None

    solved = 0.95
    distance = "depth"
    form = "list_operations"
    vocabulary = expressions.VOCABULARY
    labels = expressions.DIGITS

    def __post_init__(self) -> None:
        if self.least_depth > self.depth:
            raise UserError(f"task.least_depth: expected at most task.depth={self.depth}; got {self.least_depth}")
        self._there: Trees | None = None
        if self.published:
            path = fetch.locate(self.data_dir, "listops", "test_d20s.tsv.gz")
            self._there = _gathered([_parsed(line) for _, line in files.lines(path) if line])

    def size(self, split: Split) -> int:
        own = GENERATED_SIZES.get(split, self.examples)
        return own + (len(self._there) if split == "test" and self._there is not None else 0)

    def draw(self, split: Split, seed: int, epoch: int) -> Examples:
        if split == "train":
            return Examples(self._drawn(split, stream(seed, Purpose.DATA, epoch), self.examples))
        own = self._held_out[split]
        if split == "val" or self._there is None:
            return Examples(own)
        both = Trees.joined([own, self._there])
        return Examples(both, np.arange(both.roots[-1] + 1) > own.roots[-1])

    @cached_property
    def _held_out(self) -> dict[Split, Trees]:
        return {
            split: self._drawn(split, stream(self.split_seed, Purpose.SPLIT, number), GENERATED_SIZES[split])
            for number, split in enumerate(HELD_OUT, 1)
        }

    @cached_property
    def _refused(self) -> set[bytes]:
        """The expressions of the published test set, which training must not have."""
        there = self._there
        return set() if there is None else {there.words[row].tobytes() for row in range(len(there))}

    def _drawn(self, split: Split, rng: np.random.Generator, size: int) -> Trees:
        """So many different expressions of the split. UserError where there are not as many."""
        seen = set(self._refused) if split != "test" else set()
        found: list[Trees] = []
        count = waited = 0
        while count < size:
            drawn = expressions.drawn(rng, CHUNK, self.depth, self.arguments, self.least_depth)
            keys = [drawn.words[row].tobytes() for row in range(len(drawn))]
            new = []
            for row, key in enumerate(keys):
                if key not in seen and part_of(key, self.split_seed) == split:
                    seen.add(key)
                    new.append(row)
            waited = 0 if new else waited + 1
            if waited == PATIENCE:
                raise UserError(
                    f"task.depth: expected enough for {size:,} different expressions of {split}; depth "
                    f"{self.least_depth} to {self.depth} with {self.arguments} arguments has about {count:,}; "
                    "try more arguments or depth"
                )
            found.append(drawn.take(np.array(new[: size - count], np.int64)))
            count += len(found[-1])
        return Trees.joined(found)

    def scorer(self) -> BesideScorer:
        return BesideScorer(self.labels, "published_accuracy", together=False)

    def fingerprint(self) -> str:
        return "generated" if self._there is None else f"generated and {sources.fingerprint('listops')}"


def _parsed(line: str) -> tuple[Tree, int]:
    """A line of a published file: the answer, a tab, the expression in a binary tree's brackets."""
    answer, _, expression = line.partition("\t")
    return trees.parse(expression, labelled=False), int(answer)


def _gathered(parsed: Sequence[tuple[Tree, int]]) -> Trees:
    for tree, answer in parsed:
        tree.labels[-1] = str(answer)
    ids = [expressions.VOCABULARY.encode(tree.words) for tree, _ in parsed]
    return trees.gathered([tree for tree, _ in parsed], ids, {digit: int(digit) for digit in expressions.DIGITS})
