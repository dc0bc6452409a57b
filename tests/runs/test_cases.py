"""Commands as people type them (tests/cases), which once lost something, or failed without naming the cause."""

import shutil

import pytest

from seqexp.tracking.mlflow_store import TrackingSettings, locate
from tests.runs.test_interrupted import done

OWN = "task=sentiment model=rnn model.hidden_size=8 training.epochs=1 training.batch_size=8 tracking=off probes=false"


@pytest.mark.parametrize("more", [["hydra.run.dir=out"], ["-m", "seed=0,1"]])
def test_changing_the_folder_is_refused_in_one_line(tmp_path, project_root, more):
    shutil.copy(project_root / "tests/cases/h07-chdir/a.csv", tmp_path)
    words = [*OWN.split(), "task.min_count=1", "task.source=a.csv", "hydra.job.chdir=true"]
    ended = done(tmp_path, "seqexp", *words, *more)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: hydra.job.chdir: expected false, since task.source")
    assert ended.stderr.count("\n") == 1
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv"}


def test_a_percent_sign_in_the_path_of_the_database_is_a_percent_sign(tmp_path):
    store = locate(TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/a b%20c.db", experiment_name="x"))
    assert store.file == tmp_path / "a b%20c.db"
    assert store.uri == f"sqlite:///{tmp_path}/a b%2520c.db"
    usual = locate(TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/my runs 100%/a.db", experiment_name="x"))
    assert usual.uri == f"sqlite:///{tmp_path}/my runs 100%/a.db"
