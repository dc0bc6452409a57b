"""Runs as they are found below a folder, and read without trust."""

import json

import pytest
import yaml

from seqexp.runs import reader
from seqexp.runs.directory import RunDirectory, fresh_directory, history, leave_nothing, numbers
from seqexp.runs.location import refuse_differences
from seqexp.runs.lock import locked
from seqexp.runs.reader import DEEPEST, Run, differing, find, matches, newest_of_each_seed, read_settings, same
from seqexp.runs.result import RunResult, StartedRun, read_result, read_started
from seqexp.system.errors import UserError
from tests.fabricated import REQUIRED, run_result


def left(folder, **about):
    folder.mkdir(parents=True)
    run_result(**about).write(folder)
    return folder


def test_runs_are_found_as_deep_as_they_may_lie_and_no_deeper(tmp_path):
    deep = left(tmp_path.joinpath(*"abcdef"))
    left(tmp_path.joinpath(*"bcdefgh"))
    assert DEEPEST == 6
    assert [run.directory for run in find(tmp_path).runs] == [deep]


def test_what_lies_beside_the_tasks_is_no_run_of_theirs_but_a_model_may_have_the_name(tmp_path):
    left(tmp_path / "trials" / "adding" / "rnn" / "x")
    kept = left(tmp_path / "adding" / "trials" / "x")
    assert [run.directory for run in find(tmp_path).runs] == [kept]


def test_a_run_directory_is_not_searched_for_more_and_no_link_is_followed(tmp_path):
    kept = left(tmp_path / "runs" / "x")
    left(kept / "inside")
    left(tmp_path / "elsewhere")
    (tmp_path / "runs" / "y").symlink_to(tmp_path / "elsewhere")
    assert [run.directory for run in find(tmp_path / "runs").runs] == [kept]


def test_a_run_without_a_result_is_running_or_was_killed(tmp_path):
    for name in ("held", "left"):
        (tmp_path / name).mkdir()
        StartedRun(run_result(signature=name), None, None).write(tmp_path / name)
    with locked(tmp_path / "held"):
        found = find(tmp_path)
    assert [(run.result.signature, run.result.status, run.result.error) for run in found.runs] == [
        ("held", "RUNNING", "still running"),
        ("left", "KILLED", "its process was killed"),
    ]


def test_what_cannot_be_read_is_named_and_the_rest_is_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "result.json").write_text("{}")
    kept = left(tmp_path / "b")
    found = find(tmp_path)
    assert [run.directory for run in found.runs] == [kept]
    (line,) = found.broken
    assert f"{tmp_path / 'a' / 'result.json'}: expected a run's result; it lacks a usable" in line


# -- settings --------------------------------------------------------------------------------------------------------


def stored(folder, **groups):
    file = folder / "config.yaml"
    base = {"model": {"name": "rnn", "hidden_size": 4}, "task": {"name": "adding"}, "seed": 0}
    file.write_text(yaml.safe_dump(base | groups))
    return file


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"task": {"name": "adding", "x": [[1]]}}, "has no plain value for task.x"),
        ({"task": {"name": "adding", "x": list(range(101))}}, "has no plain value for task.x"),
        ({"task": {"name": "adding", "a b": 1}}, "has a key that is no setting's, 'task.a b'"),
        ({"task": {"name": "adding", "x" * 300: 1}}, "has a key that is no setting's, 'task.xxx"),
    ],
)
def test_a_stored_config_holds_plain_values_and_short_lists(groups, says, tmp_path):
    with pytest.raises(ValueError, match="has ") as refused:
        read_settings(stored(tmp_path, **groups))
    assert says in str(refused.value)
    assert len(str(refused.value)) < 120


def test_short_lists_are_plain(tmp_path):
    flat = read_settings(stored(tmp_path, task={"name": "adding", "x": list(range(100)), "y": None, "z": [True]}))
    assert (flat["task.x"], flat["task.y"], flat["task.z"]) == (list(range(100)), None, [True])


def test_settings_of_another_run_than_the_results_are_named(tmp_path):
    runs: list[Run] = []
    broken: list[str] = []
    for name, model in (("a", "rnn"), ("b", "lstm")):
        folder = left(tmp_path / name)
        stored(folder, model={"name": model, "hidden_size": 8})
        runs.append(Run(run_result(), folder))
    only_mlflow = Run(run_result(mlflow_run_id="0" * 32), None, {"seed": 1})
    read = reader.with_settings([runs[1], only_mlflow, runs[0]], broken)
    assert [(run.directory, run.settings.get("model.name")) for run in read] == [
        (None, None),
        (runs[0].directory, "rnn"),
    ]
    assert broken == [f"{runs[1].directory}: config.yaml has model.name='lstm', and result.json 'rnn'"]


