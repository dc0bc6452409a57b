"""The cell microscope in a browser: every line that its page shows adds up.

``python -m scripts.long.microscope`` trains one small run of each model, opens its page in Chromium at some units and
steps, reads what stands there with all digits, and adds it up itself. ``--shots FOLDER`` keeps a picture of each.
"""

import argparse
import html
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scripts.long.killing import composed

MODELS = ("rnn", "stacked_rnn", "gru", "lstm", "lstm_peephole")
TEXT = "the film was not good"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=3000"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FUNCTIONS = {"σ": "sigmoid(", "tanh": "np.tanh(", "relu": "relu(", "step": "step("}
WORDS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "np": np,
    "relu": lambda z: max(z, 0),
    "step": lambda z: float(z > 0),
}


def browser(*words: str) -> str:
    """What Chromium prints, started with a profile of its own."""
    name = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if name is None:
        sys.exit("error: expected chromium or google-chrome in PATH; found none")
    with tempfile.TemporaryDirectory(prefix="browser_") as profile:
        flags = [*FLAGS, *QUIET, f"--user-data-dir={profile}"]
        done = subprocess.run([name, *flags, *words], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def lines(dom: str) -> Iterator[tuple[str, str]]:
    """The maths and the numbers of each equation that a page shows."""
    for maths, numbers in re.findall(r'class="maths">(.*?)</div><div class="numbers">(.*?)</div>', dom, re.DOTALL):
        raised = re.sub(r"<sup>(.*?)</sup>", r"**\1", numbers)
        yield plain(maths), plain(raised)


def plain(marked: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", marked))


def adds_up(numbers: str) -> float:
    """How far the two sides of a line are apart."""
    left, right = numbers.replace("−", "-").replace("·", "*").split(" = ")
    for shown, called in FUNCTIONS.items():
        right = right.replace(f"{shown}(", called)
    return abs(float(left) - float(eval(right, dict(WORDS))))  # a page of our own


def checked(page: Path, units: Sequence[int], steps: Sequence[int], layers: int) -> tuple[int, float]:
    """(lines read, the largest difference) of a page's first run."""
    read, worst = 0, 0.0
    for layer in range(1, layers + 1):
        for unit in units:
            for step in steps:
                dom = browser("--dump-dom", f"{page.as_uri()}#layer={layer}&unit={unit}&step={step}&digits=all")
                found = list(lines(dom))
                assert found, "the page shows no equation: its script failed"
                read += len(found)
                worst = max([worst, *(adds_up(numbers) for _, numbers in found)])
    return read, worst


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.microscope", description=__doc__.splitlines()[0])
    parser.add_argument("--shots", type=Path, help="folder for a picture of each page")
    options = parser.parse_args()
    from seqexp.explain import look_inside
    from seqexp.runs.location import Location
    from seqexp.runs.run import run

    bad = 0
    with tempfile.TemporaryDirectory(prefix="microscope_") as folder:
        for model in MODELS:
            words = [f"model={model}", "task=sentiment", "tracking=off", "training.epochs=2", "figures=none"]
            done = run(composed([*words, "model.hidden_size=12", "task.examples=640"]), Location(Path(folder, model)))
            page = look_inside([done.directory], TEXT)
            read, worst = checked(page, (1, 7), (1, 4), 2 if model == "stacked_rnn" else 1)
            bad += worst > 1e-12
            print(f"{model}: {read} lines read in the browser, largest difference {worst:.1e}")
            if options.shots:
                options.shots.mkdir(parents=True, exist_ok=True)
                shot = f"--screenshot={options.shots.absolute() / model}.png"
                browser(shot, "--window-size=1300,2600", page.as_uri())
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
