"""What runs share is worked out once, and no result tells: cache=off gives the same bytes."""

import pytest

from seqexp import config
from seqexp.runs import parts
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.tasks.digits import Digits

WORDS = ["task=digits", "model=rnn", "model.hidden_size=4", "training.epochs=1", "tracking=off", "probes=false"]
SAME = ("metrics", "baseline", "best_baseline", "signature", "data", "steps", "best_step")


def made(root, *words):
    done = run(config.check(config.composed([*WORDS, *words])), Location(root=root, in_sweep=True))
    weights = (done.directory / "checkpoints" / "best.safetensors").read_bytes()
    return {key: getattr(done.result, key) for key in SAME}, weights


@pytest.fixture
def worked_out(monkeypatch):
    """What of digits is worked out: "task" and "baselines", in order."""
    config.register_resolvers()
    parts._task.cache_clear()
    done = []
    read = Digits.__post_init__

    def build(self):
        done.append("task")
        read(self)

    def baselines(self):
        done.append("baselines")
        return dict(self._baselines)

    monkeypatch.setattr(Digits, "__post_init__", build)
    monkeypatch.setattr(Digits, "baselines", baselines)
    yield done
    parts._task.cache_clear()


def test_runs_with_and_without_what_was_kept_leave_the_same_bytes(tmp_path, worked_out):
    without = [made(tmp_path / "without", f"seed={seed}", "cache=off") for seed in (0, 1)]
    assert worked_out == ["task", "baselines"] * 2
    assert not (tmp_path / "without" / ".cache").exists()
    worked_out.clear()
    assert [made(tmp_path / "with", f"seed={seed}") for seed in (0, 1)] == without
    assert worked_out == ["task", "baselines"]
    parts._task.cache_clear()  # as in another process
    assert made(tmp_path / "with", "seed=2")[0]["baseline"] == without[0][0]["baseline"]
    assert worked_out == ["task", "baselines", "task"]


def test_other_settings_of_the_task_are_another_value(tmp_path, worked_out):
    same = made(tmp_path)
    other = made(tmp_path, "task.split_seed=1")
    assert worked_out == ["task", "baselines"] * 2
    assert same[0]["baseline"] != other[0]["baseline"]


def test_whether_it_is_kept_decides_nothing():
    config.register_resolvers()
    kept, other = (config.check(config.composed([*WORDS, *words])) for words in ([], ["cache=off"]))
    assert kept.signature == other.signature
    assert kept.deciding() == other.deciding()
