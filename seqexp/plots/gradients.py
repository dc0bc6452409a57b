"""How far back gradients reach: the derivative's norm against the lag, over training, and its half-life in words.

What is drawn are the objects of mechanism.json and the lines of mechanism.jsonl, which may be damaged or a stranger's.
Norms are relative to |dL/dh| at lag 0: a model that has solved its task has small gradients at every lag.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqexp.plots.axes import log_axis
from seqexp.plots.colours import styles
from seqexp.plots.figure import frame, headline, number
from seqexp.system.json_files import finite

Found = Mapping[str, Any]  # of a mechanism.json
Line = Mapping[str, Any]  # of a mechanism.jsonl
Kind = Literal["h", "c"]
KINDS: tuple[Kind, ...] = ("h", "c")

AXIS = "|∂L/∂state|, relative to |∂L/∂h| at lag 0"
DARKEST = -6  # log10 of a relative norm: below it a gradient is drawn as gone


def draw_gradient_flow(models: Mapping[str, Sequence[Found]], path: Path, *, subject: str = "") -> bool:
    """The derivative's norm against the lag, of several models in one axes: every seed a faint line, their geometric
    mean a strong one; that by c dashed beside that by h. False where there is nothing to draw."""
    drawn: list[np.ndarray] = []
    colour_of = {model: colour for model, (colour, _) in styles(models).items()}
    with frame(path, height=4.2) as (axes,):
        for model, seeds in models.items():
            for kind in KINDS:
                style = {"h": "-", "c": "--"}[kind]
                lag, curves = relative_norms(seeds, kind)
                if not len(curves) or not np.isfinite(curves).any():
                    continue
                for curve in curves if len(curves) > 1 else []:
                    axes.plot(lag, curve, style, color=colour_of[model], alpha=0.3, linewidth=0.8)
                known = np.isfinite(curves).any(axis=0)
                middle = np.exp(np.nanmean(np.log(curves[:, known]), axis=0))
                told = f"{model}: {kind}, halves in {half_life_in_words(seeds, kind)}"
                axes.plot(lag[known], middle, style, color=colour_of[model], label=told)
                drawn.append(middle)
        log_axis(axes, np.concatenate(drawn) if drawn else np.empty(0))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel=f"lag ({_along(one for seeds in models.values() for one in seeds)})", ylabel=AXIS)
        if drawn:
            axes.figure.legend(loc="outside lower left", ncols=2, frameon=False)  # outside: it hides no curve
        halves = ", ".join(f"{half_life_in_words(seeds, 'h')} ({model})" for model, seeds in models.items())
        headline(axes, subject, f"the gradient halves in {halves}")
    return bool(drawn)


def gradient_over_training(
    lines: Sequence[Line], path: Path, *, subject: str = "", brightest: int | None = None
) -> bool:
    """The derivative's norm at each lag over training as colour, log scale; that by h above that by c. False where
    there is nothing to draw.

    brightest: the power of ten at the top of the colours, where several figures are to share them.
    """
    alike = [line for line in lines if line["lag"] == lines[0]["lag"]]
    kinds = [kind for kind in KINDS if any(line.get(kind) for line in alike)]
    pictures = [_picture(alike, kind) for kind in kinds]
    top = _top([colours for _, _, colours in pictures]) if brightest is None else brightest
    with frame(path, rows=max(1, len(kinds)), height=1.2 + 2.6 * max(1, len(kinds))) as rows:
        meshes = []
        for axes, kind, (edges, lags, colours) in zip(rows, kinds, pictures, strict=False):
            meshes.append(
                axes.pcolormesh(edges, lags, colours, cmap="viridis", vmin=DARKEST, vmax=top, rasterized=True)
            )
            axes.grid(False)
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.set_ylabel(f"lag of {kind}_t (steps back)")
        rows[-1].set_xlabel("optimizer steps")
        if meshes:
            bar = rows[0].figure.colorbar(meshes[0], ax=list(rows), extend="both", shrink=0.8, aspect=30)
            powers = range(DARKEST, top + 1)
            bar.set_ticks(powers, labels=["1" if power == 0 else f"1e{power}" for power in powers])
            bar.set_label(AXIS)
        if alike:
            first, last = (_in_words(line.get("half_life_h"), line["lag"]) for line in (alike[0], alike[-1]))
            headline(rows[0], subject, f"the gradient's half-life: {first} at first, {last} at the end")
    return bool(meshes)


def brightest(runs: Sequence[Sequence[Line]]) -> int:
    """The power of ten at the top of the colours that the heat maps of several runs share."""
    return _top([_picture(lines, kind)[2] for lines in runs for kind in KINDS if lines and lines[0].get(kind)])


def relative_norms(seeds: Sequence[Found], kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Lags (n,) that all seeds have and the curves (seeds, n), relative to |dL/dh| at lag 0; nan where 0 or unknown."""
    kept: list[tuple[list[Any], np.ndarray]] = []
    for one in seeds:
        gradient = one.get("gradient")
        if not isinstance(gradient, dict):
            continue
        lag, h, own = gradient.get("lag"), gradient.get("h"), gradient.get(kind)
        if not (isinstance(lag, list) and isinstance(h, list) and isinstance(own, list)):
            continue
        if not len(lag) == len(h) == len(own) > 0:
            continue
        start = finite(h[0])
        if start is not None and start > 0:
            values = [math.nan if (value := finite(each)) is None else value / start for each in own]
            kept.append((lag, np.array(values)))
    if not kept:
        return np.empty(0), np.empty((0, 0))
    shared = sorted(set.intersection(*({each for each in lag if finite(each) is not None} for lag, _ in kept)))
    curves = np.array([[curve[lag.index(place)] for place in shared] for lag, curve in kept], float)
    return np.array(shared), np.where(curves > 0, curves, np.nan)


