"""The memory horizon: what it counts, that it is drawn, and the experiment that asks for it."""

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from seqexp import config, models, tasks
from seqexp.config.build import build_task, models_for
from seqexp.plots.memory_horizon import draw
from seqexp.statistics.memory_horizon import horizon
from seqexp.statistics.pairs import clopper_pearson
from seqexp.sweeps.tables import sweep_tables
from seqexp.tasks import solves
from tests.command import seqexp
from tests.fabricated import job_records

SWEPT = {
    "adding": "task.length",
    "copy": "task.delay",
    "temporal_order": "task.length",
    "sentiment": "task.gap",
    "logic": "task.depth",
}


def result(model, seed, solved, *, status="FINISHED", **varied):
    """A result.json's content, with what a sweep varied."""
    overrides = {"model": model, "seed": str(seed), **{key.replace("__", "."): str(v) for key, v in varied.items()}}
    metrics = {"test/mse": 0.001 if solved else 0.15} if status == "FINISHED" else {}
    about = {"model": model, "task": "adding", "seed": seed, "status": status, "solved": solved, "overrides": overrides}
    scored = {"primary_metric": "test/mse", "direction": "min", "metrics": metrics, "baseline": {"always 1": 1 / 6}}
    return about | scored | {"distance": "task.length", "seconds": 1.0, "params": 100, "directory": "runs"}


def sweep(counts, seeds=5):
    """Results in which each model solved each length with so many of its seeds: {"lstm": {10: 5, 20: 4}}."""
    return [
        result(model, seed, seed < solved, task__length=length)
        for model, of_model in counts.items()
        for length, solved in of_model.items()
        for seed in range(seeds)
    ]


# -- the definition --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solved", "reached"),
    [
        ([5, 5, 5, 5], 80),
        ([5, 5, 4, 0], 40),  # 80 % is enough
        ([5, 5, 3, 0], 20),
        ([5, 3, 5, 5], 10),  # a gap: what lies beyond it does not count
        ([0, 5, 5, 5], None),
        ([0, 0, 0, 0], None),
        ([4, 4, 4, 4], 80),
    ],
)
def test_the_longest_distance_solved_with_all_shorter_ones(solved, reached):
    assert horizon([10, 20, 40, 80], solved, [5] * 4).reached == reached


def test_its_interval_on_counts_done_by_hand():
    # 0.8^20 = 0.012 < 0.025: four distances of five solved runs each pass the shortest of them, three (0.035) do not.
    # 1 of 5 excludes a distance (probability 0.0067 at 0.8), 2 of 5 (0.058) do not.
    found = horizon([10, 20, 40, 80, 160], [5, 5, 5, 5, 1], [5] * 5)
    assert (found.low, found.reached, found.high) == (10, 80, 80)
    found = horizon([10, 20, 40, 80, 160], [5, 5, 5, 4, 2], [5] * 5)
    assert (found.low, found.reached, found.high) == (None, 80, 160)
    found = horizon([10, 20, 40], [5, 5, 5], [5] * 3)
    assert (found.low, found.reached, found.high) == (None, 40, 40)
    found = horizon([10, 20], [1, 0], [5, 5])
    assert (found.low, found.reached, found.high) == (None, None, None)
    found = horizon([10, 20, 40], [20, 20, 0], [20] * 3)  # enough seeds to speak of each distance alone
    assert (found.low, found.reached, found.high) == (20, 20, 20)
    found = horizon([10, 20, 40, 80], [1, 0, 0, 0], [1] * 4)  # one seed: three failures together exclude (0.2^3)
    assert (found.low, found.reached, found.high) == (None, 10, 40)


def test_each_distance_is_judged_by_its_own_number_of_runs():
    assert horizon([10, 20, 40], [5, 5, 5], [5, 10, 5]).reached == 10  # 5 of 10 are too few
    assert horizon([10, 20, 40], [8, 4, 4], [10, 5, 5]).reached == 40
    # 20 of 20 pass alone (0.8^20 < 0.025) and 0 of 10 are excluded alone, whatever few runs the others have.
    found = horizon([10, 20, 40], [20, 1, 1], [20, 1, 1])
    assert (found.low, found.reached, found.high) == (10, 40, 40)
    found = horizon([10, 20, 40], [1, 1, 0], [1, 1, 10])
    assert (found.low, found.reached, found.high) == (None, 20, 20)
    # 16 runs are too few; with the one of the next distance they are 17, which pass if all of them solved theirs.
    assert horizon([10, 20, 40], [16, 1, 0], [16, 1, 10]).low == 10
    assert horizon([10, 20, 40], [16, 0, 0], [16, 1, 10]).low is None