@pytest.mark.parametrize(
    ("stored", "wanted", "equal"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (1, True, False),
        (True, True, True),
        ("1", 1, False),
        (None, None, True),
        (2, 1, False),
    ],
)
def test_settings_are_equal_as_numbers_but_true_is_not_one(stored, wanted, equal):
    assert same(stored, wanted) is equal


def test_a_setting_that_only_another_model_has_does_not_leave_a_run_out():
    run = Run(run_result(), None, {"model.hidden_size": 4, "task.length": 50})
    assert matches(run, {"model.forget_bias": 1.0, "model.hidden_size": 4})
    assert not matches(run, {"model.forget_bias": 1.0, "model.hidden_size": 5})
    assert not matches(run, {"task.width": 1})
    assert matches(run, {"task.width": None})


def test_settings_that_differ_have_their_values_in_order_of_appearance():
    runs = [Run(run_result(), None, {"seed": n, "model.a": value, "task.b": 1}) for n, value in enumerate([3, 1, 3])]
    runs.append(Run(run_result(), None, {"seed": 9, "task.b": 2}))
    assert differing(runs) == {"model.a": [3, 1, "absent"], "task.b": [1, 2]}
    assert differing(runs, ("task.",)) == {"task.b": [1, 2]}


def test_of_each_seed_a_finished_run_counts_before_a_newer_one():
    about = [
        (1, "FINISHED", 5.0),
        (1, "FAILED", 9.0),
        (0, "FINISHED", 1.0),
        (0, "FINISHED", 2.0),
        (0, "FINISHED", None),
    ]
    runs = [Run(run_result(seed=seed, status=status, started=at)) for seed, status, at in about]
    counts, others = newest_of_each_seed(runs)
    assert {seed: run.result.started for seed, run in counts.items()} == {0: 2.0, 1: 5.0}
    assert list(counts) == [0, 1]
    assert others == 3


# -- results ---------------------------------------------------------------------------------------------------------


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = run_result(metrics={"test/mse": 0.5, "test/x": None}, baseline={"mean": 0.25}, params=10, started=1e9)
    result.write(tmp_path)
    assert read_result(tmp_path) == result
    assert (tmp_path / "result.json").read_text().startswith('{\n  "status": "FINISHED",\n')
    started = StartedRun(result, {"settings": {"seed": 0}}, "a-token")
    started.write(tmp_path)
    assert read_started(tmp_path) == started
    (tmp_path / "run.json").write_text(json.dumps(result.as_json() | {"about": 3, "token": ["x"]}))
    assert read_started(tmp_path) == StartedRun(result, None, None)
    assert (read_started(tmp_path / "nowhere"), read_result(tmp_path / "nowhere")) == (None, None)


def test_a_score_is_a_finished_runs_and_the_best_baseline_is_the_directions():
    result = run_result(metrics={"test/mse": 0.5, "test/mae": 0.25}, baseline={"a": 2.0, "b": 1.0, "c": None})
    assert (result.score(), result.score("test/mae"), result.score("test/none")) == (0.5, 0.25, None)
    assert result.but(status="KILLED").score() is None
    assert result.best_memoryless() == ("b", 1.0)
    assert result.but(direction="max").best_memoryless() == ("a", 2.0)
    assert result.but(baseline={"c": None}).best_memoryless() is None
    assert (result.counted_params, result.but(params=9, embedding_params=4).counted_params) == (None, 5)


def test_a_metrics_direction_is_the_runs_own_before_the_tables():
    result = run_result(directions={"test/mine": "max"}, direction="max")
    assert [result.direction_of(name) for name in ("test/mine", "test/mse", "test/loss")] == ["max", "max", "min"]
    with pytest.raises(UserError):
        result.direction_of("test/nobody_knows")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 99}, r"is of a later version \(schema 99; this one reads \d\)"),
        ({"seed": -1, "params": "x"}, "lacks a usable seed, params"),
        ({"direction": "up"}, "lacks a usable direction"),
    ],
)
def test_a_result_that_cannot_be_used_says_what_it_lacks(change, says):
    with pytest.raises(Exception, match=says):
        RunResult.parse(REQUIRED | change)


