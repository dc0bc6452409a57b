"""MLflow's own variables say where runs go, unless a word does; what is wrong there is told with what to type."""

import subprocess

import pytest

from seqexp import config
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.tracking import mlflow_store
from seqexp.tracking.mlflow_store import TrackingSettings, said_by_environment
from tests.command import environment, only_result, seqexp
from tests.commands.test_command_line import QUICK

TRACKED = QUICK[:-1]


def tracking(*words):
    config.register_resolvers()
    return TrackingSettings(**config.check(config.composed(words)).settings["tracking"])


def test_the_environment_is_the_default_and_a_word_wins(monkeypatch):
    assert tracking() == TrackingSettings(name="mlflow", uri="sqlite:///runs/mlflow.db", experiment_name="seqexp")
    assert said_by_environment(tracking()) == ""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@host:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ünï team")
    monkeypatch.setenv("MLFLOW_RUN_ID", "0123")
    assert tracking() == TrackingSettings(name="mlflow", uri="http://me:hush@host:5000", experiment_name="ünï team")
    assert said_by_environment(tracking()) == (
        "tracking: from the environment: MLFLOW_TRACKING_URI=http://***:***@host:5000; "
        "MLFLOW_EXPERIMENT_NAME=ünï team; MLFLOW_RUN_ID is not used"
    )
    own = tracking("tracking.uri=sqlite:///own.db", "tracking.experiment_name=mine")
    assert (own.uri, own.experiment_name) == ("sqlite:///own.db", "mine")
    assert said_by_environment(own) == "tracking: from the environment: MLFLOW_RUN_ID is not used"
    assert said_by_environment(tracking("tracking=off")) == ""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert tracking().uri == "sqlite:///runs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    with pytest.raises(UserError, match=r"got 'file:./mlruns' of MLFLOW_TRACKING_URI; try another"):
        mlflow_store.locate(tracking())


@pytest.mark.parametrize("mode", ["run", "sweep", "compare"])
def test_runs_go_there_and_the_first_line_says_so(mode, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/team.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "team")
    words = {
        "run": TRACKED,
        "sweep": ["-m", *TRACKED],
        "compare": ["compare", "run=true", "a=rnn", "b=lstm", "hydra/launcher=basic", "tuned=false"],
    }[mode]
    more = ["task=hello", "training.epochs=1", "model.hidden_size=4", "match=hidden", "max_seeds=2"]
    done = seqexp(tmp_path, *words, *(more if mode == "compare" else []))
    assert done.returncode == 0, done.stderr
    first = done.stderr.splitlines()[0]
    assert f"tracking: from the environment: MLFLOW_TRACKING_URI=sqlite:///{tmp_path}/team.db" in first
    assert "MLFLOW_EXPERIMENT_NAME=team" in first
    assert not (tmp_path / "runs" / "mlflow.db").exists()
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/team.db")
    assert client.search_runs([client.get_experiment_by_name("team").experiment_id])


def test_what_is_said_of_a_deleted_experiment_works_as_typed(tmp_path):
    folder = tmp_path / "my runs"
    folder.mkdir()
    assert seqexp(folder, *TRACKED).returncode == 0
    import mlflow

    uri = f"sqlite:///{folder}/runs/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name("seqexp").experiment_id)
    refused = seqexp(folder, *TRACKED)
    assert refused.returncode == 2
    _, _, command = refused.stderr.strip().partition(" or type ")
    typed = subprocess.run(command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert typed.returncode == 0, typed.stderr
    assert mlflow.MlflowClient(tracking_uri=uri).get_experiment_by_name("seqexp").lifecycle_stage == "active"
    assert only_result(folder)[0]["status"] == "FINISHED"  # the refused run has left nothing


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("tracking.experiment_name=", "tracking.experiment_name: expected a name; got ''"),
        ("tracking.experiment_name=' '", "tracking.experiment_name: expected a name; got ' '"),
        ("tracking.experiment_name=2024", "if it is text, type \"tracking.experiment_name='2024'\""),
        ("threads=999", "threads: expected at most"),
        ("seed=true", "seed: expected a number; got true"),
        ("model.hidden_size=true", "model.hidden_size: expected a number; got true"),
        ("optimizer.learning_rate=true", "optimizer.learning_rate: expected a number; got true"),
    ],
)
def test_a_value_that_only_looks_right_is_refused(word, says):
    config.register_resolvers()
    with pytest.raises(UserError) as refused:
        config.check(config.composed([word]))
    assert says in str(refused.value)


def test_a_run_that_diverges_says_only_that(tmp_path):
    """A warning of NumPy's is an error in these tests, and the run would be FAILED."""
    config.register_resolvers()
    words = ["task=adding", "model=rnn", "model.activation=relu", "model.hidden_size=8", "task.length=20"]
    words += ["optimizer=sgd", "optimizer.learning_rate=1e6", "training.clip_norm=null", "tracking=off"]
    result = run(config.check(config.composed([*words, "probes=false"])), Location(root=tmp_path)).result
    assert result.status == "DIVERGED", result.error
