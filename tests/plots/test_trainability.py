"""The trainability map: what it counts, that it is drawn, and the experiment that asks for it."""

import numpy as np
import pytest

from seqexp import config, models
from seqexp.plots import trainability
from seqexp.sweeps.tables import sweep_tables
from seqexp.system.registry import fields
from tests.command import seqexp
from tests.fabricated import job_records


def result(model, solved, status="FINISHED", **varied):
    """A result.json's content, with what a sweep varied."""
    overrides = {"model": model, **{key.replace("__", "."): value for key, value in varied.items()}}
    metrics = {"test/mse": 0.001 if solved else 0.15} if status == "FINISHED" else {}
    about = {"model": model, "task": "adding", "seed": 0, "status": status, "solved": solved, "overrides": overrides}
    scored = {"primary_metric": "test/mse", "direction": "min", "metrics": metrics, "baseline": {"always 1": 1 / 6}}
    return about | scored | {"distance": "task.length", "seconds": 1.0, "params": 100, "directory": "runs"}


def grid(solved, diverged=()):
    """One seed a cell; ``solved`` and ``diverged`` say which (rate, scale) are which, of 3 x 2."""
    results = []
    for model in ("lstm", "rnn"):
        for rate in ("0.001", "1e-2", "0.1"):
            for scale in ("0.5", "1"):
                status = "DIVERGED" if (rate, scale) in diverged else "FINISHED"
                varied = {"optimizer__learning_rate": rate, "model__recurrent_scale": scale}
                won = model == "lstm" and status == "FINISHED" and (rate, scale) in solved
                results.append(result(model, won, status, **varied))
    return results


def test_trainability_is_the_share_of_the_grid_that_was_solved(tmp_path):
    results = grid(solved={("0.001", "1"), ("1e-2", "1"), ("0.1", "1")}, diverged={("0.1", "1"), ("0.1", "0.5")})
    table, metrics, files = trainability.draw(*sweep_tables(job_records(results)), {"adding": "min"}, tmp_path)
    assert table is not None
    assert metrics["adding/rnn/trainable"] == 0
    assert table["diverged"].tolist() == [2, 2]
    assert [file.read_bytes()[:4] for file in files] == [b"\x89PNG"]
    jobs = sweep_tables(job_records(results))[0]
    lstm = trainability.Grid(jobs[jobs["model"] == "lstm"], jobs, ("model.recurrent_scale", "optimizer.learning_rate"))
    assert lstm.y.tolist() == [0.001, 0.01, 0.1]
    assert lstm.runs.tolist() == [[1, 1]] * 3
    assert lstm.diverged.tolist() == [[0, 0], [0, 0], [1, 1]]
    assert np.isnan(lstm.score[2]).all()
    assert lstm.score[0].tolist() == [0.15, 0.001]


def test_diverged_cells_are_part_of_the_grid(tmp_path):
    results = grid(solved={("0.001", "1"), ("1e-2", "1")}, diverged={("0.1", "1"), ("0.1", "0.5")})
    _, metrics, _ = trainability.draw(*sweep_tables(job_records(results)), {"adding": "min"}, tmp_path)
    assert metrics["adding/lstm/trainable"] == pytest.approx(2 / 6)


def test_a_grid_of_a_task_that_cannot_be_solved_still_has_its_map(tmp_path):
    results = [one | {"solved": None} for one in grid(solved=set())]
    table, metrics, files = trainability.draw(*sweep_tables(job_records(results)), {"adding": "min"}, tmp_path)
    assert (table, metrics, len(files)) == (None, {}, 1)


def test_no_map_where_nothing_finished_or_one_number_was_varied(tmp_path):
    results = [one | {"status": "FAILED", "metrics": {}} for one in grid(solved=set())]
    assert trainability.draw(*sweep_tables(job_records(results)), {"adding": "min"}, tmp_path) == (None, {}, [])
    results = [result("rnn", True, optimizer__learning_rate=rate) for rate in ("0.1", "1")]
    assert trainability.draw(*sweep_tables(job_records(results)), {"adding": "min"}, tmp_path) == (None, {}, [])


@pytest.fixture
def compose():
    from hydra import compose, initialize_config_dir

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        yield compose


@pytest.mark.parametrize(
    "model", [m for m in models.names("sequences") if "recurrent_scale" in fields(models.lookup(m))]
)
def test_the_experiment_composes_at_the_ends_of_its_grid(model, compose):
    params = compose("config", ["experiment=trainability"], return_hydra_config=True).hydra.sweeper.params
    assert set(params) == {"model", "optimizer.learning_rate", "model.recurrent_scale"}
    assert params["model"] == "glob(*,exclude=[lstm_*,*_bidirectional,recursive,tree_lstm])"
    for end in (0, -1):
        words = [f"{key}={params[key].split(',')[end]}" for key in params if key != "model"]
        settings = config.check(compose("config", ["experiment=trainability", f"model={model}", *words])).settings
        assert settings["model"]["param_budget"] == 5000
        assert settings["model"]["recurrent_scale"] == float(params["model.recurrent_scale"].split(",")[end])


def test_a_sweep_ends_with_its_map(tmp_path):
    words = ["experiment=trainability", "tracking=off", "model=rnn", "training.clip_norm=null", "optimizer=sgd"]
    words += ["optimizer.learning_rate=0.01,1e30", "model.recurrent_scale=0.5,1", "model.activation=relu"]
    words += ["task.steps_per_epoch=20", "task.examples=40", "training.epochs=1", "model.param_budget=300"]
    done = seqexp(tmp_path, "-m", *words)
    assert done.returncode == 1, done.stderr
    assert "Trainability" in done.stdout
    (folder,) = tmp_path.glob("runs/sweeps/*")
    assert (folder / "adding_model.recurrent_scale_optimizer.learning_rate.png").stat().st_size > 10_000
    table = (folder / "trainability.csv").read_text().splitlines()
    assert table[0] == "task,model,columns,rows,cells,trains,runs,solved runs,diverged,failed"
    assert table[1].endswith(",4,0%,4,0,2,0")
