"""Probes look at a run without changing it, go on with it, never end it; and a finished run can be explained."""

import json
import logging
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seqexp import config, mechanism, models
from seqexp.explain import explain
from seqexp.plots import mechanism as mechanism_plots
from seqexp.plots.gradients import draw_gradient_flow
from seqexp.runs import probes
from seqexp.runs import run as run_module
from seqexp.runs.location import Location
from seqexp.runs.recorder import Recorder
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.training.checkpoints import Checkpoints, Schedule
from seqexp.training.trainer import Trainer

WORDS = (
    "task=adding", "task.length=8", "task.steps_per_epoch=10", "task.examples=64", "training.epochs=3",
    "training.batch_size=16", "model.hidden_size=6", "training.checkpoint_every=1",
)  # fmt: skip


def composed(*words):
    from hydra import compose, initialize_config_dir

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        return config.check(compose("config", ["tracking=off", *words]))


every_model = pytest.mark.parametrize("model", models.names("sequences"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """They take most of a small run's time."""
    monkeypatch.setattr(run_module, "draw", lambda *args: None)
    monkeypatch.setattr(mechanism_plots, "draw_training", lambda *args: [])


def done(root: Path, *words):
    result = run(composed(*WORDS, *words), Location(root=root, in_sweep=True))
    return result.result, result.directory


def lines(path: Path):
    return [json.loads(text) for text in (path / "mechanism.jsonl").read_text().splitlines()]


def trained(path: Path):
    """What training leaves, without times."""
    logged = [json.loads(text) for text in (path / "metrics.jsonl").read_text().splitlines()]
    kept = [{name: value for name, value in line.items() if "time" not in name} for line in logged]
    return (path / "checkpoints" / "best.safetensors").read_bytes(), kept


@every_model
def test_a_probed_run_is_the_same_run(model, tmp_path):
    with_probes, there = done(tmp_path / "on", f"model={model}", "probes=true")
    without, here = done(tmp_path / "off", f"model={model}", "probes=false")
    assert trained(there) == trained(here)
    assert with_probes.signature == without.signature
    assert not (here / "mechanism.jsonl").exists()
    assert not (here / "mechanism.json").exists()
    assert [line["step"] for line in lines(there)] == [10, 20, 30]
    assert all(line["lag"] == list(range(8)) and min(line["h"]) > 0 for line in lines(there))
    assert (lines(there)[0]["c"] is not None) == hasattr(models.lookup(model), "cell_rows")
    found = json.loads((there / "mechanism.json").read_text())
    assert (found["model"], found["task"], found["seed"]) == (model, "adding", 0)


class Cut(BaseException):
    """Ends a run as a SIGKILL would."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The directory of a run that nothing interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "draw", lambda *args: None)
        patch.setattr(mechanism_plots, "draw_training", lambda *args: [])
        return done(tmp_path_factory.mktemp("whole"), "model=rnn", "probes=true")[1]


@pytest.mark.parametrize(
    "step, times, every",
    [(9, 1, 1), (10, 1, 1), (10, 2, 1), (10, 3, 1), (20, 3, 1), (30, 2, 1), (30, 3, 1), (10, 3, 7), (25, 1, 7)],
)
def test_a_resumed_run_has_each_line_once(step, times, every, whole, tmp_path, monkeypatch):
    """Cut after a step, within a validation, or between the line and the snapshot's turn."""
    words = ("model=rnn", "probes=true", f"training.checkpoint_every={every}")
    own, seen = Recorder.on_boundary, 0

    def boundary(self, trainer):
        nonlocal seen
        own(self, trainer)
        seen += trainer.step == step
        if trainer.step == step and seen == times:
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_boundary", boundary)
        patch.setattr(run_module._Run, "_end", lambda *args: None)
        with pytest.raises(Cut):
            done(tmp_path / "cut", *words)
    again = run(composed(*WORDS, *words), Location(root=tmp_path / "cut", in_sweep=True))
    path = again.directory
    assert again.how == "resumed"
    assert (path / "mechanism.jsonl").read_bytes() == (whole / "mechanism.jsonl").read_bytes()
    assert (path / "mechanism.json").read_bytes() == (whole / "mechanism.json").read_bytes()


def test_a_snapshot_never_lies_ahead_of_the_line_of_its_epoch(whole, tmp_path, monkeypatch):
    own = Checkpoints.save

    def save(self, snapshot):
        own(self, snapshot)
        if snapshot.numbers["epoch"] == 2:
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save)
        patch.setattr(Schedule, "due", lambda self, step: True)  # at the epoch's very boundary too
        patch.setattr(run_module._Run, "_end", lambda *args: None)
        with pytest.raises(Cut):
            done(tmp_path, "model=rnn", "probes=true")
    _, path = done(tmp_path, "model=rnn", "probes=true")
    assert (path / "mechanism.jsonl").read_bytes() == (whole / "mechanism.jsonl").read_bytes()


def test_a_failing_probe_is_one_warning(tmp_path, monkeypatch, caplog):
    def broken(*args):
        raise FloatingPointError("as if")

    monkeypatch.setattr(mechanism, "gradient_flow", broken)
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    result, _ = done(tmp_path, "model=rnn", "probes=true")
    assert result.status == "FINISHED"
    assert sum("probes: given up" in record.message for record in caplog.records) == 1


def test_probing_is_no_part_of_the_training_time(tmp_path, monkeypatch):
    now = 0.0

    def clock():
        nonlocal now
        now += 0.001
        return now

    def an_hour(self):
        nonlocal now
        now += 3600

    monkeypatch.setattr(probes.Probes, "_line", an_hour)
    monkeypatch.setattr(run_module, "Trainer", partial(Trainer, clock=clock))
    result, path = done(tmp_path, "model=rnn", "probes=true", "training.max_seconds=1800")
    assert now > 3600
    assert result.steps == 30  # max_seconds has not ended it
    assert result.seconds < 1800
    logged = [json.loads(text) for text in (path / "metrics.jsonl").read_text().splitlines()]
    assert sum(line.get("time/epoch_seconds", 0) for line in logged) < 1800


@pytest.mark.parametrize(
    "steps_an_epoch, epochs, parameters, wanted",
    [(200, 20, 5_000, 1), (20, 200, 5_000, 10), (200, 9, 5_000, 0), (200, 20, 30_000_000, 0)],
)
def test_unasked_probes_are_for_small_networks_and_few_epochs_where_those_are_short(
    steps_an_epoch, epochs, parameters, wanted
):
    flat = SimpleNamespace(size=parameters)
    trainer = SimpleNamespace(
        p=SimpleNamespace(flat=flat), total_steps=steps_an_epoch * epochs, steps_an_epoch=steps_an_epoch
    )
    assert probes.epochs_between(trainer, 50) == wanted  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of an LSTM."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "draw", lambda *args: None)
        return done(tmp_path_factory.mktemp("runs"), "model=lstm", "probes=true", "seed=3")


def test_explaining_a_run(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.undo()  # with figures
    result, path = finished
    before = (path / "mechanism.json").read_bytes()
    found = explain(path, str(tmp_path / "out"))
    assert (path / "mechanism.json").read_bytes() == before
    assert json.loads((tmp_path / "out" / "mechanism.json").read_text()) == found
    assert found["gradient"] == json.loads(before)["gradient"]
    assert found["surgery"]["none"] == pytest.approx(result.metrics["test/mse"], rel=1e-6)
    assert set(found["surgery"]) == {"none", "f", "i", "o"}
    assert len({found["surgery"][name] for name in found["surgery"]}) == 4
    figures = ("gradient_flow", "gradient_lag", "gates", "time_constants", "jacobian", "surgery")
    assert all((tmp_path / "out" / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in figures)
    said = capsys.readouterr().out
    assert "half-life of |dL/dc|" in said
    assert "gate f fixed at 1" in said


@pytest.mark.parametrize("damage", ["nothing", "status", "config", "weights", "missing", "nan"])
def test_what_is_no_finished_run_is_refused_in_one_line(damage, finished, tmp_path):
    from shutil import copytree

    result, path = finished
    copy = copytree(path, tmp_path / "run")
    best = copy / "checkpoints" / "best.safetensors"
    if damage == "nothing":
        copy = tmp_path / "nowhere"
    elif damage == "status":
        text = (copy / "result.json").read_text()
        (copy / "result.json").write_text(text.replace("FINISHED", "DIVERGED"))
    elif damage == "config":
        text = (copy / "config.yaml").read_text()
        (copy / "config.yaml").write_text(text.replace("hidden_size: 6", "hidden_size: 7"))
    elif damage == "weights":
        best.write_bytes(best.read_bytes()[:200])
    elif damage == "missing":
        best.unlink()
    else:
        data = bytearray(best.read_bytes())
        data[-4:] = np.float32(np.nan).tobytes()
        best.write_bytes(bytes(data))
    with pytest.raises(UserError) as refusal:
        explain(copy, str(tmp_path / "out"))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "words, code", [(["--help"], 0), ([], 2), (["nowhere"], 2), (["a", "b"], 2), (["a", "x=1"], 2)]
)
def test_the_command_line_of_explain(words, code, tmp_path):
    command = [sys.executable, "-m", "seqexp.explain", *words]
    where = {"PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=where, check=False)
    assert ended.returncode == code, ended.stderr
    assert len(ended.stderr.splitlines()) == (1 if words and code else 0)
    assert "Traceback" not in ended.stderr


def test_figures_of_a_training_whatever_its_lines_hold(tmp_path, monkeypatch):
    monkeypatch.undo()
    lag = [0, 1, 2, 3]
    lines = [
        {"step": 10, "lag": lag, "h": [1.0, 0.5, 0.2, 0.0], "c": [0.0, 1e9, None, 3.0], "half_life_h": 2.0},
        {"step": 20, "lag": lag, "h": [None, None, None, None], "c": [0.0, 0.5, 0.2, 0.0], "half_life_h": None},
        {"step": 30, "lag": lag, "h": [0.0, 0.0, 0.0, 0.0], "c": [0.0, 0.0, 0.0, 0.0], "half_life_h": None},
    ]
    endless = {"mean": 1.0, "saturated_low": 0.0, "saturated_high": 1.0, "time_constant": None, "shares": [0.0, 1.0]}
    found = {"model": "lstm", "task": "adding", "gates": {"f": endless | {"time_constants": [None, None]}}}
    found["gradient"] = {"lag": lag, "h": lines[0]["h"], "c": None}
    drawn = mechanism_plots.draw_training(lines, tmp_path, found)
    assert [path.name for path in drawn] == ["gradient_flow.png", "gates.png"]
    assert all(path.stat().st_size > 5_000 for path in drawn)
    odd = [line | {"lag": [0], "h": [1.0], "c": None} for line in lines]
    assert mechanism_plots.draw_training(odd, tmp_path, found | {"gates": None}) == []


def test_figures_of_several_models_whatever_is_missing(tmp_path):
    lag = list(range(20))
    fading = [0.8**n for n in lag]
    whole = {
        "model": "lstm",
        "gradient": {"lag": lag, "h": fading, "c": [0.0, *fading[1:]]},
        "half_life": {"h": 3, "c": 3},
    }
    plain = {
        "model": "rnn",
        "gradient": {"lag": lag[:9], "h": fading[:9], "c": None},
        "half_life": {"h": None, "c": None},
    }
    gone = {"model": "rnn", "gradient": {"lag": lag, "h": [*fading[:9], *[0.0] * 10, None], "c": None}}
    gone["half_life"] = {"h": 3, "c": None}
    nothing = {"model": "rnn", "gradient": {"lag": [], "h": [], "c": None}, "half_life": {"h": None, "c": None}}
    for number, mechanisms in enumerate(({"lstm": [whole, whole], "rnn": [plain, gone]}, {"rnn": [nothing]}, {})):
        path = tmp_path / f"{number}.png"
        draw_gradient_flow(mechanisms, path)
        assert path.stat().st_size > 5_000
