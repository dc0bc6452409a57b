"""``seqexp.verdict``: who wins, by how much, how sure, from Python."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.api.words import as_words, typed
from seqexp.comparison.contest import Claim
from seqexp.comparison.wording import sentence
from seqexp.report.render import fragment
from seqexp.report.write import Report, all_warnings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Verdict:
    """A comparison. Its first claim is told by the properties; ``claims`` has them all, as there are more of more than
    two models or tasks. Shows itself in a notebook.

    warnings: what makes the comparison unfair. report: the page that was written. runs, comparison: its tables.
    """

    claims: tuple[Claim, ...]
    warnings: tuple[str, ...]
    written: Report

    @property
    def verdict(self) -> str:
        """In the typical run: better or worse (of model a), equivalent, or not resolved."""
        return self.claims[0].verdict

    @property
    def on_average(self) -> str:
        """Of the means: better or worse (of model a), not resolved, or unknown where the metric has no worst value."""
        return self.claims[0].on_average

    @property
    def probability(self) -> float | None:
        """The chance that a fresh run of a beats one of b, ties half; None where one has no run that ended."""
        typical = self.claims[0].typical
        return typical.probability if typical else None

    @property
    def effect(self) -> float | None:
        """The mean difference in the metric's units, positive where a is better; None of too few seeds."""
        paired = self.claims[0].paired
        return paired.effect if paired else None

    @property
    def interval(self) -> tuple[float, float] | None:
        paired = self.claims[0].paired
        return (paired.low, paired.high) if paired else None

    @property
    def report(self) -> Path:
        return self.written.files[0]

    @property
    def markdown(self) -> str:
        return self.written.markdown

    @property
    def runs(self) -> "pd.DataFrame":
        return self._table("runs.csv")

    @property
    def comparison(self) -> "pd.DataFrame":
        return self._table("comparison.csv")

    def _table(self, name: str) -> "pd.DataFrame":
        from seqexp.runs import tables

        return tables.read_table(self.report.with_name(name))

    def __str__(self) -> str:
        return "\n".join(sentence(claim) for claim in self.claims)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return fragment(self.written.sections)


def verdict(*words: str, **settings: Any) -> Verdict:
    """As ``python -m seqexp.compare``, with the same words: ``seqexp.verdict(a="rnn", b="lstm", task="adding")``.

    Reads the runs below runs/ and writes the report; with ``run=True`` it trains what is missing first. UserError where
    an argument is wrong or there are no such runs; Stopped where it is interrupted.
    """
    from seqexp.compare import compared

    given = as_words(words, settings)
    with typed([], "the same words go on"):
        found = compared(given)
    claims = [claim for contest in found.answer.contests for claim in contest.claims]
    return Verdict(tuple(claims), tuple(all_warnings(found.answer, found.words.match)), found.report)
