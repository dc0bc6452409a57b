"""What MLflow has of a finished run besides numbers and files: a model that answers, its data set, a description."""

import logging
from pathlib import Path
from typing import Any

import pytest

import seqexp
from seqexp.codecs import Options
from seqexp.config.differences import label, words_of
from seqexp.config.run_config import RunConfig
from seqexp.runs.trained import usable

QUICK: dict[str, Any] = {
    "task": "hello",
    "model": "rnn",
    "model.hidden_size": 4,
    "training.epochs": 1,
    "task.steps_per_epoch": 2,
}


@pytest.fixture(scope="module")
def place(made_database, tmp_path_factory):
    """A folder whose runs/ has a database."""
    import shutil

    from seqexp.tracking.sqlite_file import keep_files_beside

    folder = tmp_path_factory.mktemp("place")
    (folder / "runs").mkdir()
    shutil.copyfile(made_database, folder / "runs" / "mlflow.db")
    keep_files_beside(folder / "runs" / "mlflow.db", "seqexp")
    return folder


@pytest.fixture
def client(place, monkeypatch):
    monkeypatch.chdir(place)
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{place}/runs/mlflow.db", f"sqlite:///{place}/runs/mlflow.db")


@pytest.fixture(scope="module")
def result(place):
    """A run whose model is registered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("seqexp.api.running.configure_logging", lambda: None)  # else its handler outlives this module
        return seqexp.run(**QUICK, figures="none", **{"tracking.register": "hello"})


def test_the_model_in_mlflow_answers_as_predict_does(place, client, result):
    import mlflow

    (version,) = client.search_model_versions("name = 'hello'")
    assert version.run_id == result.result.mlflow_run_id
    folder = Path(version.source.removeprefix("file://"))
    assert folder.is_relative_to(place / "runs/mlartifacts/models")
    served = mlflow.pyfunc.load_model(str(folder))
    assert served.metadata.signature.inputs.input_names() == ["text"]
    example = served.input_example
    assert example.columns.tolist() == ["text"]
    ours = usable(place / result.directory)
    several: list[dict[str, Any]] = [{}, {"temperature": 0.5, "seed": 3, "length": 4}]
    for params in several:
        (want,) = ours.predict(example["text"].tolist(), Options(**params))
        (got,) = served.predict(example, params=params).to_dict("records")
        assert got == {"answer": want.text, "probabilities": dict(want.probabilities)}
    pins = (folder / "requirements.txt").read_text().split()
    assert f"seqexp=={seqexp.__version__}" in pins
    assert all("==" in pin for pin in pins)


def test_the_models_page_has_its_run_its_scores_and_its_data(client, result):
    (model,) = client.search_logged_models(["1"])
    assert (model.name, model.status.value, model.source_run_id) == ("rnn-hello", "READY", result.result.mlflow_run_id)
    scores = {metric.key: metric.value for metric in model.metrics}
    assert scores == {name: value for name, value in result.metrics.items() if name.startswith("test/")}
    assert {metric.dataset_name for metric in model.metrics} == {"hello"}
    assert "test/exact_match" in model.tags["mlflow.note.content"]


def test_a_run_has_each_final_score_once_at_step_0_beside_the_floor(client, result):
    run_id = result.result.mlflow_run_id
    for name in (*result.metrics, "floor/exact_match"):
        assert [point.step for point in client.get_metric_history(run_id, name)] == [0]
    assert client.get_run(run_id).data.metrics["floor/exact_match"] == 0


def test_a_run_says_its_data_its_group_and_what_makes_it_again(client, result):
    run = client.get_run(result.result.mlflow_run_id)
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "hello"
    assert len(data.dataset.digest) == 36
    group = "rnn, model.hidden_size=4 task.steps_per_epoch=2 training.epochs=1"
    assert run.data.tags["group"] == group
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("**test/exact_match 0** (larger is better), **not better** than without memory: 0")
    assert "\npython -m seqexp model=rnn task=hello model.hidden_size=4 " in note
    assert f"python -m seqexp.predict {result.directory} " in note
    assert "mlflow models serve -m models:/m-" in note
    assert "MLFLOW_TRACKING_URI=sqlite:///" in note


@pytest.mark.parametrize("asked, logged", [("auto", 0), (True, 1), (False, 0)])
def test_a_sweeps_run_logs_a_model_only_if_asked(asked, logged, result, place):
    from seqexp import config
    from seqexp.runs.serving import wanted

    run_config = config.stored(place / result.directory / "config.yaml")
    run_config.settings["tracking"] |= {"log_model": asked, "register": None}
    in_sweep = result.result.but(parent_run_id="a" * 32)
    assert (wanted(run_config, in_sweep, place / result.directory) is not None) == bool(logged)
    alone = wanted(run_config, result.result, place / result.directory)
    assert (alone is not None) == (asked is not False)
    assert wanted(run_config, result.result.but(status="DIVERGED"), place / result.directory) is None


def test_a_run_whose_model_cannot_be_logged_is_a_run_all_the_same(client, place, monkeypatch, caplog):
    from seqexp.tracking import mlflow_store, outputs

    def broken(*given):
        raise OSError("no room")

    monkeypatch.setattr(outputs, "save", broken)
    monkeypatch.setattr(mlflow_store, "WAITS", ())
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    monkeypatch.setattr("seqexp.api.running.configure_logging", lambda: None)
    done = seqexp.run(**QUICK, figures="none", seed=1)
    assert done.status == "FINISHED"
    assert "could not log the model (OSError: no room)" in caplog.text
    assert client.get_run(done.result.mlflow_run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    "words, group",
    [
        (["model=lstm", "task=adding"], "lstm"),
        (["model=lstm", "task=adding", "seed=7"], "lstm"),
        (["model=lstm_peephole", "task=sentiment", "task.gap=5", "seed=3"], "lstm_peephole, task.gap=5"),
        (
            ["model=rnn", "task=copy", "model.param_budget=5000", "optimizer=sgd"],
            "rnn, optimizer=sgd model.hidden_size=null model.param_budget=5000",
        ),
    ],
)
def test_what_is_not_the_default_makes_the_same_run_again(words, group):
    from seqexp import config

    run_config: RunConfig = config.check(config.composed(words))
    assert label(run_config) == group
    assert config.check(config.composed(words_of(run_config))).signature == run_config.signature
