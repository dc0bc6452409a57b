"""Figures of a run: one message each, as PNG. The only home of matplotlib, which is imported when one is drawn.

Colours are Okabe and Ito's (2008), which colour-blind people tell apart, and no figure depends on colour alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any, Literal
from warnings import catch_warnings, filterwarnings

import numpy as np

from seqexp.analysis import pictures
from seqexp.analysis.midi import midi_file
from seqexp.analysis.samples import text_table
from seqexp.analysis.scales import log_if_wide, log_scale
from seqexp.tasks.artifacts import Artifact, ConfusionMatrix, Images, Midi, PianoRoll, ScatterPlot, TextSamples

History = Sequence[Mapping[str, float | None]]
Direction = Literal["max", "min"]

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#555555"
LABELS = {
    "accuracy": "accuracy (fraction right)",
    "macro_f1": "macro F1",
    "auroc": "area under the ROC curve",
    "mse": "mean squared error",
    "exact_match": "exact match (fraction)",
    "note_accuracy": "note accuracy (fraction right)",
    "symbol_accuracy": "symbol accuracy (fraction right)",
    "bits_per_char": "bits per character",
    "perplexity": "perplexity",
    "nll_per_frame": "negative log-likelihood (nats per frame)",
    "entity_f1": "entity F1",
    "bleu": "BLEU",
    "chrf": "chrF",
}
WINDOW = 21  # values of a running median
NUMBERED = 20  # classes up to which a confusion matrix shows its numbers
MOST_POINTS = 5_000  # of a scatter plot


def learning_curve(
    history: History,
    path: Path,
    *,
    primary: str,
    direction: Direction,
    baseline: Mapping[str, float] | None = None,
    title: str = "",
) -> None:
    """Training and validation loss, and the validation's primary metric, against optimizer steps.

    history:  the objects of metrics.jsonl; values that are not finite (or None) leave a gap, and its start is marked.
    primary:  "accuracy", or "test/accuracy" as in result.json.
    baseline: name -> value on the test split of the answers that need no memory; the best of them is drawn.
    title:    what was trained, put before the message.
    """
    metric = primary.rpartition("/")[2]
    with frame(path, rows=2, height=5.6) as (top, bottom):
        for name, colour, style in (("train/loss", ORANGE, "--"), ("val/loss", BLUE, "-")):
            steps, values = _series(history, name)
            label = {"train/loss": "training", "val/loss": "validation"}[name]
            top.plot(steps, values, style, color=colour, label=label, **_marks(steps))
        log_if_wide(top)
        top.set_ylabel("loss (mean per answer)")

        steps, values = _series(history, f"val/{metric}")
        bottom.plot(steps, values, color=BLUE, label="validation", **_marks(steps))
        log_if_wide(bottom)
        message = f"no validation {metric} was logged"
        if np.isfinite(values).any():
            best = int(np.nanargmax(values) if direction == "max" else np.nanargmin(values))
            message = f"best validation {metric} {number(values[best])} at step {steps[best]:,}"
            mark = f"best: {number(values[best])}"
            bottom.plot(
                steps[best], values[best], "*", color=RED, markersize=13, zorder=3, label=mark, linestyle="none"
            )
        if baseline:
            name, value = (max if direction == "max" else min)(baseline.items(), key=lambda item: item[1])
            bottom.axhline(value, color=GREY, linestyle=(0, (5, 3)), label=f"{name}: {number(value)} (test)")
        bottom.set(xlabel="optimizer steps", ylabel=LABELS.get(metric, metric))
        for axes in (top, bottom):
            _mark_trouble(axes, history)
            if axes.get_legend_handles_labels()[0]:
                axes.legend()
        headline(top, title, message)


def gradient_norm(history: History, path: Path, clip_norm: float | None, *, title: str = "") -> None:
    """The norm of the gradient before clipping against optimizer steps, log scale, the clip norm a line."""
    steps, values = _series(history, "train/grad_norm")
    values = np.where(values > 0, values, np.nan)  # a log scale has no zero
    known = np.isfinite(values)
    finite = values[known]
    with frame(path, height=3.6) as (axes,):
        if finite.size > 10 * WINDOW:  # a band of noise: show its middle too
            axes.plot(steps, values, color=BLUE, alpha=0.3, linewidth=0.8, label="gradient norm before clipping")
            axes.plot(steps[known], _running_median(finite), color=BLUE, label=f"its median over {WINDOW} values")
        else:
            axes.plot(steps, values, color=BLUE, label="gradient norm before clipping", **_marks(steps))
        if finite.size:
            log_scale(axes, finite)
            message = f"gradient norm: median {number(float(np.median(finite)))}, largest {number(finite.max())}"
        else:
            message = "no gradient norm was logged"
        if clip_norm is not None:
            axes.axhline(clip_norm, color=RED, linestyle=(0, (5, 3)), label=f"clip norm {number(clip_norm)}")
            if finite.size:
                message = f"{np.mean(finite > clip_norm):.0%} of the logged gradients were above the clip norm"
        axes.set(xlabel="optimizer steps", ylabel="gradient norm (L2)")
        _mark_trouble(axes, history)
        axes.legend()
        headline(axes, title, message)


def draw(artifact: Artifact, path: Path) -> Path:
    """Write the artifact beside ``path`` with the suffix of its kind (.png, .txt, .mid), and give that path."""
    match artifact:
        case ConfusionMatrix():
            path = path.with_suffix(".png")
            _confusion(artifact, path)
        case ScatterPlot():
            path = path.with_suffix(".png")
            _scatter(artifact, path)
        case Images():
            path = path.with_suffix(".png")
            width, height = pictures.size(artifact)
            with frame(path, width=width, height=height) as (axes,):
                pictures.lay_out(artifact, axes)
                headline(axes, "", artifact.title)
        case TextSamples():
            path = path.with_suffix(".txt")
            path.write_text(text_table(artifact), encoding="utf-8")
        case PianoRoll():
            path = path.with_suffix(".png")
            _piano_roll(artifact, path)
        case Midi():
            path = path.with_suffix(".mid")
            path.write_bytes(midi_file(artifact.roll))
    return path


def _confusion(matrix: ConfusionMatrix, path: Path) -> None:
    """Coloured by the share of the true class. Up to NUMBERED classes the cells have numbers, beyond a colour bar."""
    counts, size = np.asarray(matrix.counts), len(matrix.labels)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    numbered = size <= NUMBERED
    side = max(3.0, (0.5 if numbered else 0.25) * size)  # inches of the matrix itself
    with frame(path, width=side + (1.6 if numbered else 2.9), height=side + 1.5) as (axes,):
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.grid(False)
        if numbered:
            font = 10 if size <= 6 else 7.5
            for (row, column), count in np.ndenumerate(counts):
                if count or size <= 6:
                    # In a big matrix the small shares are left to the colour.
                    told = size <= 6 or share[row, column] >= 0.05
                    text = f"{count:,}\n{share[row, column]:.0%}" if told else f"{count:,}"
                    colour = "white" if share[row, column] > 0.55 else "black"
                    axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=font)
        else:
            bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, format=lambda x, _: f"{x:.0%}")
            bar.set_label("share of the true class")
        names = [label if len(label) <= 16 else label[:15] + "…" for label in matrix.labels]
        ticks: dict[str, Any] = {"fontsize": 10 if size <= 6 else 8 if numbered else 7}
        crowded = max(map(len, names)) > (6 if numbered else 1) * max(1.0, 5 / size)
        turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        axes.set_xticks(range(size), names, **ticks, **turn)
        axes.set_yticks(range(size), names, **ticks)
        axes.set(xlabel="answer", ylabel="true class")
        total = counts.sum()
        right = np.trace(counts) / total if total else 0.0
        headline(axes, "", f"{right:.1%} of {total:,} answers are right\n{_worst(matrix, share)}")


def _worst(matrix: ConfusionMatrix, share: np.ndarray) -> str:
    """The commonest mistake, in words."""
    wrong = share - np.diag(np.diag(share))
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    if wrong[row, column] == 0:
        return "no mistake"
    mistake = f"{matrix.labels[row][:16]!r} taken for {matrix.labels[column][:16]!r}"
    return f"most often: {mistake} ({wrong[row, column]:.0%})"


def _scatter(plot: ScatterPlot, path: Path) -> None:
    truth, answer = np.ravel(plot.truth).astype(float), np.ravel(plot.answer).astype(float)
    error = float(np.mean((truth - answer) ** 2)) if truth.size else np.nan
    constant = float(np.var(truth)) if truth.size else np.nan
    every = max(1, -(-truth.size // MOST_POINTS))
    with frame(path, width=4.8, height=4.6) as (axes,):
        axes.plot(truth[::every], answer[::every], ".", color=BLUE, alpha=0.4, markersize=5, markeredgewidth=0)
        both = np.concatenate([truth, answer])
        both = both[np.isfinite(both)]
        ends = (both.min(), both.max()) if both.size else (0.0, 1.0)
        axes.plot(ends, ends, color=RED, linestyle=(0, (5, 3)), label="right answers")
        axes.set(xlabel="true value", ylabel="answer")
        axes.set_aspect("equal", adjustable="datalim")
        axes.legend()
        headline(axes, "", f"mean squared error {number(error)}; always the mean: {number(constant)}")


def _piano_roll(roll: PianoRoll, path: Path) -> None:
    """What was played above what was expected, the keys that either used."""
    used = np.flatnonzero(roll.truth.any(axis=0) | (roll.answer > 0.5).any(axis=0))
    low, high = (max(0, int(used[0]) - 1), int(used[-1]) + 2) if used.size else (0, roll.truth.shape[1])
    with frame(path, rows=2, height=6) as pair:
        for axes, keys, label in zip(pair, (roll.truth, roll.answer), ("played", "predicted"), strict=True):
            extent = (1.5, len(keys) + 1.5, low + 20.5, high + 20.5)  # the first frame is given, never predicted
            shown = keys.T[low:high].astype(float)
            axes.imshow(shown, cmap="Greys", vmin=0, vmax=1, aspect="auto", origin="lower", extent=extent)
            axes.grid(False)
            axes.set_ylabel(f"{label}: MIDI note")
        pair[1].set_xlabel("frame")
        hits, found = (roll.truth & (roll.answer > 0.5)).sum(), (roll.answer > 0.5).sum()
        share = hits / max(1, roll.truth.sum())
        headline(pair[0], "", f"{share:.0%} of the notes were expected; {found - hits:,} others were too")


# -- what the figures share ------------------------------------------------------------------------------------------

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "white",
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # a label may hold a dollar sign
}


@contextmanager
def frame(path: Path, *, rows: int = 1, columns: int = 1, width: float = 7.2, height: float) -> Iterator[Sequence[Any]]:
    """Axes under or beside each other on shared axes, saved when the block ends. No pyplot: it keeps global state."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing")  # labels are in any script; the font shows boxes for some
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, sharex=True, sharey=columns > 1, squeeze=False).ravel()
        yield list(axes)
        figure.savefig(path, format="png")


