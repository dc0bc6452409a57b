"""A runs/ as somebody may send it who means harm: for ``scripts.long.hostile`` and for tests.

Each oddity is put into a copy of a finished run, and of a killed one. The others lie beside the runs: sweeps, studies,
reports and MLflow's database.
"""

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from seqexp.system.paths import (
    BEST,
    CHECKPOINTS,
    CONFIG,
    LINES,
    LOCK,
    LOG,
    METRICS,
    NEWEST,
    RESULT,
    STARTED,
    SUMMARY,
    SWEEPS,
    TUNING,
)

FILES = (CONFIG, METRICS, RESULT, STARTED, LOCK, LOG, SUMMARY, LINES, "learning_curve.png")
CHECKPOINT_FILES = (f"{CHECKPOINTS}/{NEWEST}", f"{CHECKPOINTS}/{BEST}")
ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066\r\x00\x9b31m"
FORMULAS = ("=HYPERLINK(1)", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1")
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"
SHELL = "$(touch owned) `touch owned` ; touch owned #"
DEEP = 60_000  # brackets
SECRET = "what-nobody-may-read-7391"

Odd = Callable[[Path], None]


def oddities(uri: str, outside: Path) -> dict[str, Odd]:
    """By name, what makes a run's directory odd. ``uri``: where a listener waits; ``outside``: a folder that is not the
    run's, with a file ``secret``."""
    odd: dict[str, Odd] = {}
    for name in (*FILES, *CHECKPOINT_FILES):
        odd[f"fifo for {name}"] = partial(_special, name, os.mkfifo)
        odd[f"link for {name}"] = partial(_special, name, partial(_link, outside / "secret"))
        odd[f"endless {name}"] = partial(_special, name, partial(_link, Path("/dev/zero")))
    odd["folder for result.json"] = partial(_special, RESULT, os.mkdir)
    odd["checkpoints elsewhere"] = partial(_special, CHECKPOINTS, partial(_link, outside))
    odd["an address"] = partial(
        _settings, changed={"tracking": {"name": "mlflow", "uri": uri, "experiment_name": "theirs"}}
    )
    for n, text in enumerate((ESCAPE, *FORMULAS, HTML, SHELL)):
        said = dict.fromkeys(("git_sha", "numpy", "blas", "cpu", "data", "error", "best_baseline"), text)
        odd[f"text {n}"] = partial(
            _result, changed={**said, "baseline": {text: 0.1}, "directions": {text: "max"}}, more={text: 0.5}
        )
        odd[f"text {n} in settings"] = partial(_settings, changed={"dtype": text})
        odd[f"text {n} as a key"] = partial(_settings, changed={text: 1})
    huge: dict[str, Any] = dict.fromkeys(("seconds", "started", "ended"), 1e308) | {"metrics": {"test/mse": 1e308}}
    odd["huge numbers"] = partial(_result, changed=huge)
    odd["largest floats"] = partial(_result, changed={"seconds": 1.7e308}, more={"test/mse": -1.7e308})
    odd["huge whole numbers"] = partial(_result, changed={"steps": 10**400, "params": 10**400})
    odd["a number of 5,000 digits"] = partial(_write, RESULT, '{"seed": ' + "9" * 5_000 + "}")
    odd["huge numbers of a curve"] = partial(
        _write, LINES, '{"step": 1, "lag": [1], "h": [1e308]}\n{"step": ' + "9" * 400 + ', "lag": [1], "h": [1e999]}\n'
    )
    odd["huge numbers of an epoch"] = partial(_write, METRICS, '{"step": 1, "time": 1.0, "val/loss": 1e308}\n' * 3)
    for name in (RESULT, STARTED, METRICS, SUMMARY, LINES):
        odd[f"deep {name}"] = partial(_write, name, '{"error":' + "[" * DEEP + "]" * DEEP + "}\n")
        odd[f"deep enough {name}"] = partial(_write, name, '{"error":' + "[" * 700 + "]" * 700 + "}\n")
    for n, text in enumerate(("[" * DEEP, "- " * DEEP, "{a: " * 20_000, "? " * DEEP, "a: &a [*a]", "!!python/none x")):
        odd[f"yaml {n}"] = partial(_write, CONFIG, text)
    odd["a model that is no name"] = partial(_settings, changed={"model": "=x]"})
    odd["a model that is a tree"] = partial(_settings, changed={"model": {"name": {"a": {"b": "c"}}}})
    odd["code in yaml"] = partial(_write, CONFIG, "model: !!python/object/apply:os.system ['touch owned']\n")
    odd["a target"] = partial(_settings, changed={"model": {"name": "rnn", "_target_": "os.system"}})
    odd["a plug-in"] = partial(_settings, changed={"plugins": ["evil"]})
    odd["the environment"] = partial(_settings, changed={"dtype": "${oc.env:HOME}"})
    return odd


def lay(root: Path, earlier: Path, uri: str, outside: Path) -> list[Path]:
    """Make ``root``, of the real runs in ``earlier`` and of odd copies of them, which are given. ``outside`` is made,
    with a file that is not theirs."""
    outside.mkdir(exist_ok=True)
    (outside / "secret").write_text(SECRET)
    shutil.copytree(earlier, root)
    (root.parent / "evil.py").write_text("open('owned', 'w')\n")
    finished = next(iter(sorted((root / "adding/lstm").iterdir())))
    (killed,) = (file.parent for file in root.glob(f"adding/*/*/{STARTED}"))
    made = []
    for number, (name, odd) in enumerate(oddities(uri, outside).items(), 10):
        for kind, whole in (("finished", finished), ("killed", killed)):
            copy = whole.parent / f"{kind}_{name.replace('/', '_').replace(' ', '_')}"
            shutil.copytree(whole, copy)
            if kind == "finished":
                _result(copy, {"seed": number})
            odd(copy)
            made.append(copy)
    _beside(root, uri, outside)
    return made


def _beside(root: Path, uri: str, outside: Path) -> None:
    """What is no run: a sweep and a study that are none, folders that lead elsewhere, a name that is an escape code."""
    sweep = root / SWEEPS / "2020-01-01"
    (sweep / "jobs").mkdir(parents=True)
    parent = {"run_id": "0" * 32, "tracking": {"name": "mlflow", "uri": uri, "experiment_name": "x"}}
    (sweep / "parent.json").write_text(json.dumps(parent))
    (sweep / "jobs" / "x.json").write_text("{}")
    (sweep / "jobs" / "00000.json").write_text('{"result": {"model": ' + "[" * DEEP + "}")
    os.mkfifo(sweep / "jobs" / "00001.json")
    study = root / TUNING / "adding" / "rnn"
    study.mkdir(parents=True)
    os.mkfifo(study / "fifo.json")
    (study / "x.json").write_text('{"scores": [{"score": 1e999}], "trials": 1e999, "task": "adding", "model": "rnn"}')
    (root / "copy").symlink_to(outside)
    (root / "adding" / "stacked_rnn").symlink_to(outside)
    escape = root / "adding" / "rnn" / "\x1b[2J"
    escape.mkdir()
    (escape / RESULT).write_text("[]")


def _special(name: str, make: Callable[[Path], Any], folder: Path) -> None:
    path = folder / name
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)


def _link(to: Path, path: Path) -> None:
    path.symlink_to(to)


def _write(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)


def _settings(folder: Path, changed: dict[str, Any]) -> None:
    content = yaml.safe_load((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(yaml.safe_dump(content | changed, sort_keys=False, allow_unicode=False))


def _result(folder: Path, changed: dict[str, Any], more: dict[str, float] | None = None) -> None:
    """Change result.json, or run.json where the run has none; ``more``: further metrics."""
    file = folder / (RESULT if (folder / RESULT).exists() else STARTED)
    content = json.loads(file.read_text()) | changed
    content["metrics"] = {**content["metrics"], **(more or {})}
    file.write_text(json.dumps(content))
