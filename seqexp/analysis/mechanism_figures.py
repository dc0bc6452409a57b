"""Figures of what the probes found: one message each. They read mechanism.json and the lines of mechanism.jsonl."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.analysis.curves import STYLES
from seqexp.analysis.figures import BLUE, GREEN, GREY, LABELS, ORANGE, RED, frame
from seqexp.analysis.figures import _number as number
from seqexp.analysis.figures import _title as title

Mechanism = Mapping[str, Any]
Lines = Sequence[Mapping[str, Any]]

FAINTEST = 1e-6  # relative to lag 0: below it a gradient is drawn as gone
GATES = {"f": ("forget", BLUE, "-"), "i": ("input", ORANGE, "--"), "o": ("output", GREEN, "-.")}


def draw_training(lines: Lines, folder: Path, found: Mechanism) -> list[Path]:
    """The figures of a run: gradient_flow.png where there are lines, and those of the gates where it has any."""
    written = []
    if lines:
        written.append(folder / "gradient_flow.png")
        gradient_over_training(lines, written[-1], subject=subject(found))
    if found.get("gates"):
        written += [folder / "gates.png", folder / "time_constants.png"]
        gates(found, written[-2])
        time_constants(found, written[-1])
    return written


def draw_all(found: Mechanism, lines: Lines, folder: Path, result: Mapping[str, Any]) -> list[Path]:
    """Every figure there are numbers for; ``result`` is the run's result.json."""
    written = [*draw_training(lines, folder, found), folder / "gradient_lag.png"]
    draw_gradient_flow({str(found.get("model")): [found]}, written[-1], subject=str(found.get("task")))
    if found.get("jacobian"):
        written.append(folder / "jacobian.png")
        jacobian(found, written[-1])
    if found.get("surgery"):
        written.append(folder / "surgery.png")
        surgery(found, written[-1], result)
    return written


def draw_gradient_flow(mechanisms: Mapping[str, Sequence[Mechanism]], path: Path, *, subject: str = "") -> None:
    """The derivative's norm against the lag, of several models in one axes: every seed a faint line, their geometric
    mean a strong one; of an LSTM c dashed beside h. Each relative to |dL/dh| at lag 0."""
    with frame(path, height=4.0) as (axes,):
        messages = []
        drawn: list[np.ndarray] = []
        for (model, seeds), (colour, _) in zip(mechanisms.items(), STYLES * 3, strict=False):
            for kind, style in (("h", "-"), ("c", "--")):
                lag, curves = _relative(seeds, kind)
                if not len(curves):
                    continue
                for curve in curves if len(curves) > 1 else []:
                    axes.plot(lag, curve, style, color=colour, alpha=0.3, linewidth=0.8)
                middle = np.exp(np.log(curves).mean(axis=0))
                axes.plot(lag, middle, style, color=colour, label=f"{model}: {kind}, {_half_life(seeds, kind)}")
                drawn.append(middle[np.isfinite(middle)])
            messages.append(f"{model} {_half_life(seeds, 'h')}")
        _log_axis(axes, np.concatenate(drawn) if drawn else np.empty(0))
        axes.set(xlabel="lag (steps back from the answer)", ylabel="|∂L/∂state|, relative to |∂L/∂h| at lag 0")
        axes.legend()
        title(axes, subject, f"how much of the gradient arrives - {'; '.join(messages)}")


