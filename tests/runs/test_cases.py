"""Commands as people type them (tests/cases), which once lost something, or failed without naming the cause."""

import shutil

import pytest

from seqexp.tracking.mlflow_store import TrackingSettings, locate
from seqexp.tracking.sqlite_file import named_by
from tests.command import seqexp

OWN = "task=sentiment model=rnn model.hidden_size=8 training.epochs=1 training.batch_size=8 tracking=off probes=false"


@pytest.mark.parametrize(
    ("more", "directory"),
    [
        (["hydra.run.dir=out"], "out"),
        (["-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], "runs/sentiment/rnn/*"),
    ],
)
def test_hydras_change_of_folder_moves_nothing(tmp_path, project_root, more, directory):
    shutil.copy(project_root / "tests/cases/h07-chdir/a.csv", tmp_path)
    words = [*OWN.split(), "task.min_count=1", "task.source=a.csv", "hydra.job.chdir=true"]
    ended = seqexp(tmp_path, *words, *more)
    assert ended.returncode == 0, ended.stderr
    assert len(list(tmp_path.glob(f"{directory}/result.json"))) == (2 if "-m" in more else 1)
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv", directory.split("/")[0]}


def test_a_percent_sign_in_the_path_of_the_database_is_a_percent_sign(tmp_path):
    store = locate(TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/a b%20c.db", experiment_name="x"))
    assert store.file == tmp_path / "a b%20c.db"
    assert named_by(store.uri) == (store.uri, store.file)
    usual = locate(TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/my runs 100%/a.db", experiment_name="x"))
    assert usual.file == tmp_path / "my runs 100%" / "a.db"
