"""A run's result as Python sees it: scores, history, figures, predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from seqexp.codecs import Answer, Options
from seqexp.codecs.series import typed
from seqexp.config.run_config import RunConfig
from seqexp.runs import tables
from seqexp.runs.directory import history
from seqexp.runs.parts import Parts
from seqexp.runs.result import RunResult, read_result
from seqexp.runs.trained import Usable, of_objects, usable
from seqexp.system import blas
from seqexp.system.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from seqexp.microscope.page import Page


Many = Sequence[str] | Sequence[np.ndarray] | np.ndarray | Path


@dataclass(frozen=True, repr=False)
class Result:
    """One run: what result.json says, and what its directory has. Shows itself as a table in a notebook.

    how: "" where the run was made just now, else skipped (it was there), resumed or retried. objects: of a run whose
    task or model is one of your own.
    """

    result: RunResult
    directory: Path
    how: str = ""
    objects: tuple[RunConfig, Parts] | None = None

    @property
    def status(self) -> str:
        return self.result.status

    @property
    def metrics(self) -> dict[str, float | None]:
        """{"test/accuracy": 0.97, …}"""
        return dict(self.result.metrics)

    @property
    def score(self) -> float | None:
        """The primary metric."""
        return self.result.score()

    @property
    def baseline(self) -> dict[str, float | None]:
        """The primary metric of the methods without memory."""
        return dict(self.result.baseline)

    @cached_property
    def history(self) -> "pd.DataFrame":
        """The logged metrics, a row a step."""
        return tables.history_table(history(self.directory))

    @cached_property
    def _usable(self) -> Usable:
        return of_objects(self.directory, self.result, *self.objects) if self.objects else usable(self.directory)

    @overload
    def predict(self, texts: str, **options: Any) -> Answer: ...
    @overload
    def predict(self, texts: Many, **options: Any) -> list[Answer]: ...
    def predict(self, texts: str | Many, **options: Any) -> Answer | list[Answer]:
        """What the network says of a text, or of several, or of a file of them: as ``python -m seqexp.predict``, with
        the same options (``codecs.Options``); of series, as arrays (N, T, X) or a list of them, too. UserError where
        one cannot be read."""
        try:
            how = Options(**options)
        except TypeError:
            legal = ", ".join(Options.__dataclass_fields__)
            raise UserError(f"predict: expected options of {legal}; got {', '.join(options)}") from None
        if isinstance(texts, Path):
            texts = self._usable.codec.texts_of(texts)
        elif not isinstance(texts, str):
            texts = [one if isinstance(one, str) else typed(np.asarray(one)) for one in texts]
        with blas.limited_by(self._usable.run_config.settings):
            answers = self._usable.predict([texts] if isinstance(texts, str) else texts, how)
        return answers[0] if isinstance(texts, str) else answers

    def explain(self, on: str, *beside: "Result", data_dir: str | None = None) -> "Page":
        """A look inside the cell on a text: ``python -m seqexp.explain … on=``, a page that shows itself in a notebook.
        ``beside``: further runs, on the same text. UserError where the text cannot be read."""
        from seqexp.microscope.through import through

        return through([self.directory, *(one.directory for one in beside)], on, data_dir)

    def figures(self) -> dict[str, Any]:
        """The learning curve and the gradient's norm as matplotlib figures, by name."""
        from seqexp.plots import training
        from seqexp.plots.figure import kept

        lines, path = history(self.directory), Path("figure.png")
        primary, direction = self.result.primary_metric, self.result.direction
        with kept() as figures:
            memoryless = self.result.best_memoryless()
            training.learning_curve(lines, path, primary=primary, direction=direction, baseline=memoryless)
            training.gradient_norm(lines, path, clip_norm=None)
        return dict(zip(("learning_curve", "gradient_norm"), figures, strict=True))

    def __repr__(self) -> str:
        result = self.result
        score = f"{result.primary_metric} {result.score():.4g}" if result.score() is not None else result.status
        return f"<{result.model} on {result.task}, seed {result.seed}: {score}; {self.directory}>"

    def _repr_html_(self) -> str:
        return tables.result_html(self.result, str(self.directory))


class RunFailed(Exception):
    """A run that diverged or failed: the line that the command line prints. ``result`` is what it left."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"{result.status.lower()}: {result.result.error}")
        self.result = result

    def _render_traceback_(self) -> list[str]:  # IPython shows this in the traceback's place
        return [str(self)]


def load(directory: str | Path) -> Result:
    """The run in a directory, finished or not. UserError where there is none, or where it is damaged."""
    path = Path(directory)
    result = read_result(path)
    if result is None:
        raise UserError(f"{path}: expected the directory of a run that has ended; it has no result.json")
    return Result(result, path)
