"""What a metric is called and whether larger is better: one table, to which a task may add its own.

A name that is not in the table is refused, never guessed: a wrong direction would announce the worse model as better.
"""

from dataclasses import dataclass
from typing import Literal

from seqexp.system.errors import UserError

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Metric:
    """One metric of a split's answers.

    name:      as in ``test/<name>``.
    label:     what a figure's axis says.
    direction: "max" where larger is better, "min" where smaller is.
    unit:      of a value, where it has one.
    primary:   whether a task may be judged by it; the loss is only watched.
    bounds:    the smallest and the largest possible value; None where there is no worst one.
    """

    name: str
    label: str
    direction: Direction
    unit: str = ""
    primary: bool = True
    bounds: tuple[float, float] | None = None


_table: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Add a task's own metric. ValueError where the name already stands for something else."""
    known = _table.setdefault(metric.name, metric)
    if known != metric:
        raise ValueError(f"metric {metric.name!r} is registered twice: {known} and {metric}")
    return metric


def names() -> list[str]:
    """The metrics a task may be judged by, then the others, in the table's order."""
    return sorted(_table, key=lambda name: not _table[name].primary)


def lookup(name: str) -> Metric:
    """The metric called ``name``, or ``split/name``. UserError where nobody has registered it."""
    bare = name.rpartition("/")[2]
    if bare not in _table:
        raise UserError(
            f"metric {bare}: expected one of {', '.join(names())}, or one that a task has registered with "
            "metrics.register; so nobody knows whether larger is better"
        )
    return _table[bare]


def bounds(name: str) -> tuple[float, float] | None:
    """The smallest and the largest possible value; None too of a metric that is not in the table."""
    bare = name.rpartition("/")[2]
    return _table[bare].bounds if bare in _table else None


def label(name: str) -> str:
    """What an axis says of a metric; the bare name where it is not in the table, since a label decides nothing."""
    bare = name.rpartition("/")[2]
    return _table[bare].label if bare in _table else bare


def noun(name: str) -> str:
    """What a sentence calls a metric: its label without what stands in brackets."""
    return label(name).partition(" (")[0]


SHARE = (0.0, 1.0)

for _metric in (
    Metric("accuracy", "accuracy (fraction right)", "max", bounds=SHARE),
    Metric("macro_f1", "macro F1", "max", bounds=SHARE),
    Metric("auroc", "area under the ROC curve", "max", bounds=SHARE),
    Metric("mse", "mean squared error", "min"),
    Metric("exact_match", "exact match (fraction)", "max", bounds=SHARE),
    Metric("note_accuracy", "note accuracy (fraction right)", "max", bounds=SHARE),
    Metric("symbol_accuracy", "symbol accuracy (fraction right)", "max", bounds=SHARE),
    Metric("bits_per_char", "bits per character", "min", unit="bits"),
    Metric("perplexity", "perplexity", "min"),
    Metric("nll_per_frame", "negative log-likelihood (nats per frame)", "min", unit="nats"),
    Metric("entity_f1", "entity F1", "max", bounds=SHARE),
    Metric("bleu", "BLEU", "max"),
    Metric("chrf", "chrF", "max"),
    Metric("node_accuracy", "accuracy of all nodes (fraction right)", "max", bounds=SHARE),
    Metric("published_accuracy", "accuracy on the published test set (fraction right)", "max", bounds=SHARE),
    Metric("loss", "loss (mean per answer)", "min", primary=False),
):
    register(_metric)
