"""Seeds and test examples together: how much of a difference is due to these very examples, where both models' answers
to each of them are stored (``predictions=true`` writes them)."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqexp.comparison.terms import Terms
from seqexp.runs.reader import Run
from seqexp.statistics.two_way import TwoWay, two_way
from seqexp.system.paths import PREDICTIONS
from seqexp.system.regular_files import Unreadable, read_file

LARGEST = 64 << 20  # bytes of a predictions.csv that are read
MOST_RUNS = 40  # of each model
CLOSE = 1e-5  # of the run's own score: float32 sums differ by their order

Answers = tuple[tuple[str, ...], np.ndarray]  # the true answers of a run's examples, and its score on each, (E,)


def _right(truth: str, answer: str) -> float:
    return float(truth == answer)


def _square(truth: str, answer: str) -> float:
    return (float(truth) - float(answer)) ** 2


# Metrics that are a mean over examples; of others, such as F1 or perplexity, an example has no score of its own.
OF_AN_EXAMPLE: Mapping[str, Callable[[str, str], float]] = {"accuracy": _right, "exact_match": _right, "mse": _square}


def crossed(a: Mapping[int, Run], b: Mapping[int, Run], terms: Terms) -> TwoWay | None:
    """The difference with an interval for other seeds and other test examples; None where not every seed that both
    have a score on has both models' answers to the same examples. a, b: seed -> run."""
    score = OF_AN_EXAMPLE.get(terms.metric.rpartition("/")[2])
    seeds = [seed for seed in a if seed in b and all(of[seed].result.score(terms.metric) is not None for of in (a, b))]
    if score is None or not terms.metric.startswith("test/") or not 2 <= len(seeds) <= MOST_RUNS:
        return None
    tables, truth = [], None
    for of in (a, b):
        rows = []
        for seed in seeds:
            answers = _answers(of[seed], terms.metric, score)
            if answers is None or (truth is not None and answers[0] != truth):
                return None
            truth = answers[0]
            rows.append(answers[1])
        tables.append(np.array(rows))
    if tables[0].shape[1] < 2:
        return None
    return two_way(*tables, direction=terms.direction, level=terms.level)


def _answers(run: Run, metric: str, score: Callable[[str, str], float]) -> Answers | None:
    """What a run says of each test example; None where that is not known, or does not add up to the run's score."""
    if run.directory is None:
        return None
    rows = _rows(run.directory / PREDICTIONS)
    try:
        scores = np.array([score(row["truth"], row["answer"]) for row in rows])
    except (KeyError, TypeError, ValueError):
        return None
    told = run.result.score(metric)
    if not len(scores) or told is None or abs(scores.mean() - told) > CLOSE * max(1.0, abs(told)):
        return None
    return tuple(row["truth"] for row in rows), scores


def _rows(file: Path) -> Sequence[Mapping[str, str]]:
    """Its rows that were scored; none where it is not there or damaged."""
    try:
        text = read_file(file, LARGEST).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
    except (FileNotFoundError, Unreadable, UnicodeDecodeError, csv.Error):
        return []
    return [row for row in rows if row.get("beside", "0") == "0"]