def _along(found: Iterable[Found]) -> str:
    """What a lag counts: steps back, or in trees levels down."""
    kinds = {one["gradient"].get("along", "steps") for one in found if isinstance(one.get("gradient"), dict)}
    named = {"depth": "levels below the root", "steps": "steps back from the answer"}
    return ", or ".join(words for kind, words in sorted(named.items(), reverse=True) if kind in kinds) or named["steps"]


def half_life_in_words(seeds: Sequence[Found], kind: Kind) -> str:
    """The seeds' median half-life; a seed in which nothing halves counts as the longest."""
    lives = [one["half_life"].get(kind) for one in seeds if isinstance(one.get("half_life"), dict)]
    lags = [lag for one in seeds for lag in _lags(one) if finite(lag) is not None]
    known = sorted(math.inf if (life := finite(value)) is None else life for value in lives)
    return _in_words(known[len(known) // 2], lags) if known else "an unknown time"


def _lags(found: Found) -> list[Any]:
    gradient = found.get("gradient")
    lags = gradient.get("lag") if isinstance(gradient, dict) else None
    return lags if isinstance(lags, list) else []


def _in_words(value: float | None, lags: Sequence[int]) -> str:
    """A half-life; of one that nobody has seen, how far one has looked."""
    if value is None or not math.isfinite(value):
        return f"more than {max(lags, default=0):,} steps"
    return f"{number(value)} steps"


def _picture(lines: Sequence[Line], kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of the steps, edges of the lags, and log10 of the relative norms (lags, lines)."""
    lag = np.array(lines[0]["lag"], float)
    relative = np.full((len(lag), len(lines)), np.nan)
    for column, line in enumerate(lines):
        if line.get(kind) and line["lag"] == lines[0]["lag"] and line["h"][0]:
            relative[:, column] = np.array(line[kind], float) / line["h"][0]
    steps = np.array([line["step"] for line in lines], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        colours = np.log10(relative)
    # A cell that no longer gets any gradient is drawn as gone; of c, which h may not show, as unknown.
    return _edges(steps), _edges(lag), np.where(relative == 0, np.nan if kind == "c" else -np.inf, colours)


def _top(pictures: Sequence[np.ndarray]) -> int:
    """The power of ten at the top of the colours: the first above all, from 0 to 3."""
    values = np.concatenate([picture.ravel() for picture in pictures] or [np.zeros(1)])
    values = values[np.isfinite(values)]
    return int(np.clip(math.ceil(values.max(initial=0.0) - 0.15), 0, 3))


def _edges(centres: np.ndarray) -> np.ndarray:
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])