def draw_half_life(mechanisms: Mapping[str, Sequence[Mechanism]], path: Path) -> None:
    """The half-life of |dL/dh| of every seed of every model as a point, with the median a bar; those that do not decay
    stand on a line of their own at the top."""
    values = {model: _half_lives(seeds, "h") for model, seeds in mechanisms.items()}
    known = [value for of_model in values.values() for value in of_model if value is not None]
    longest = max((lag for seeds in mechanisms.values() for one in seeds for lag in one["gradient"]["lag"]), default=1)
    top = 3 * max([*known, longest])
    with frame(path, width=1.6 + 1.6 * max(2, len(values)), height=3.8) as (axes,):
        for place, (of_model, (colour, marker)) in enumerate(zip(values.values(), STYLES * 3, strict=False)):
            heights = [top if value is None else value for value in of_model]
            spread = place + np.linspace(-0.12, 0.12, len(heights)) if len(heights) > 1 else [place]
            axes.plot(spread, heights, marker, color=colour, alpha=0.6, linestyle="none")
            if heights:
                axes.plot([place - 0.25, place + 0.25], [np.median(heights)] * 2, color=colour, linewidth=2.5)
        axes.axhline(longest, color=GREY, linestyle=(0, (5, 3)), label=f"longest lag measured: {longest:,}")
        if any(value is None for of_model in values.values() for value in of_model):
            axes.axhline(top, color="#CCCCCC", linewidth=1, zorder=0)
            axes.text(-0.45, top * 1.05, "does not decay", color=GREY, fontsize=9, va="bottom")
        axes.set_xticks(range(len(values)), list(values))
        axes.set_xlim(-0.5, len(values) - 0.5)
        _log_axis(axes, np.array([*known, top, longest], float))
        axes.set_ylabel("half-life of |∂L/∂h| (steps)")
        axes.legend(loc="lower right")
        title(axes, "", f"the gradient halves within {_medians(values)}")


def gradient_over_training(lines: Lines, path: Path, *, subject: str = "") -> None:
    """The derivative's norm at each lag over training as colour, log scale; of an LSTM h above c."""
    kinds = [kind for kind in ("h", "c") if any(line.get(kind) for line in lines)]
    with frame(path, rows=max(1, len(kinds)), height=1.2 + 2.6 * max(1, len(kinds))) as rows:
        pictures = []
        for axes, kind in zip(rows, kinds, strict=False):
            edges, lags, colours = _picture(lines, kind)
            pictures.append(
                axes.pcolormesh(
                    edges, lags, colours, cmap="viridis", vmin=math.log10(FAINTEST), vmax=0, rasterized=True
                )
            )
            axes.grid(False)
            axes.set_ylabel(f"lag of {kind}_t (steps back)")
        rows[-1].set_xlabel("optimizer steps")
        if pictures:
            bar = rows[0].figure.colorbar(pictures[0], ax=list(rows), extend="both", shrink=0.8, aspect=30)
            low = int(math.log10(FAINTEST))
            bar.set_ticks(range(low, 1), labels=["1" if power == 0 else f"1e{power}" for power in range(low, 1)])
            bar.set_label("|∂L/∂state|, relative to |∂L/∂h| at lag 0")
        first, last = lines[0].get("half_life_h"), lines[-1].get("half_life_h")
        title(rows[0], subject, f"half-life of the gradient: {_steps(first)} at first, {_steps(last)} at the end")


def gates(found: Mechanism, path: Path) -> None:
    """How often each gate takes which value."""
    with frame(path, height=3.8) as (axes,):
        for name, use in found["gates"].items():
            word, colour, style = GATES.get(name, (name, GREY, ":"))
            shares = np.array(use["shares"], float)
            edges = np.linspace(0, 1, len(shares) + 1)
            axes.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.8, label=f"{word}: {_shut_open(use)}")
        for edge in (0.1, 0.9):
            axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(xlabel="value of the gate (0 shut, 1 open)", ylabel="share of its values", xlim=(0, 1))
        axes.legend(loc="upper center")
        opened = {name: use["mean"] for name, use in found["gates"].items() if use["mean"] is not None}
        told = ", ".join(f"{GATES.get(name, (name,))[0]} {mean:.2f}" for name, mean in opened.items())
        title(axes, subject(found), f"mean gate {told}")