def test_a_result_without_a_direction_has_the_tables(tmp_path):
    old = {key: value for key, value in REQUIRED.items() if key != "direction"}
    assert RunResult.parse(old | {"later": 1}).direction == "min"
    assert RunResult.parse(old | {"primary_metric": "test/accuracy"}).direction == "max"
    with pytest.raises(Exception, match="cannot be judged"):
        RunResult.parse(old | {"primary_metric": "test/nobody_knows"})


# -- directories -----------------------------------------------------------------------------------------------------


def test_a_fresh_directory_is_the_first_number_that_is_free(tmp_path):
    base = tmp_path / "deep" / "abc"
    assert [fresh_directory(base).name for _ in range(3)] == ["abc.1", "abc.2", "abc.3"]
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"run directory .*abc\.1: cannot be written \(Not a directory\); start from"):
        fresh_directory(tmp_path / "file" / "abc")


def test_lines_with_no_step_or_time_are_not_whole(tmp_path):
    good = {"step": 0, "time": 1.5, "train/loss": None, "note": "x", "flag": True, "val/loss": 2}
    bad = [{"step": -1, "time": 0}, {"step": 1 << 62, "time": 0}, {"step": 1.0, "time": 0}, {"step": 1, "time": True}]
    bad += [{"step": 1, "time": -1}, {"step": 1, "time": 1e11}, {"step": True, "time": 1}]
    for line in bad:
        (tmp_path / "metrics.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(line)}\n")
        assert history(tmp_path) == [good], line
    assert numbers(good) == {"train/loss": None, "val/loss": 2}
    with pytest.raises(UserError, match=r"expected a run's logged lines; there is none; is .*nowhere a run's"):
        history(tmp_path / "nowhere")


def test_nothing_is_left_of_a_run_that_logged_nothing_but_what_is_the_users_stays(tmp_path):
    path = tmp_path / "runs" / "adding" / "rnn" / "x"
    path.mkdir(parents=True)
    for name in ("run.json", "run.lock", "metrics.jsonl"):
        (path / name).touch()
    (path / "config.yaml").touch()
    leave_nothing(path)
    assert (path / "config.yaml").exists()
    assert (path / "run.json").exists()
    leave_nothing(path, config=True)
    assert list(tmp_path.iterdir()) == []


def test_only_the_three_folders_above_are_taken_away_with_it(tmp_path):
    path = tmp_path / "mine" / "runs" / "adding" / "rnn" / "x"
    path.mkdir(parents=True)
    leave_nothing(path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["mine"]
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_directory_is_held_by_one_and_its_lock_goes_with_it(tmp_path):
    path = tmp_path / "deep" / "run"
    with locked(path) as first:
        with locked(path, wait=False) as second:
            assert (first, second) == (True, False)
        assert (path / "run.lock").exists()
    assert list(path.iterdir()) == []


def test_what_differs_from_a_saved_run_is_listed_with_then_and_now(tmp_path):
    now = {"settings": {"model.a": 1, "task.b": 2, "seed": 0}, "data": "d"}
    refuse_differences(tmp_path, None, now)
    refuse_differences(tmp_path, {"settings": 3}, now)
    refuse_differences(tmp_path, now, now)
    saved = {"settings": {"model.a": 3, "task.c": 4, "seed": 0}, "data": "e"}
    with pytest.raises(UserError) as refused:
        refuse_differences(tmp_path, saved, now)
    assert (
        "these differ: model.a (then 3, now 1), task.b (then absent, now 2), task.c (then 4, now absent), "
        "the data (another hash); set them back"
    ) in str(refused.value)
    moved = {"settings": {"task.source": "old.csv"}, "data": "d"}
    refuse_differences(tmp_path, moved, {"settings": {"task.source": "new.csv"}, "data": "d"})
    with pytest.raises(UserError, match=r"task\.source"):
        refuse_differences(tmp_path, moved, {"settings": {"task.source": "new.csv"}})


def test_a_config_that_is_no_file_says_so(tmp_path):
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(ValueError, match=r"is .*file"):
        read_settings(tmp_path / "config.yaml")


def test_lines_of_another_machine_give_way_from_the_first_that_differs(tmp_path):
    lines = [{"step": n, "time": float(n), "train/loss": n / 2} for n in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    directory = RunDirectory(tmp_path)
    assert directory.log(1, {"train/loss": 0.5}, 9.0) == lines[0]  # it stands, with its time
    new = directory.log(2, {"train/loss": 7.0}, 9.0)
    directory.close()
    assert new == {"step": 2, "time": 9.0, "train/loss": 7.0}
    assert history(tmp_path) == [lines[0], new]
