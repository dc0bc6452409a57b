"""A comparison's runs are the same bytes in whatever processes they are made, and whatever was worked out before."""

import pytest

from scripts.long.scheduled import content

WORDS = ["run=true", "a=rnn", "b=lstm", "task=adding", "tuned=false", "max_seeds=2", "first_seed=20000"]
WORDS += ["training.epochs=2", "task.length=4", "task.examples=32", "task.steps_per_epoch=3"]


@pytest.mark.usefixtures("forked_joblib", "without_figures")
def test_two_processes_without_a_cache_make_the_bytes_that_one_makes(tmp_path, monkeypatch, compare):
    made = []
    for name, more in (("one", ["hydra/launcher=basic"]), ("two", ["hydra.launcher.n_jobs=2", "cache=false"])):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        code, _, said = compare(*WORDS, *more)
        assert code == 0, said
        made.append(content(tmp_path / name))
    assert len(made[0]) == 4
    assert made[0] == made[1]
