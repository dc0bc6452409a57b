"""The command line as a user types it, each in a process and a folder of its own."""

import json
import signal
import subprocess
import sys
import time

import pytest

from seqexp import config, models, tasks
from seqexp.data import sources
from tests.command import QUICK, environment, only_result, seqexp
from tests.pairs import each_once


def test_a_run_leaves_what_the_contract_says(tmp_path):
    done = seqexp(tmp_path, "model=lstm", *QUICK[:-1], fresh=True)
    assert done.returncode == 0, done.stderr
    assert "no memory" in done.stdout
    assert "alembic" not in done.stderr  # MLflow tells of each step of a new database
    assert done.stdout.rpartition("\nnext:\n")[2].split("\n")[0].endswith("  python -m seqexp.ui")
    result, directory = only_result(tmp_path)
    assert directory.name == f"{result['signature']}.1"
    assert result["status"] == "FINISHED"
    assert result["primary_metric"] in result["metrics"]
    assert result["direction"] == "max"
    assert result["baseline"][result["best_baseline"]] == 0
    assert result["seconds"] > 0
    assert result["mlflow_run_id"]
    assert result["params"] == 25_222 + 192  # the network's, and the embedding's
    for name in ("config.yaml", "metrics.jsonl", "learning_curve.png", "gradient_norm.png", "samples.txt", "run.log"):
        assert (directory / name).stat().st_size > 0, name
    assert (directory / "checkpoints" / "best.safetensors").exists()
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 4]
    assert {"train/loss", "val/loss", "val/exact_match", "train/grad_norm", "time/epoch_seconds"} <= set(lines[0])

    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    run = client.get_run(result["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["signature"] == result["signature"]
    assert run.data.tags["blas"]
    assert run.data.params["model.hidden_size"] == "64"
    assert run.data.metrics["test/exact_match"] == result["metrics"]["test/exact_match"]
    assert [m.step for m in client.get_metric_history(run.info.run_id, "val/loss")] == [2, 4]


def test_the_same_command_twice_gives_the_same_numbers(tmp_path):
    for _ in range(2):
        assert seqexp(tmp_path, "tracking=off", "model=rnn", *QUICK).returncode == 0
    first, second = sorted(tmp_path.glob("runs/hello/rnn/*/metrics.jsonl"))
    without_times = [
        [{k: v for k, v in json.loads(line).items() if k != "time" and "seconds" not in k} for line in text]
        for text in (first.read_text().splitlines(), second.read_text().splitlines())
    ]
    assert without_times[0] == without_times[1]
    weights = [file.parent / "checkpoints" / "best.safetensors" for file in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.usefixtures("unencoded")
@pytest.mark.parametrize("task, name", each_once(tasks.names()))
def test_every_task_is_a_run_with_one_model_or_another(task, name, tmp_path, request):
    """Composed by Hydra, checked, built, trained, drawn and told, in this process, which is faster. That each model
    learns each task is a law of tasks (tests/tasks/test_contract)."""
    from hydra import compose, initialize_config_dir
    from omegaconf import open_dict

    from seqexp.runs.location import Location
    from seqexp.runs.run import run

    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        cfg = compose("config", [f"model={name}", f"task={task}", "tracking=off", "training.epochs=1"])
    with open_dict(cfg):
        if "steps_per_epoch" in cfg.task:
            cfg.task.steps_per_epoch = 2
        elif "examples" in cfg.task:
            cfg.task.examples = 2 * cfg.training.batch_size
        else:
            cfg.training.batch_size, cfg.training.epochs = 512, 2  # a small file may fit into one batch
        if task in ("word_lm", "one_to_many"):
            cfg.task.min_count = 20  # for a readout of few words, which is most of their time
        if cfg.task.get("source") in sources.FILES:
            cfg.data_dir = str(request.getfixturevalue("data_dir"))
    result = run(config.check(cfg), Location(root=tmp_path))
    assert result.result.status == "FINISHED", result.result.error
    assert (result.result.steps or 0) >= 2
    assert result.result.best_baseline in result.result.baseline


@pytest.mark.parametrize(
    "words, says",
    [
        (["+sed=3"], "sed: no such key, did you mean seed?"),
        (["model=nosuch"], f"model: expected one of {', '.join(sorted(config.conf_files('model')))}; got 'nosuch'"),
        (["task=tagging_"], "task: expected one of adding"),
        (["optimizer=lion"], "optimizer: expected one of adam, momentum, rmsprop, sgd; got 'lion'"),
        (["model.hidden_size=-1"], "model.hidden_size: expected a number greater than or equal to 1; got -1"),
        (["model.hidden_size=abc"], "model.hidden_size: expected a valid integer"),
        (["model.hidden_size=0"], "model.hidden_size: expected a number greater than or equal to 1; got 0"),
        (["seed=-1"], "seed: expected a number greater than or equal to 0; got -1"),
        (["model.hidden_size=8", "model.param_budget=999"], "model: expected one of hidden_size and param_budget"),
        (["training.batch_size=0"], "training.batch_size: expected a number greater than or equal to 1"),
        (["model=rnn", "model.forget_bias=1"], "model.forget_bias: no such key; legal here: name, hidden_size"),
        (["training.epochs=many"], "training.epochs: expected a valid integer"),
        (
            ["model.decoder=nosuch"],
            f"model.decoder: expected one of {', '.join(models.names('sequences'))}, or null; got 'nosuch'",
        ),
        (
            ["task=hello", "model.decoder=rnn"],
            "model.decoder: expected null, since this task has no encoder; got 'rnn'",
        ),
        (["+model._target_=os.system"], "model: _target_ is not allowed, since"),
        (["model.param_budget=3"], "model.param_budget: expected at least"),
        (["tracking=mlflow", "tracking.uri=ftp://nowhere"], "tracking.uri: expected sqlite"),
        (["hydra.run.dir=somewhere/deep", "seed=-1"], "seed: expected"),
        (["hydra.run.dir=somewhere/deep", "task.word=h"], "task.word: expected at least two letters"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(words, says, tmp_path):
    done = seqexp(tmp_path, "task=hello", "tracking=off", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_unwritable_runs(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder has to be")
    for tracking in ("off", "mlflow"):
        done = seqexp(tmp_path, *QUICK, f"tracking={tracking}")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "runs" in done.stderr


def test_a_directory_with_a_run_is_not_overwritten(tmp_path):
    assert seqexp(tmp_path, "tracking=off", *QUICK, "hydra.run.dir=mine").returncode == 0
    before = (tmp_path / "mine" / "result.json").read_bytes()
    again = seqexp(tmp_path, "tracking=off", *QUICK, "seed=1", "hydra.run.dir=mine")
    assert again.returncode == 2
    assert "mine holds another run" in again.stderr
    assert (tmp_path / "mine" / "result.json").read_bytes() == before


def test_divergence_says_where_and_what_to_try(tmp_path):
    words = ["task=adding", "tracking=off", "optimizer=sgd", "optimizer.learning_rate=1e30", "training.clip_norm=null"]
    done = seqexp(tmp_path, *words, "model=rnn", "model.activation=relu", "task.steps_per_epoch=20", "task.examples=50")
    assert done.returncode == 1
    assert "step " in done.stderr
    assert "gradient norm" in done.stderr
    assert "try a smaller optimizer.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr
    result, _ = only_result(tmp_path)
    assert result["status"] == "DIVERGED"


def test_a_sweep_goes_on_past_failures_and_counts_them(tmp_path, database):
    words = ["task=adding", "task.length=6", "task.steps_per_epoch=3", "task.examples=20", "training.epochs=2"]
    words += ["optimizer=sgd", "optimizer.learning_rate=0.01,1e30", "training.clip_norm=null", "model.activation=relu"]
    done = seqexp(tmp_path, "-m", *words, "model=rnn,stacked_rnn", "seed=0,1")
    assert done.returncode == 1, done.stderr
    statuses = [json.loads(f.read_text())["status"] for f in tmp_path.glob("runs/adding/*/*/result.json")]
    assert sorted(statuses) == ["DIVERGED"] * 4 + ["FINISHED"] * 4
    assert "always 1" in done.stdout

    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("seqexp").experiment_id])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert len(children) == 8
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted(run.info.status for run in children) == ["FAILED"] * 4 + ["FINISHED"] * 4
    assert parent.info.status == "FAILED"
    names = [f"adding/{model}/optimizer.learning_rate 0.01/test/mse" for model in ("rnn", "stacked_rnn")]
    assert set(parent.data.metrics) == {f"{name}/{kind}" for name in names for kind in ("mean", "std")}
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("```sh\npython -m seqexp -m task=adding")
    assert note.index("| always 1") < note.index("## Jobs") < note.index("| DIVERGED")
    assert "  python -m seqexp.compare models=rnn,stacked_rnn task=adding" in done.stdout

    again = seqexp(tmp_path, "-m", *words, "model=rnn,stacked_rnn", "seed=0,1")
    assert again.stderr.count("finished before") == 4


def test_a_sweep_of_bad_input_alone_is_bad_input(tmp_path):
    done = seqexp(tmp_path, "-m", "tracking=off", *QUICK, "model=rnn,lstm", "model.hidden_size=-1")
    assert done.returncode == 2
    assert "model.hidden_size: expected a number" in done.stderr
    assert not list(tmp_path.glob("runs/sweeps/*"))
    done = seqexp(tmp_path, "-m", "tracking=off", *QUICK, "model=rnn,nosuch")
    assert done.returncode == 2
    assert "got 'nosuch'" in done.stderr
    assert not list(tmp_path.glob("runs/sweeps/*"))


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number, code, tmp_path):
    words = ["task=adding", "tracking=off", "task.steps_per_epoch=5", "training.epochs=100000"]
    command = [sys.executable, "-m", "seqexp", *words]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not any(f.stat().st_size for f in tmp_path.glob("runs/adding/lstm/*/metrics.jsonl")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
    finally:
        process.kill()
    result, _ = only_result(tmp_path)
    assert result["status"] == "KILLED"


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path):
    heavy = "mlflow", "pandas", "matplotlib", "sklearn", "scipy"
    code = (
        "import sys, runpy; sys.argv = ['seqexp', *{words!r}]\n"
        "try: runpy.run_module('seqexp', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('HEAVY', [m for m in {heavy!r} if m in sys.modules])"
    )
    for words in (["--help"], ["seed=-1"], ["+sed=3"]):
        script = code.format(words=words, heavy=heavy)
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
        assert "HEAVY []" in done.stdout, (words, done.stdout, done.stderr)


@pytest.mark.parametrize("words", [["--help"], ["sed=3"]])
def test_help_and_a_typo_wait_for_nothing_heavy(words, tmp_path):
    """What only a run needs would double the time that these take."""
    code = (
        "import sys; from seqexp.__main__ import main; sys.argv = ['seqexp', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pydantic', 'psutil', 'mlflow', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
