"""Metrics and floors counted once more, by scikit-learn or plainly, from batches alone.

Not every floor: those by counts of pairs have tests by hand with their tasks.
"""

import math
from collections import Counter
from typing import Any

import numpy as np
from sklearn import metrics as sk

from seqexp.data.batch import Batch, Split
from seqexp.tasks import passes


def metric(name: str, truth: np.ndarray, y: np.ndarray, lengths: list[int], labels: Any) -> float:
    """The metric of answers y (Y, N) to truth (N,) or (Y, N); ``lengths``: the answers of each sentence, in order."""
    said = y.argmax(axis=0)
    if name in ("accuracy", "symbol_accuracy"):
        return float(sk.accuracy_score(truth, said))
    if name == "macro_f1":
        return float(sk.f1_score(truth, said, average="macro"))
    if name == "auroc":
        chance = softmax(y)
        return float(sk.roc_auc_score(truth, chance[1] if len(y) == 2 else chance.T, multi_class="ovr"))
    if name == "mse":
        return float(sk.mean_squared_error(truth.T, y.T))
    if name in ("bits_per_char", "perplexity"):
        nats = float(sk.log_loss(truth, softmax(y).T, labels=np.arange(len(y))))
        return nats / math.log(2) if name == "bits_per_char" else math.exp(nats)
    if name == "nll_per_frame":
        chance = 1 / (1 + np.exp(-y))
        return sum(float(sk.log_loss(one, p, labels=[0, 1])) for one, p in zip(truth, chance, strict=True))
    if name == "entity_f1":
        return spans_f1(truth, said, lengths, labels)
    if name == "most_active":
        said = [min(y[legal, n]) > max(y[~legal, n], default=-math.inf) for n, legal in enumerate((truth > 0).T)]
        return float(np.logical_and.reduceat(said, np.cumsum([0, *lengths[:-1]])).mean())
    if name.startswith(("exact_match", "length_horizon")):  # of sets: a string is right where each of its steps is
        equal, starts = ((truth > 0) == (y > 0)).all(axis=0), np.cumsum([0, *lengths[:-1]])
        right = np.logical_and.reduceat(equal, starts)
        by_length = {
            n - 1: right[np.array(lengths) == n].mean() for n in sorted(set(lengths))
        }  # the first mark is read
        if name == "length_horizon":
            return float(
                max((n for n in by_length if min(v for k, v in by_length.items() if k <= n) >= 0.99), default=0)
            )
        return float(right.mean() if name == "exact_match" else by_length[int(name.rpartition("_")[2])])
    raise AssertionError(f"{name}: count it here")


def softmax(y: np.ndarray) -> np.ndarray:
    exp = np.exp(y - y.max(axis=0))
    return exp / exp.sum(axis=0)


def spans_f1(truth: np.ndarray, said: np.ndarray, lengths: list[int], labels: Any) -> float:
    """2 TP / (spans wanted + spans said), over (sentence, start, end, kind)."""
    both = [spans(numbers, lengths, labels) for numbers in (truth, said)]
    return 2 * len(both[0] & both[1]) / max(1, sum(map(len, both)))


def spans(numbers: np.ndarray, lengths: list[int], labels: Any) -> set[tuple[int, int, int, str]]:
    found, start = set(), 0
    for sentence, length in enumerate(lengths):
        tags = [labels[number] for number in numbers[start : start + length]] + ["O"]
        start += length
        opened: tuple[int, str] | None = None
        for step, tag in enumerate(tags):
            mark, _, kind = tag.partition("-")
            if opened and (mark != "I" or kind != opened[1]):
                found.add((sentence, opened[0], step - 1, opened[1]))
                opened = None
            if mark in ("B", "I") and opened is None:
                opened = (step, kind)
    return found


# -- floors: (train, test) examples -> the score of an answer without memory


def part(task: Any, split: Split) -> list[Batch]:
    """A split, or the training examples that floors are fitted to: an epoch, of the split's seed where it is drawn."""
    if split != "train":
        return list(passes(task, split, 32))
    return [task.batch(task.split_seed, "train", index, 32) for index in range(task.batches("train", 32))]


def asked(batches: list[Batch]) -> list[tuple[list[Any], Any]]:
    """(what is read up to the answer, the answer), answer by answer."""
    pairs = []
    for batch in batches:
        for b in range(batch.size):
            end = len(batch.x) if batch.lengths is None else int(batch.lengths[b])
            if batch.answered is None:
                pairs.append((batch.x[:end, ..., b].tolist(), batch.target[..., b].tolist()))
                continue
            steps = np.flatnonzero(batch.answered[:, b])
            pairs += [(batch.x[: t + 1, ..., b].tolist(), batch.target[t, ..., b].tolist()) for t in steps]
    return pairs


def floor(name: str, task: Any) -> float | None:
    """None of a floor that is not counted here."""
    counted = FLOORS.get(name)
    return None if counted is None else counted(task, asked(part(task, "train")), asked(part(task, "test")))


def score(task: Any, truth: list[Any], said: list[Any]) -> float:
    if task.primary_metric == "macro_f1":
        return float(sk.f1_score(truth, said, average="macro", zero_division=0))
    return float(np.mean([one == other for one, other in zip(truth, said, strict=True)]))


def commonest(pairs: list[tuple[list[Any], Any]]) -> Any:
    counts = Counter(answer for _, answer in pairs)
    return min(counts, key=lambda answer: (-counts[answer], answer))


def majority(task: Any, train: Any, test: Any) -> float:
    return score(task, [answer for _, answer in test], [commonest(train)] * len(test))


def naive_bayes(task: Any, train: Any, test: Any) -> float:
    """Multinomial with one added, on which tokens are there (Manning, Raghavan and Schuetze 2008, section 13.2)."""
    classes = sorted({answer for _, answer in train})
    words = sorted({token for tokens, _ in train for token in tokens})
    number = {word: n for n, word in enumerate(words)}
    counts = np.ones((len(classes), len(words)))
    for tokens, answer in train:
        counts[classes.index(answer), [number[token] for token in set(tokens)]] += 1
    log_chance = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log([sum(answer == one for _, answer in train) for one in classes])
    said = []
    for tokens, _ in test:
        known = [number[token] for token in set(tokens) if token in number]
        said.append(classes[int((prior + log_chance[:, known].sum(axis=1)).argmax())])
    return score(task, [answer for _, answer in test], said)


def unigram(task: Any, train: Any, test: Any) -> float:
    """(count + 1) / (n + V), in the task's unit."""
    counts = Counter(answer for _, answer in train)
    total = len(train) + task.shape.outputs
    nats = -float(np.mean([math.log((counts[answer] + 1) / total) for _, answer in test]))
    return nats / math.log(2) if task.primary_metric == "bits_per_char" else math.exp(nats)


def bag_of_tokens(task: Any, train: Any, test: Any) -> float:
    """Logistic regression on each token's share of the largest count that training has, with scikit-learn's penalty."""
    from sklearn.linear_model import LogisticRegression

    counted = [[Counter(tokens) for tokens, _ in pairs] for pairs in (train, test)]
    seen = sorted({token for counts in counted[0] for token in counts})
    most = {token: max(counts[token] for counts in counted[0]) for token in seen}
    shares = [np.array([[one[token] / most[token] for token in seen] for one in counts]) for counts in counted]
    fitted = LogisticRegression(max_iter=2000).fit(shares[0], [answer for _, answer in train])
    return score(task, [answer for _, answer in test], list(fitted.predict(shares[1])))


FLOORS = {"bag_of_tokens": bag_of_tokens, "majority": majority, "naive_bayes": naive_bayes, "unigram": unigram}