def time_constants(found: Mechanism, path: Path) -> None:
    """How long each unit's forget gate lets its cell live, as a histogram over units."""
    use = found["gates"].get("f") or next(iter(found["gates"].values()))
    known = np.array([value for value in use["time_constants"] if value is not None and value > 0], float)
    endless = len(use["time_constants"]) - len(known)
    with frame(path, height=3.6) as (axes,):
        if known.size:
            low, high = math.floor(math.log10(known.min()) * 4) / 4, math.ceil(math.log10(known.max()) * 4 + 1e-9) / 4
            edges = np.logspace(low, max(high, low + 0.25), max(2, round(4 * (high - low)) + 1))
            axes.hist(known, edges, color=BLUE, edgecolor="white")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        longest = max(found["gradient"]["lag"], default=0)
        if longest:
            axes.axvline(longest, color=RED, linestyle=(0, (5, 3)), label=f"longest lag measured: {longest:,}")
            axes.legend()
        axes.set(xlabel="time constant of the forget gate (steps)", ylabel="hidden units")
        kept = f"; {endless} never forget" if endless else ""
        title(axes, subject(found), f"a typical cell lives {_steps(use['time_constant'])}{kept}")


def jacobian(found: Mechanism, path: Path) -> None:
    """The singular values of one step, largest first, and the Lyapunov exponents as factors a step."""
    values = np.array([np.nan if v is None else v for v in found["jacobian"]["singular"]], float)
    exponents = [value for value in found["jacobian"]["lyapunov"] if value is not None]
    with frame(path, height=3.8) as (axes,):
        shown = np.where(values > values.max(initial=0) * 1e-6, values, np.nan)
        axes.plot(np.arange(1, len(values) + 1), shown, color=BLUE, marker=".", label="singular values of one step")
        factors = np.exp(exponents)
        if len(factors):
            label = "factor a step over many steps (exp of the Lyapunov exponents)"
            axes.plot(np.arange(1, len(factors) + 1), factors, "s", color=ORANGE, markersize=4, label=label)
        axes.axhline(1, color=RED, linestyle=(0, (5, 3)), label="1: neither grows nor fades")
        _log_axis(axes, np.concatenate([shown[np.isfinite(shown)], factors, [1.0]]))
        axes.set(xlabel="direction in the state, largest first", ylabel="stretched by a step (factor)")
        axes.legend()
        fastest = f"{factors[0]:.3f} times a step" if len(factors) else "unknown"
        largest = number(float(values[0])) if len(values) else "unknown"
        message = f"one step stretches by up to {largest}; over many steps the slowest fading direction goes {fastest}"
        title(axes, subject(found), message)


def surgery(found: Mechanism, path: Path, result: Mapping[str, Any]) -> None:
    """The test score with one gate at a time fixed at one, beside the whole network and the best without memory."""
    scores = {name: value for name, value in found["surgery"].items() if value is not None}
    metric = str(result.get("primary_metric", "test/score")).rpartition("/")[2]
    labels = {"none": "as trained"} | {
        name: f"{GATES.get(name, (name,))[0]} gate\nfixed at 1" for name in scores if name != "none"
    }
    with frame(path, width=5.6, height=3.8) as (axes,):
        colours = [GREEN if name == "none" else ORANGE for name in scores]
        bars = axes.bar(range(len(scores)), list(scores.values()), color=colours, width=0.6)
        axes.bar_label(bars, [number(value) for value in scores.values()], padding=2)
        axes.set_xticks(range(len(scores)), [labels[name] for name in scores])
        axes.grid(False, axis="x")
        best, baseline = result.get("best_baseline"), result.get("baseline") or {}
        if best in baseline:
            label = f"{best} (no memory): {number(baseline[best])}"
            axes.axhline(baseline[best], color=GREY, linestyle=(0, (5, 3)), label=label)
            axes.legend()
        positive = [value for value in scores.values() if value > 0]
        if positive and len(positive) == len(scores) and max(positive) > 50 * min(positive):
            _log_axis(axes, np.array(positive))
        better = "larger" if result.get("direction") == "max" else "smaller"
        axes.set_ylabel(f"test {LABELS.get(metric, metric)}\n({better} is better)")
        axes.margins(y=0.15)
        title(axes, subject(found), surgery_message(scores, str(result.get("direction"))))


