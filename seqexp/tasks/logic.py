"""Is a Boolean formula true? Its variables are given; the question is how deep it may be."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seqexp.data import trees
from seqexp.data.batch import Split
from seqexp.data.generated import formulas
from seqexp.data.generated.dice import Dice
from seqexp.data.splits import HELD_OUT, part_of
from seqexp.data.text import Vocabulary
from seqexp.data.trees import Tree
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import register
from seqexp.tasks._trees import Examples, Read, TreeClassifier

GENERATED_SIZES = {"val": 500, "test": 1000}
PATIENCE = 20_000  # formulas drawn without a new one, after which there are no more


@register("logic")
@dataclass(kw_only=True)
class Logic(TreeClassifier):
    """The value of formulas such as ``or and p+ q- not r+`` (``data.generated.formulas``), each of just this ``depth``.

    A tree has the operators at its inner nodes and the variables at its leaves; a sequence is the formula as it is
    written, operators in front. Each epoch draws ``examples`` new formulas by (seed, epoch); 500 of validation and
    1,000 of the test come from ``split_seed``. A hash of the formula says which part it may be in; those are all
    different.

    variables: how many there are: a formula has some of them, each true or false throughout.
    read:      see ``TreeClassifier``.
    """

    depth: Annotated[int, Ge(2), Le(100)]
    variables: Annotated[int, Ge(1), Le(len(formulas.LETTERS))]
    examples: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    read: Read | None = None

    solved = 0.99
    distance = "depth"
    form = "formula"
    labels = ("false", "true")

    @cached_property
    def vocabulary(self) -> Vocabulary:  # type: ignore[override]
        return formulas.vocabulary(self.variables)

    def size(self, split: Split) -> int:
        return GENERATED_SIZES.get(split, self.examples)

    def draw(self, split: Split, seed: int, epoch: int) -> Examples:
        if split != "train":
            return self._held_out[split]
        return self._drawn(split, stream(seed, Purpose.DATA, epoch))

    @cached_property
    def _held_out(self) -> dict[Split, Examples]:
        return {
            split: self._drawn(split, stream(self.split_seed, Purpose.SPLIT, number))
            for number, split in enumerate(HELD_OUT, 1)
        }

    def _drawn(self, split: Split, rng: np.random.Generator) -> Examples:
        dice, found = Dice(rng), list[Tree]()
        seen: set[bytes] = set()
        waited = 0
        while len(found) < self.size(split):
            tree = formulas.formula(dice, self.depth, self.variables)
            key = " ".join(tree.words).encode()
            waited += 1
            if waited == PATIENCE:
                raise UserError(
                    f"task.depth: expected enough for {self.size(split):,} different formulas of {split}; depth "
                    f"{self.depth} with {self.variables} variables has about {len(found):,}; try more of either"
                )
            if part_of(key, self.split_seed) == split and (split == "train" or key not in seen):
                seen.add(key)
                found.append(tree)
                waited = 0
        ids = [self.vocabulary.encode(tree.words) for tree in found]
        return Examples(trees.gathered(found, ids, {label: number for number, label in enumerate(self.labels)}))

    def fingerprint(self) -> str:
        return "generated"
