"""What a task shows a person, as typed data; ``plots.artifacts`` draws each by its type."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ConfusionMatrix:
    """counts (classes, classes): row the true class, column the answer."""

    labels: tuple[str, ...]
    counts: np.ndarray
    name: str = "confusion"


@dataclass(frozen=True)
class TextSamples:
    """Rows of text under headers, such as prompt, generated, reference."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    name: str = "samples"


@dataclass(frozen=True)
class Images:
    """Pictures with a text each; ``title`` says what they are. Grey ones (N, height, width), 0 white and 1 black, or in
    colour (N, height, width, 3), 0 black."""

    pictures: np.ndarray
    captions: tuple[str, ...]
    title: str
    name: str = "images"


@dataclass(frozen=True)
class ScatterPlot:
    """True values against answers, both (N,)."""

    truth: np.ndarray
    answer: np.ndarray
    name: str = "predictions"


@dataclass(frozen=True)
class PianoRoll:
    """truth (T, 88) bool beside answer (T, 88), each key's chance; key 0 is A0, MIDI note 21."""

    truth: np.ndarray
    answer: np.ndarray
    name: str = "piano_roll"


@dataclass(frozen=True)
class Midi:
    """Notes to listen to: roll (T, 88) bool, a frame a quarter note; a key that stays on is held."""

    roll: np.ndarray
    name: str = "notes"


@dataclass(frozen=True)
class ByLength:
    """score (N,) of test strings against their length (N,), beside the longest of training; ``metric``: its name."""

    length: np.ndarray
    score: np.ndarray
    trained: int
    metric: str
    name: str = "by_length"


@dataclass(frozen=True)
class ForecastPlot:
    """A stretch of the test: truth (T,) at times (T,), and what each method said of it, lines (T,), nan where nothing.

    starts: at which of the steps a forecast of ``horizon`` steps begins. errors: the root mean squared error of each
    method on the whole test.
    """

    times: tuple[str, ...]
    truth: np.ndarray
    lines: Mapping[str, np.ndarray]
    starts: tuple[int, ...]
    horizon: int
    target: str
    series: str
    errors: Mapping[str, float]
    name: str = "forecast"


@dataclass(frozen=True)
class ByStepAhead:
    """The root mean squared error of each method, (H,), by how many steps ahead, in the units of ``target``."""

    errors: Mapping[str, np.ndarray]
    target: str
    name: str = "by_step_ahead"


Artifact = (
    ConfusionMatrix | TextSamples | Images | ScatterPlot | PianoRoll | Midi | ByLength | ForecastPlot | ByStepAhead
)