def test_no_distances_have_no_horizon():
    found = horizon([], [], [])
    assert (found.low, found.reached, found.high) == (None, None, None)


def test_bounds_are_those_of_the_exact_test():
    from scipy.stats import binomtest

    for solved, runs in [(0, 5), (1, 5), (4, 5), (5, 5), (17, 20)]:
        theirs = binomtest(solved, runs).proportion_ci(0.95, "exact")
        assert clopper_pearson(solved, runs) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("seeds", [1, 3, 5, 12, 20])
def test_the_interval_contains_the_horizon_and_keeps_its_level(seeds):
    """Simulated: models whose true horizon is known; 400 sweeps each, so a standard error of 0.011 at 0.05."""
    rng = np.random.default_rng(seeds)
    distances = [1.0, 2.0, 3.0, 4.0, 5.0]
    for chances in ([1, 1, 0.8, 0.79, 0.1], [0.8] * 5, [0.79] * 5, [0.95, 0.9, 0.85, 0.4, 0]):
        truth = sum(chance >= 0.8 for chance in chances)  # as an index: 0 is below the shortest
        missed = 0
        for _ in range(400):
            found = horizon(distances, rng.binomial(seeds, chances).tolist(), [seeds] * 5)
            low, reached, high = (value or 0 for value in (found.low, found.reached, found.high))
            assert low <= reached <= high
            missed += not low <= truth <= high
        assert missed / 400 <= 0.05 + 3 * 0.011


def distances(results):
    return {one["task"]: one["distance"] for one in results if one["distance"]}


# -- of a sweep ------------------------------------------------------------------------------------------------------


def test_table_and_figure_of_a_sweep(tmp_path):
    results = sweep({"lstm": {10: 5, 20: 5, 100: 4}, "rnn": {10: 5, 20: 2, 100: 0}, "stacked_rnn": {10: 1, 20: 0}})
    table, metrics, files = draw(sweep_tables(job_records(results))[0], distances(results), tmp_path)
    assert table is not None
    assert dict(zip(table["model"], table["horizon"], strict=True)) == {
        "lstm": "≥ 100",
        "rnn": "10",
        "stacked_rnn": "< 10",
    }
    assert metrics == {"adding/lstm/horizon": 100, "adding/rnn/horizon": 10, "adding/stacked_rnn/horizon": 0}
    assert table["runs that solved it"].tolist()[1] == "10: 5/5, 20: 2/5, 100: 0/5"  # by number, not as words
    assert [file.read_bytes()[:4] for file in files] == [b"\x89PNG"]


@pytest.mark.parametrize("status", ["DIVERGED", "FAILED", "KILLED"])
def test_runs_that_did_not_finish_count_as_unsolved(status, tmp_path):
    results = sweep({"lstm": {10: 5, 20: 5}})
    for number, solved in ((5, False), (6, None)):  # None: it failed before it could say
        results[number] |= {"status": status, "metrics": {}, "solved": solved}
    table, metrics, _ = draw(sweep_tables(job_records(results))[0], distances(results), tmp_path)
    assert table is not None
    assert metrics == {"adding/lstm/horizon": 10}
    assert table["failed"].tolist() == [2]
    assert "20: 3/5" in table["runs that solved it"][0]


def test_refused_jobs_and_runs_that_cannot_say_do_not_count(tmp_path):
    results = sweep({"lstm": {10: 5, 20: 5}})
    results[5] |= {"status": "BAD_INPUT", "metrics": {}, "solved": None}
    results[6]["solved"] = None  # finished under a version that did not say
    table, _, _ = draw(sweep_tables(job_records(results))[0], distances(results), tmp_path)
    assert table is not None
    assert table["runs that solved it"].tolist() == ["10: 5/5, 20: 3/3"]


@pytest.mark.parametrize("key", ["optimizer__learning_rate", "task__examples"])
def test_no_horizon_of_what_is_no_distance(key, tmp_path):
    results = [result("rnn", 0, True, **{key: value}) for value in (1, 2, 3)]
    assert draw(sweep_tables(job_records(results))[0], distances(results), tmp_path) == (None, {}, [])
    results = [result("rnn", 0, True, **{key: v, "task__length": length}) for v in (1, 2) for length in (10, 20)]
    assert draw(sweep_tables(job_records(results))[0], distances(results), tmp_path) == (None, {}, [])
    results = [result("rnn", 0, None, task__length=length) for length in (10, 20)]
    assert draw(sweep_tables(job_records(results))[0], distances(results), tmp_path) == (None, {}, [])
    assert list(tmp_path.iterdir()) == []


# -- what counts as solved -------------------------------------------------------------------------------------------


