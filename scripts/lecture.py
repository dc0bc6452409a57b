"""The figures of a lecture as SVG and PDF: cells with their equations, unrolling, fading gradients, and your runs'.

Called by ``scripts/slides FOLDER [RUN …]``.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqexp import mechanism, models
from seqexp.data.batch import Batch
from seqexp.microscope.by_hand import cell_of
from seqexp.microscope.drawings import DRAWINGS, Drawing
from seqexp.microscope.equations import SLOPES, Cell
from seqexp.microscope.typeset import maths, symbol
from seqexp.networks import Chain
from seqexp.plots import gates, lecture, training
from seqexp.plots.figure import kept
from seqexp.plots.gradients import draw_gradient_flow
from seqexp.runs.directory import history
from seqexp.runs.result import read_result
from seqexp.system.errors import UserError
from seqexp.system.json_files import parsed
from seqexp.system.paths import SUMMARY
from seqexp.system.regular_files import Unreadable, read_file
from seqexp.training import losses

FORMATS = ("svg", "pdf")
LAGS, WIDTH, EXAMPLES = 100, 64, 16  # of the fading derivatives
FADING: dict[str, tuple[str, dict[str, Any]]] = {
    "RNN, orthogonal weights": ("rnn", {}),
    "RNN, weights as Glorot's": ("rnn", {"recurrent_init": "glorot"}),
    "GRU": ("gru", {}),
    "LSTM, forget bias 1": ("lstm", {}),
    "LSTM, forget bias 5": ("lstm", {"forget_bias": 5.0}),
}
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("rnn", "RNN", {}),
    ("lstm", "LSTM", {}),
    ("lstm_peephole", "LSTM with peepholes", {"peepholes": True}),
    ("gru", "GRU", {}),
)
LONGEST = 64_000_000  # bytes of a mechanism.json


def cells() -> Iterator[tuple[str, str, Cell]]:
    """The cells of a lecture: (name of its figures, title, cell)."""
    sizes: dict[str, Any] = {"input_size": 2, "hidden_size": 2}
    for name, title, settings in KINDS:
        yield name, title, cell_of(models.create(name.partition("_")[0], **sizes, **settings))


def equations_as_latex() -> str:
    """Every cell's equations as LaTeX, to be typeset with amsmath."""
    parts = []
    for name, _, cell in cells():
        lines = [maths(one).replace(" = ", " &= ", 1) for one in (*cell.forward, *cell.backward)]
        parts.append(f"% {name}\n\\begin{{align*}}\n" + " \\\\\n".join(lines) + "\n\\end{align*}\n")
    return "\n".join(parts)


def fading() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """How much of the derivative arrives at each lag of networks that have learned nothing."""
    rng = np.random.default_rng(0)
    batch = Batch(rng.standard_normal((LAGS + 1, 1, EXAMPLES)), np.zeros((1, EXAMPLES)))
    found = {}
    for label, (name, settings) in FADING.items():
        core = models.create(name, input_size=1, hidden_size=WIDTH, **settings)
        network = Chain(core, 1, "last")
        flow = mechanism.gradient_flow(network, network.init(rng, np.float64), batch, losses.create("squared"))
        reaches = flow.h if flow.c is None else np.maximum(flow.h, flow.c)  # an LSTM's way back is its cell
        found[label] = (np.asarray(flow.lag), np.asarray(reaches) / flow.h[0])
    return found


def draw_cell(title: str, cell: Cell, drawing: Drawing) -> None:
    """A cell's picture, with the names of its parts."""
    activation = next((name for name in SLOPES if name in cell.forward[-1].rest), "")
    boxes = {key: (symbol(signal), x, y) for key, (signal, x, y, _) in drawing.nodes.items()}
    signs = {key: (activation if sign == "g" else sign, x, y) for key, (sign, x, y) in drawing.signs.items()}
    lecture.cell(f"{title}: one step", drawing.size, boxes, signs, drawing.arrows, Path())


def plans(runs: Sequence[Path]) -> Iterator[tuple[str, Callable[[], object]]]:
    """(name, what draws it) of each figure. UserError where a run cannot be read."""
    for name, title, cell in cells():
        ways = {"forward": [maths(one) for one in cell.forward], "backward": [maths(one) for one in cell.backward]}
        yield f"equations_{name}", partial(lecture.equations, f"{title}: forward and backward", ways, Path())
        if name in DRAWINGS:
            yield f"cell_{name}", partial(draw_cell, title, cell, DRAWINGS[name])
    yield "unrolled", partial(lecture.unrolled, Path())
    yield "fading", partial(lecture.fading, fading(), Path())
    explained: dict[str, list[dict[str, Any]]] = {}
    for number, path in enumerate(runs, start=1):
        result = read_result(path)
        if result is None:
            raise UserError(f"{path}: expected the directory of a run that has ended; it has no result.json")
        name = f"{number}_{result.model}_{result.task}"
        about: dict[str, Any] = {"primary": result.primary_metric, "direction": result.direction}
        about["baseline"] = result.best_memoryless()
        yield f"learning_curve_{name}", partial(training.learning_curve, history(path), Path(), **about)
        if (found := explanation(path)) is not None:
            explained.setdefault(result.model, []).append(found)
            if found.get("gates"):
                yield f"gates_{name}", partial(gates.gates, found, Path())
    if explained:
        yield "gradient_flow", partial(draw_gradient_flow, explained, Path())


def explanation(path: Path) -> dict[str, Any] | None:
    """A run's mechanism.json; None where there is none that can be read."""
    try:
        found = parsed(read_file(path / SUMMARY, LONGEST))
    except (FileNotFoundError, Unreadable, ValueError):
        return None
    return found if isinstance(found, dict) else None


def main(words: Sequence[str] | None = None) -> int:
    """Exit codes: 0 drawn, 2 bad input."""
    parser = argparse.ArgumentParser(prog="scripts/slides", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the figures go")
    parser.add_argument("run", type=Path, nargs="*", help="directories of runs: their curves too, and their mechanism")
    options = parser.parse_args(words)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        count = 0
        for name, draw in plans(options.run):
            with kept() as figures:
                draw()
            for kind in FORMATS:
                figures[0].savefig(options.folder / f"{name}.{kind}")
            count += 1
        (options.folder / "equations.tex").write_text(equations_as_latex(), encoding="utf-8")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {options.folder}: cannot write ({error.strerror})", file=sys.stderr)
        return 2
    print(f"{count} figures as {' and '.join(FORMATS)}, and equations.tex: {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
