"""By what a comparison judges."""

from dataclasses import dataclass

from seqexp.tasks import metrics
from seqexp.tasks.metrics import Direction

UNTUNED, EXPLORATORY = "UNTUNED", "exploratory"  # marks: the settings were searched for no model, or not for each


@dataclass(frozen=True)
class Terms:
    """The terms of a comparison: the metric of result.json, its direction, the margin and the level."""

    metric: str
    direction: Direction
    margin: float
    level: float
    sequential: bool = False  # whether seeds were added until there was a verdict, which then has to allow for that
    bounds: tuple[float, float] | None = None  # the smallest and largest possible score, where there is one
    claims: int = 1  # that are made together; a sequential test shares its error among them
    marks: tuple[str, ...] = ()  # what a headline says first

    @property
    def orientation(self) -> str:
        return f"{'smaller' if self.direction == 'min' else 'larger'} is better"

    @property
    def noun(self) -> str:
        """What the metric is called in a sentence: "accuracy", not "test/accuracy"."""
        return metrics.noun(self.metric)

    @property
    def moved(self) -> str:
        """What a better score is: lower or higher."""
        return "lower" if self.direction == "min" else "higher"
