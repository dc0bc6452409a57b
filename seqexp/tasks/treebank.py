"""The sentiment of a sentence, and of every phrase in it, from its tree or from its words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from seqexp.data import fetch, files, sources, splits, summary, trees
from seqexp.data.batch import Split
from seqexp.data.generated.dice import Dice
from seqexp.data.generated.opinions import opinion
from seqexp.data.splits import HELD_OUT, PARTS, part_of
from seqexp.data.summary import Summary
from seqexp.data.text import Vocabulary, lowered
from seqexp.data.trees import Tree
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import Metrics, register
from seqexp.tasks._texts import naive_bayes
from seqexp.tasks._trees import BesideScorer, Examples, Read, TreeClassifier
from seqexp.tasks.scorers import ClassScorer

GENERATED_SIZES = {"val": 500, "test": 1000}
FILES: dict[Split, str] = {"train": "train.txt.gz", "val": "dev.txt.gz", "test": "test.txt.gz"}
SUFFIXES = (".txt", ".ptb", ".mrg", ".tree", ".trees")
FINE = ("0", "1", "2", "3", "4")  # very negative to very positive
BINARY = {"0": 0, "1": 0, "3": 1, "4": 1}  # 2, neutral, has no class
SIDES = ("negative", "positive")


@register("treebank")
@dataclass(kw_only=True)
class Treebank(TreeClassifier):
    """The class of a binary tree with a label at every node. accuracy is that of whole sentences, told at the roots.

    ``generated``: sentences of a small grammar (``data.generated.opinions``), ``examples`` new ones an epoch by (seed,
    epoch), 500 of validation and 1,000 of the test by ``split_seed``, none of them in two parts.
    ``sst-trees``: the Stanford Sentiment Treebank (Socher et al. 2013), 8,544, 1,101 and 2,210 sentences as published;
    what validation or test have too is left out of training.
    Or a file of one's own in Penn brackets, a tree a line: ``(label left right)`` and ``(label word)``. It is split
    80/10/10 by ``split_seed`` after leaving out repeated sentences; ``val_source`` and ``test_source`` name files for
    these parts.

    classes:   "fine": every label there is. "binary": 0 and 1 against 3 and 4; what is labelled 2 is not asked, and
               sentences whose root is are left out (Socher et al. 2013).
    nodes:     whether the other nodes are asked too, in training, and as node_accuracy, of all nodes, in validation and
               test. A sequence model then gets each phrase as an example of its own, in the same batch.
    min_count: words, in small letters, that training has less often are ``<unk>``.
    """

    source: str
    classes: Literal["fine", "binary"]
    nodes: bool
    examples: Annotated[int, Ge(1)]
    min_count: Annotated[int, Ge(1)]
    split_seed: Annotated[int, Ge(0)]
    val_source: str | None = None
    test_source: str | None = None
    read: Read | None = None
    data_dir: str | None = None

    form = "brackets"

    def __post_init__(self) -> None:
        self.solved = 0.99 if self.source == "generated" else None
        parts, rows = self._read_trees()
        named = {label for part in parts.values() for tree in part for label in tree.labels}
        if self.classes == "binary" and not named <= set(FINE):
            other = min(named - set(FINE))
            raise UserError(
                f"task.classes: expected fine, since binary is of the labels 0 to 4; {self.source} has {other!r}"
            )
        fine = {label: number for number, label in enumerate(sorted(named))}
        self._numbers = BINARY if self.classes == "binary" else fine
        self.labels = SIDES if self.classes == "binary" else tuple(fine)
        self._parts = {split: [one for one in part if self._asked(one)] for split, part in parts.items()}
        for split, kept in self._parts.items():
            if not kept:
                where = f"{split} of {self.source}"
                raise UserError(f"task.classes: expected sentences whose root is not labelled 2; {where} has none")
        roots = {tree.labels[-1] for part in self._parts.values() for tree in part}
        if len(roots) == 1:
            only = min(roots)
            raise UserError(f"task.source: {self.source}: expected at least two classes of roots; all have {only!r}")
        self.vocabulary = Vocabulary.build((_words(tree) for tree in self._parts["train"]), self.min_count)
        summary.refuse_empty(self.vocabulary, self.source, self.min_count)
        self._fixed = {split: self._examples(part) for split, part in self._parts.items()}
        if self.source != "generated":
            self._tell(rows, sum(map(len, parts.values())))

    def _read_trees(self) -> tuple[dict[Split, list[Tree]], int]:
        """The sentences of each part, and how many were read."""
        held_out: dict[Split, str | None] = {"val": self.val_source, "test": self.test_source}
        named = ("generated", "sst-trees")
        if self.source in named:
            files.no_own_parts(self.source, {f"{part}_source": other for part, other in held_out.items()})
        if self.source == "generated":
            self._fingerprint = "generated"
            return {split: list(self._generated(split, self.split_seed, 0)) for split in PARTS}, 0
        if self.source == "sst-trees":
            self._fingerprint = sources.fingerprint("sst-trees")
            whole = {split: trees.read(fetch.locate(self.data_dir, "sst-trees", FILES[split])) for split in PARTS}
            scored = {_words(tree) for split in HELD_OUT for tree in whole[split]}
            parts = whole | {"train": [tree for tree in whole["train"] if _words(tree) not in scored]}
        else:
            paths = files.own_paths(self.source, named, SUFFIXES, held_out)
            self._fingerprint = files.fingerprint(paths)
            whole = {part: trees.read(path) for part, path in paths.items()}
            parts = splits.filled(whole, _words, self.split_seed, self.source, "trees")
        return parts, sum(map(len, whole.values()))

    def _generated(self, split: Split, seed: int, epoch: int) -> Iterator[Tree]:
        which = PARTS.index(split)
        dice = Dice(stream(seed, Purpose.SPLIT, which) if which else stream(seed, Purpose.DATA, epoch))
        count = 0
        while count < GENERATED_SIZES.get(split, self.examples):
            tree = opinion(dice)
            if part_of(" ".join(tree.words).encode(), self.split_seed) == split:
                count += 1
                yield tree

    def _asked(self, tree: Tree) -> bool:
        return tree.labels[-1] in self._numbers

    def _examples(self, part: Sequence[Tree]) -> Examples:
        found = trees.gathered(part, [self.vocabulary.encode(_words(tree)) for tree in part], self._numbers)
        inner = np.ones(len(found.nodes.labels), bool)
        inner[found.roots] = False
        if not self.nodes:
            found.nodes.labels[inner] = -1
            return Examples(found)
        return Examples(found, inner)

    def _tell(self, rows: int, once: int) -> None:
        """Of so many rows, ``once`` without those that repeat others."""
        classes = np.concatenate([one.trees.nodes.labels[one.trees.roots] for one in self._fixed.values()])
        unknown = {split: one.trees.words.flat for split, one in self._fixed.items()}
        Summary(
            source=self.source,
            name="trees",
            rows=rows,
            parts={split: len(part) for split, part in self._parts.items()},
            left_out={
                summary.REPEATED: rows - once,
                "have a neutral root and are left out": once - len(classes),
            },
            classes=summary.counted(self.labels, classes),
            vocabulary={"words": len(self.vocabulary)},
            unknown={"words": summary.shares(unknown)},
            lengths=np.concatenate([one.lengths for one in self._fixed.values()]),
            unit="words",
            more=[f"{sum(int((one.trees.nodes.labels >= 0).sum()) for one in self._fixed.values()):,} nodes are asked"],
        ).tell()

    def size(self, split: Split) -> int:
        return len(self._parts[split])

    def draw(self, split: Split, seed: int, epoch: int) -> Examples:
        if split == "train" and self.source == "generated":
            drawn = [tree for tree in self._generated(split, seed, epoch) if self._asked(tree)]
            return self._examples(drawn)
        return self._fixed[split]

    def scorer(self) -> ClassScorer:
        return BesideScorer(self.labels, "node_accuracy", together=True) if self.nodes else ClassScorer(self.labels)

    @cached_property
    def _baselines(self) -> Metrics:
        """The test accuracy at the roots of the commonest class, and of Naive Bayes on which words are there, fitted to
        the training sentences; where nodes are asked, also of one fitted to all training phrases."""
        train, classes = self._texts("train", whole=True)
        test, truth = self._texts("test", whole=True)
        found = {
            "majority": float(np.mean(truth == np.bincount(classes).argmax())),
            "naive_bayes": float(np.mean(truth == naive_bayes().fit(train, classes).predict(test))),
        }
        if self.nodes:
            fitted = naive_bayes().fit(*self._texts("train", whole=False))
            found["naive_bayes_of_phrases"] = float(np.mean(truth == fitted.predict(test)))
        return found

    def _texts(self, split: Split, whole: bool) -> tuple[list[tuple[str, ...]], np.ndarray]:
        """The words of sentences, or of all phrases that have a class, and the classes (n,)."""
        texts, classes = [], []
        for tree in self._parts[split]:
            words = _words(tree)
            for first, stop, label in list(zip(tree.first, tree.stop, tree.labels, strict=True))[-1 if whole else 0 :]:
                if label in self._numbers:
                    texts.append(words[first:stop])
                    classes.append(self._numbers[label])
        return texts, np.array(classes)

    def fingerprint(self) -> str:
        return self._fingerprint


def _words(tree: Tree) -> tuple[str, ...]:
    return tuple(map(lowered, tree.words))