def test_no_horizon_where_only_the_seed_was_varied_of_a_task_without_distances(tmp_path):
    results = [result("rnn", seed, True) | {"distance": None} for seed in range(3)]
    assert draw(sweep_tables(job_records(results))[0], distances(results), tmp_path) == (None, {}, [])


def test_solved_at_the_score_the_task_states():
    adding = tasks.create("adding", length=4, steps_per_epoch=1, examples=1, split_seed=0)
    scores = (0.005, 0.01, 0.0101, math.nan, None)
    assert [solves(adding, score) for score in scores] == [True, True, False, False, False]
    copy = tasks.create("copy", delay=1, symbols=1, alphabet=2, steps_per_epoch=1, examples=1, split_seed=0)
    assert [solves(copy, score) for score in (1.0, 0.99, 0.98)] == [True, True, False]


def test_a_stated_score_beats_every_score_without_memory_and_a_distance_is_a_field():
    for name in SWEPT:
        experiment = composed("memory_horizon", name, models.names("sequences")[0])
        task: Any = build_task(experiment.settings["task"], None)
        assert not any(solves(task, score) for score in task.baselines().values())
        assert f"task.{task.distance}" == SWEPT[name]
        assert hasattr(task, task.distance)


# -- the experiments -------------------------------------------------------------------------------------------------


def swept(*words):
    """hydra.sweeper.params and the checked config of the first of its jobs."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        cfg = hydra.compose_config("config", [*words, "tracking=off"], RunMode.MULTIRUN, with_log_configuration=False)
    return dict(cfg.hydra.sweeper.params)


def composed(experiment, task, model, *words):
    from hydra import compose, initialize_config_dir

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        return config.check(compose("config", [f"experiment={experiment}", f"task={task}", f"model={model}", *words]))


@pytest.mark.parametrize("task", SWEPT)
def test_memory_horizon_composes_for_every_model(task):
    params = swept("experiment=memory_horizon", f"task={task}")
    assert set(params) == {"model", "seed", SWEPT[task]}
    trees = "" if task == "logic" else ",recursive,tree_lstm"
    assert params["model"] == f"glob(*,exclude=[lstm_*,*_bidirectional{trees}])"
    distances = params[SWEPT[task]].split(",")
    assert len(distances) == 5
    assert all(int(a) < int(b) for a, b in pairwise(distances))
    names = models_for(task)
    pairs = [(names[0], distance) for distance in distances] + [(name, distances[0]) for name in names[1:]]
    experiments = [composed("memory_horizon", task, name, f"{SWEPT[task]}={distance}") for name, distance in pairs]
    assert {experiment.settings["model"]["param_budget"] for experiment in experiments} == {5000}
    assert {experiment.settings["model"]["hidden_size"] for experiment in experiments} == {None}


def test_memory_horizon_is_of_adding_unless_another_task_is_named():
    assert swept("experiment=memory_horizon") == swept("experiment=memory_horizon", "task=adding")


@pytest.mark.parametrize("task", ["hello", "adding,copy"])
def test_a_task_without_distances_is_refused(task, tmp_path):
    done = seqexp(tmp_path, "-m", "experiment=memory_horizon", f"task={task}", "tracking=off")
    assert done.returncode == 2
    files = [name for name in config.conf_files("experiment_task") if name.startswith("memory_horizon_")]
    known = ", ".join(sorted(name.removeprefix("memory_horizon_") for name in files))
    wanted = f"task: expected one of {known} for experiment=memory_horizon"
    assert done.stderr == f"error: {wanted}; got {task!r}\n"
    assert list(tmp_path.iterdir()) == []


TINY = ["task.steps_per_epoch=2", "task.examples=40", "training.epochs=1", "model.param_budget=300"]


def test_a_sweep_ends_with_its_horizons(tmp_path):
    words = ["experiment=memory_horizon", "task.length=4,6", "model=rnn,lstm", "seed=0", *TINY]
    done = seqexp(tmp_path, "-m", *words)
    assert done.returncode == 0, done.stderr
    assert "Memory horizon" in done.stdout
    (folder,) = tmp_path.glob("runs/sweeps/*")
    assert (folder / "adding_memory_horizon.png").stat().st_size > 10_000
    results = [json.loads(file.read_text()) for file in tmp_path.glob("runs/adding/*/*/result.json")]
    assert [one["solved"] for one in results] == [False] * 4
    assert {one["distance"] for one in results} == {"task.length"}
    assert {one["model"] for one in results} == {"rnn", "lstm"}

    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("seqexp").experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"adding_memory_horizon.png", "adding_task.length.png", "memory_horizon.csv"} <= files
    assert parent.data.metrics["adding/rnn/horizon"] == 0
    assert "## Memory horizon" in parent.data.tags["mlflow.note.content"]