# -- words and numbers -----------------------------------------------------------------------------------------------


def surgery_message(scores: Mapping[str, float], direction: str) -> str:
    """Which gate the trained network misses most."""
    whole, others = scores.get("none"), {name: value for name, value in scores.items() if name != "none"}
    if whole is None or not others:
        return "no gate was fixed"
    sign = 1 if direction == "max" else -1
    worst = min(others, key=lambda name: sign * others[name])
    if sign * others[worst] >= sign * whole:
        return "no gate is missed"
    return f"the {GATES.get(worst, (worst,))[0]} gate is missed most: {number(whole)} becomes {number(others[worst])}"


def subject(found: Mechanism) -> str:
    return f"{found.get('model')} on {found.get('task')}"


def _relative(seeds: Sequence[Mechanism], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Lags (n,) that all seeds have and the curves (seeds, n), relative to |dL/dh| at lag 0; nan where 0 or unknown."""
    kept = []
    for one in seeds:
        gradient = one["gradient"]
        if gradient.get(kind) and gradient["h"] and gradient["h"][0]:
            kept.append((gradient["lag"], np.array(gradient[kind], float) / gradient["h"][0]))
    if not kept:
        return np.empty(0), np.empty((0, 0))
    shared = sorted(set.intersection(*(set(lag) for lag, _ in kept)))
    curves = np.array([[curve[lag.index(place)] for place in shared] for lag, curve in kept], float)
    return np.array(shared), np.where(curves > 0, curves, np.nan)


def _picture(lines: Lines, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of the steps, edges of the lags, and log10 of the relative norms (lags, lines)."""
    lag = np.array(lines[0]["lag"], float)
    relative = np.full((len(lag), len(lines)), np.nan)
    for column, line in enumerate(lines):
        if line.get(kind) and line["lag"] == lines[0]["lag"] and line["h"][0]:
            relative[:, column] = np.array(line[kind], float) / line["h"][0]
    steps = np.array([line["step"] for line in lines], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        colours = np.log10(relative)
    return _edges(steps), _edges(lag), np.where(relative == 0, np.nan if kind == "c" else -np.inf, colours)


def _edges(centres: np.ndarray) -> np.ndarray:
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def _log_axis(axes: Any, values: np.ndarray) -> None:
    """A logarithmic y axis that shows at most the twelve largest powers of ten."""
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    short = values.max() < 100 * values.min()
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if short and f"{value:e}"[0] in "25" else "")
    axes.set_ylim(max(values.min(), values.max() * 1e-12) / 2, values.max() * 2)


def _half_lives(seeds: Sequence[Mechanism], kind: str) -> list[float | None]:
    return [one["half_life"].get(kind) for one in seeds]


def _half_life(seeds: Sequence[Mechanism], kind: str) -> str:
    """The seeds' median in words; one that does not decay counts as the longest."""
    values = sorted(math.inf if value is None else value for value in _half_lives(seeds, kind))
    return f"half-life {_steps(values[len(values) // 2])}" if values else "no half-life"


def _medians(values: Mapping[str, Sequence[float | None]]) -> str:
    told = []
    for model, of_model in values.items():
        known = sorted(math.inf if value is None else value for value in of_model)
        told.append(f"{_steps(known[len(known) // 2])} ({model})" if known else f"unknown ({model})")
    return ", ".join(told)


def _steps(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "without end"
    return f"{number(value)} steps"


def _shut_open(use: Mapping[str, Any]) -> str:
    return f"{use['saturated_low']:.0%} below 0.1, {use['saturated_high']:.0%} above 0.9"
