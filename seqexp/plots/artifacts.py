"""Draws or writes each artifact of a task by its type."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.plots import forecasts, pictures
from seqexp.plots.figure import BLUE, RED, frame, headline, number
from seqexp.plots.midi import midi_file
from seqexp.plots.samples import text_table
from seqexp.system.atomic_files import write_bytes, write_text
from seqexp.tasks.artifacts import (
    Artifact,
    ByLength,
    ByStepAhead,
    ConfusionMatrix,
    ForecastPlot,
    Images,
    Midi,
    PianoRoll,
    ScatterPlot,
    TextSamples,
)
from seqexp.tasks.metrics import label

NUMBERED = 20  # classes, at most, of a confusion matrix that shows its numbers
MOST_CLASSES = 48  # of a confusion matrix; a picture of 120 classes takes a gigabyte to draw, and shows less
MOST_POINTS = 5_000  # of a scatter plot


PICTURES = (
    ConfusionMatrix,
    ScatterPlot,
    Images,
    PianoRoll,
    ByLength,
    ForecastPlot,
    ByStepAhead,
)  # what takes time to draw; the rest is only written


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
            write_text(path, text_table(artifact))
        case PianoRoll():
            path = path.with_suffix(".png")
            _piano_roll(artifact, path)
        case ByLength():
            path = path.with_suffix(".png")
            _by_length(artifact, path)
        case ForecastPlot():
            path = path.with_suffix(".png")
            forecasts.stretch(artifact, path)
        case ByStepAhead():
            path = path.with_suffix(".png")
            forecasts.by_step(artifact, path)
        case Midi():
            path = path.with_suffix(".mid")
            write_bytes(path, midi_file(artifact.roll))
    return path


def _confusion(matrix: ConfusionMatrix, path: Path) -> None:
    """Coloured by the share of the true class. Up to NUMBERED classes with numbers, beyond with a colour bar."""
    whole, matrix = matrix, most_frequent(matrix)
    counts, size = np.asarray(matrix.counts), len(matrix.labels)
    share = _shares(counts)
    numbered = size <= NUMBERED
    side = max(3.0, (0.5 if numbered else 0.25) * size)  # inches of the matrix itself
    with frame(path, width=side + (1.6 if numbered else 2.9), height=side + 1.5) as (axes,):
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.grid(False)
        if numbered:
            font = 10 if size <= 6 else 7.5
            for (row, column), count in np.ndenumerate(counts):
                if count or size <= 6:
                    # In a big matrix, the colour alone shows small shares.
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
        headline(axes, "", f"{_right(whole)}\n{_worst(whole, _shares(whole.counts))}")


def most_frequent(matrix: ConfusionMatrix) -> ConfusionMatrix:
    """The matrix of the most frequent true classes, in their order; all others are its last class."""
    counts, size = np.asarray(matrix.counts), len(matrix.labels)
    if size <= MOST_CLASSES:
        return matrix
    kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: MOST_CLASSES - 1])
    place = np.full(size, MOST_CLASSES - 1)
    place[kept] = np.arange(MOST_CLASSES - 1)
    merged = np.zeros((MOST_CLASSES, MOST_CLASSES), counts.dtype)
    np.add.at(merged, (place[:, None], place[None, :]), counts)
    labels = (*(matrix.labels[index] for index in kept), f"{size - len(kept)} others")
    return replace(matrix, counts=merged, labels=labels)


def _shares(counts: np.ndarray) -> np.ndarray:
    """(classes, classes): of each true class, the share of each answer."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)


def _right(matrix: ConfusionMatrix) -> str:
    counts = np.asarray(matrix.counts)
    total = counts.sum()
    return f"{np.trace(counts) / total if total else 0.0:.1%} of {total:,} answers are right"


def _worst(matrix: ConfusionMatrix, share: np.ndarray) -> str:
    """The most frequent mistake, in words."""
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
    """What was played above what was predicted, for the keys that either used."""
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


def _by_length(curve: ByLength, path: Path) -> None:
    with frame(path, width=6.4, height=4) as (axes,):
        axes.axvspan(0, curve.trained, color="0.9", label=f"trained on: up to {curve.trained}")
        axes.plot(curve.length, curve.score, "o-", color=BLUE)
        axes.set(xlabel="length of the string (symbols)", ylabel=label(curve.metric), ylim=(-0.03, 1.03))
        axes.set_xlim(left=0)
        axes.legend()
        shortest, longest = curve.score[0], curve.score[-1]
        headline(axes, "", f"{shortest:.0%} right at length {curve.length[0]}, {longest:.0%} at {curve.length[-1]}")
