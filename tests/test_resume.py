"""A run that was cut off goes on, and ends bit for bit as if it had not been."""

import json
from pathlib import Path

import pytest

from seqexp import config, experiment, models, tasks
from seqexp.experiment import Recorder, run
from seqexp.place import Place


def composed(*words):
    from hydra import compose, initialize_config_dir
    from omegaconf import open_dict

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        cfg = compose("config", ["tracking=off", *words])
    with open_dict(cfg):
        if "steps_per_epoch" in cfg.task:
            cfg.task.steps_per_epoch = 20
        if "examples" in cfg.task:
            cfg.task.examples = 64
    return config.check(cfg)


def without_times(value):
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if isinstance(value, dict):
        times = ("time", "seconds", "started", "ended", "directory", "how")
        return {k: without_times(v) for k, v in value.items() if k not in times and not k.startswith("time/")}
    return value


def left(path: Path):
    """What a run leaves that has to be equal: weights as bytes, metrics and result without times."""
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((path / "result.json").read_text())
    return (path / "checkpoints" / "best.safetensors").read_bytes(), without_times(lines), without_times(result)


class Cut(BaseException):
    """Ends a run as a SIGKILL would: nothing of it may be written down."""


@pytest.fixture
def cut(monkeypatch):
    """Cut the next run at its nth boundary."""

    def at(step: int, times: int = 1):
        own = Recorder.on_boundary
        count = 0

        def boundary(self, trainer):
            nonlocal count
            own(self, trainer)
            if trainer.step == step:
                count += 1
                if count == times:
                    raise Cut

        monkeypatch.setattr(Recorder, "on_boundary", boundary)
        monkeypatch.setattr(experiment._Run, "_end", lambda *args: None)

    return at


def resumed_equals_whole(words, tmp_path, cut, monkeypatch, *cuts):
    experiment = composed(*words)
    whole = run(experiment, Place(root=tmp_path / "whole"))
    assert whole["status"] == "FINISHED", whole.get("error")
    for at in cuts:
        with monkeypatch.context():
            cut(*at)
            with pytest.raises(Cut):
                run(experiment, Place(root=tmp_path / "cut", in_sweep=True))
        monkeypatch.undo()
    again = run(experiment, Place(root=tmp_path / "cut", in_sweep=True))
    assert again["how"] == "resumed"
    assert left(Path(again["directory"])) == left(Path(whole["directory"]))
    assert {file.name for file in Path(again["directory"], "checkpoints").iterdir()} == {"best.safetensors"}
    return again


@pytest.mark.parametrize("model", models.names())
@pytest.mark.parametrize("task", tasks.names())
def test_training_to_60_equals_training_to_25_and_going_on(model, task, tmp_path, cut, monkeypatch):
    words = [f"model={model}", f"task={task}", "training.epochs=3", "training.checkpoint_every=5", "model.dropout=0.2"]
    words += ["training.batch_size=4", "model.hidden_size=8"]
    resumed_equals_whole(words, tmp_path, cut, monkeypatch, (25,))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_every_optimizer_goes_on_from_its_state(optimizer, tmp_path, cut, monkeypatch):
    words = ["task=adding", "model=rnn", "training.epochs=4", "training.checkpoint_every=7", f"optimizer={optimizer}"]
    words += ["optimizer.schedule=cosine", "training.patience=2"]
    # Twice in an epoch, before the first checkpoint, and in the evaluation after the last step.
    resumed_equals_whole(words, tmp_path, cut, monkeypatch, (3,), (25,), (33,), (40, 2))