def _series(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one metric, in order; what is not finite is nan."""
    points = sorted(((line["step"], line[name]) for line in history if name in line), key=lambda point: point[0] or 0)
    steps, values = np.array([step for step, _ in points], int), np.array([value for _, value in points], float)
    return steps, np.where(np.isfinite(values), values, np.nan)


def _running_median(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, WINDOW // 2, mode="edge")
    middle: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    return middle


def _marks(steps: np.ndarray) -> dict[str, Any]:
    """Dots where the points are few enough to be told apart."""
    return {"marker": "o", "markersize": 3.5} if len(steps) <= 30 else {"linewidth": 1.2}


def _mark_trouble(axes: Any, history: History) -> None:
    """A line where the first number that is not finite was logged."""
    broken = [line["step"] or 0 for line in history if not np.isfinite(np.array([*line.values()], float)).all()]
    if broken:
        axes.axvline(min(broken), color=RED, linewidth=1, linestyle=":", label=f"not finite at step {min(broken):,}")


def headline(axes: Any, subject: str, message: str) -> None:
    """The figure's title: its message, after what it is about where that is not plain."""
    text = f"{subject}: {message}" if subject else message[:1].upper() + message[1:]
    width = int(12 * axes.figure.get_figwidth())  # characters of this size
    lines = [fill(line, width) for line in text.split("\n")]
    axes.figure.suptitle("\n".join(lines), x=0.02, ha="left", fontsize=11)


def number(value: float) -> str:
    """Three digits, and all of those before the point."""
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
