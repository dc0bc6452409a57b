"""A run that was cut off goes on, and ends bit for bit as if it had not been."""

import json
import resource
from pathlib import Path

import numpy as np
import pytest
import yaml

from seqexp import config, tasks
from seqexp.data import sources
from seqexp.runs import parts
from seqexp.runs import run as run_module
from seqexp.runs.location import Location
from seqexp.runs.recorder import Recorder
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.training.checkpoints import BEFORE, NEWEST
from tests.pairs import each_once


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
        if cfg.task.name in ("word_lm", "one_to_many"):
            cfg.task.min_count = 20  # for a readout of few words, which is most of their time
        if "steps_per_epoch" not in cfg.task and "examples" not in cfg.task:
            # A whole data set: fewer steps, but more than 25.
            cfg.training.batch_size = 512 if cfg.task.source in sources.FILES else 32
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


@pytest.fixture(autouse=True)
def no_figures():
    """They take most of a small run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "draw", lambda *args: None)
        yield


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
        monkeypatch.setattr(run_module._Run, "_end", lambda *args: None)

    return at


def resumed_equals_whole(words, tmp_path, cut, monkeypatch, *cuts):
    checked = composed(*words)
    whole = run(checked, Location(root=tmp_path / "whole"))
    assert whole.result.status == "FINISHED", whole.result.error
    for at in cuts:
        with monkeypatch.context():
            cut(*at)
            with pytest.raises(Cut):
                run(checked, Location(root=tmp_path / "cut", in_sweep=True))
        monkeypatch.undo()
    again = run(checked, Location(root=tmp_path / "cut", in_sweep=True))
    assert again.how == "resumed"
    assert left(again.directory) == left(whole.directory)
    assert {file.name for file in Path(again.directory, "checkpoints").iterdir()} == {"best.safetensors"}
    return again


def carries_its_data(task):
    source = yaml.safe_load((config.conf_directory() / "task" / f"{task}.yaml").read_text())["task"].get("source")
    return source not in sources.FILES


@pytest.mark.parametrize("task, model", each_once(filter(carries_its_data, tasks.names())))
def test_training_to_60_equals_training_to_25_and_going_on(task, model, tmp_path, cut, monkeypatch):
    """A checkpoint is one vector for every model; scripts/long/kill_test takes every model with every task."""
    words = [f"model={model}", f"task={task}", "training.epochs=3", "training.checkpoint_every=5", "model.dropout=0.2"]
    words += ["training.batch_size=4", "model.hidden_size=8"]
    resumed_equals_whole(words, tmp_path, cut, monkeypatch, (25,))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_every_optimizer_goes_on_from_its_state(optimizer, tmp_path, cut, monkeypatch):
    words = ["task=adding", "model=rnn", "training.epochs=4", "training.checkpoint_every=7", f"optimizer={optimizer}"]
    words += ["optimizer.schedule=cosine", "training.patience=2"]
    # Twice in an epoch, before the first checkpoint, and in the evaluation after the last step.
    resumed_equals_whole(words, tmp_path, cut, monkeypatch, (3,), (25,), (33,), (40, 2))


SMALL = ["task=adding", "model=rnn", "model.hidden_size=32", "training.epochs=3", "training.checkpoint_every=5"]


@pytest.fixture
def cut_run(tmp_path, cut, monkeypatch):
    """The directory of a run that was cut off at step 25, its checkpoints at 20 and 25."""
    with monkeypatch.context():
        cut(25)
        with pytest.raises(Cut):
            run(composed(*SMALL), Location(root=tmp_path, in_sweep=True))
    monkeypatch.undo()
    (file,) = tmp_path.glob("adding/rnn/*/run.json")
    return file.parent


def go_on(path, *words):
    return run(composed(*SMALL, f"resume={path}", *words), Location(root=path.parent / "elsewhere"))


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a bit flipped in the weights": lambda data: data[:-9] + bytes([data[-9] ^ 4]) + data[-8:],
    "a bit flipped in the counters": lambda data: data.replace(b"loss_sum", b"moss_sum"),
    "foreign": lambda data: b"PK\x03\x04" + bytes(1000),
    "a header of exabytes": lambda data: (1 << 60).to_bytes(8, "little") + data[8:],
    "deep JSON": lambda data: (10**5).to_bytes(8, "little") + b"[" * 10**5,
    "too large": lambda data: data + bytes(5_000_000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_none_is_an_error(damage, cut_run, caplog, tmp_path):
    newest, before = cut_run / "checkpoints" / NEWEST, cut_run / "checkpoints" / BEFORE
    whole = before.read_bytes()
    newest.write_bytes(DAMAGE[damage](newest.read_bytes()))
    before.write_bytes(DAMAGE[damage](whole))
    with pytest.raises(UserError, match="no checkpoint is usable") as refusal:
        go_on(cut_run)
    assert "\n" not in str(refusal.value)
    before.write_bytes(whole)
    result = go_on(cut_run)
    assert any("checkpoint damaged" in record.getMessage() for record in caplog.records)
    assert left(cut_run) == left(run(composed(*SMALL), Location(root=tmp_path / "whole")).directory)
    assert result.how == "resumed"


def test_another_config_or_data_set_is_refused_by_its_keys(cut_run, monkeypatch):
    with pytest.raises(
        UserError, match=r"these differ: model.hidden_size \(then 32, now 5\), optimizer.beta1"
    ) as refusal:
        go_on(cut_run, "model.hidden_size=5", "optimizer.beta1=0.8")
    assert "\n" not in str(refusal.value)
    monkeypatch.setattr("seqexp.tasks.adding.Adding.fingerprint", lambda self: "changed")
    parts._fingerprint.cache_clear()
    with pytest.raises(UserError, match="its run had other data"):
        go_on(cut_run)
    parts._fingerprint.cache_clear()
    with pytest.raises(UserError, match="resume: expected auto, never, or the directory of a run"):
        go_on(cut_run / "checkpoints")


def test_metrics_that_the_checkpoint_knows_must_be_there(cut_run):
    metrics = cut_run / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:10])
    with pytest.raises(UserError, match=r"expected the .* bytes that the checkpoint knows"):
        go_on(cut_run)


@pytest.mark.parametrize("part", [0.5, 0.01])
def test_a_full_disk_ends_the_run_and_loses_no_checkpoint(part, cut_run, tmp_path):
    """A limit on the size of files: the next checkpoint does not fit, or not even the first note of the run."""
    newest = cut_run / "checkpoints" / NEWEST
    before = newest.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(len(before) * part), hard))
    try:
        result = go_on(cut_run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.result.status == "FAILED"
    assert "File too large; the last checkpoint is kept" in result.result.error
    assert newest.read_bytes() == before
    assert not list(cut_run.rglob("*.tmp"))
    assert go_on(cut_run).how == ("retried" if part == 0.5 else "resumed")
    assert left(cut_run) == left(run(composed(*SMALL), Location(root=tmp_path / "whole")).directory)


def test_a_sweep_skips_what_finished_and_retries_what_failed_if_it_may(tmp_path, monkeypatch):
    assert run(composed(*SMALL), Location(root=tmp_path, in_sweep=True)).how == ""
    again = run(composed(*SMALL), Location(root=tmp_path, in_sweep=True))
    assert (again.how, again.result.status) == ("skipped", "FINISHED")
    monkeypatch.setattr(run_module, "scored", lambda *args: 1 / 0)
    words = [*SMALL, "seed=1"]
    assert run(composed(*words), Location(root=tmp_path, in_sweep=True)).result.status == "FAILED"
    monkeypatch.undo()
    kept = run(composed(*words, "retry_failed=false"), Location(root=tmp_path, in_sweep=True))
    assert (kept.how, kept.result.status) == ("skipped", "FAILED")
    retried = run(composed(*words), Location(root=tmp_path, in_sweep=True))
    assert (retried.how, retried.result.status) == ("retried", "FINISHED")


def test_resume_auto_of_a_single_run(cut_run, tmp_path):
    result = run(composed(*SMALL, "resume=auto"), Location(root=tmp_path))
    assert (result.how, result.directory) == ("resumed", cut_run)
    assert run(composed(*SMALL, "resume=auto"), Location(root=tmp_path)).how == "skipped"
    assert run(composed(*SMALL, "resume=never"), Location(root=tmp_path)).directory == Path(f"{cut_run}.1")


@pytest.mark.parametrize("every", ["5m", "0", "-3", "0.5", "s", "''", "1e3s"])
def test_checkpoint_every_is_checked(every):
    with pytest.raises(UserError, match=r"training.checkpoint_every: expected"):
        composed(f"training.checkpoint_every={every}")


def test_a_carried_state_is_part_of_the_checkpoint(tmp_path):
    from seqexp.training.checkpoints import Checkpoints

    trainer = run_module._Run(*_parts(tmp_path)).new_trainer()
    trainer.train_step()
    trainer.carried = np.arange(32 * 8, dtype=np.float32).reshape(32, 8)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(trainer.snapshot())
    other = run_module._Run(*_parts(tmp_path)).new_trainer()
    snapshot = checkpoints.load(50_000)
    assert snapshot is not None
    other.restore(snapshot)
    assert other.step == 1
    assert other.carried is not None
    assert np.array_equal(other.carried, trainer.carried)
    assert np.array_equal(other.p.flat, trainer.p.flat)


def _parts(path):
    checked = composed(*SMALL)
    return checked, parts.built(checked), path, Location(root=path)
