"""A model and a task from outside, through every command as a user types it."""

import json
import shutil
from itertools import product
from pathlib import Path

import pytest

from seqexp import config
from tests.command import environment, python_m

HERE = Path(__file__).parent
NAMED = "plugins=[outside]"
TINY = ["training.epochs=2", "model.hidden_size=4", "figures=none", "tracking=off"]


def command(folder, *words, module="seqexp", isolated=False, path=()):
    return python_m(folder, module, *words, variables=environment(*path), isolated=isolated, unencoded=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder with the plug-in's package, and the runs of a sweep over processes."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(HERE / "outside", folder / "outside", ignore=shutil.ignore_patterns("__pycache__"))
    words = ["-m", NAMED, "model=outside_gru,rnn", "task=prices", "seed=0,1,2", *TINY]
    done = command(folder, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 0, done.stderr
    return folder


def results(folder):
    files = sorted(folder.glob("runs/prices/*/*/result.json"))
    return [json.loads(file.read_text()) for file in files], [file.parent for file in files]


def one_line(done, says):
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr


def test_a_sweep_over_processes_runs_it(folder):
    found, directories = results(folder)
    assert {(one["model"], one["seed"]) for one in found} == set(product(("outside_gru", "rnn"), (0, 1, 2)))
    assert [one["status"] for one in found] == ["FINISHED"] * 6
    assert {one["distance"] for one in found} == {"task.lag"}
    assert all("plugins:\n- outside\n" in (path / "config.yaml").read_text() for path in directories)
    alone = command(folder, NAMED, "model=outside_gru", "task=prices", "seed=1", *TINY, isolated=True)
    assert alone.returncode == 0, alone.stderr
    (single,) = folder.glob("runs/prices/outside_gru/*.1")
    swept = next(
        path for one, path in zip(found, directories, strict=True) if (one["model"], one["seed"]) == ("outside_gru", 1)
    )
    weights = [path / "checkpoints" / "best.safetensors" for path in (single, swept)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    shutil.rmtree(single)


def test_runs_are_compared_by_metrics_of_its_own(folder):
    words = ["tracking=off", "a=outside_gru", "b=rnn", "task=prices"]
    for metric, named in (("mae", "Mean absolute error, smaller is better"), ("r2", "R², larger is better")):
        done = command(folder, NAMED, *words, f"metric={metric}", module="seqexp.compare")
        assert done.returncode == 0, done.stderr
        assert named in done.stdout
    report = (folder / "runs/compare/prices_outside_gru_rnn/report.md").read_text()
    assert "'plugins=[outside]'" in report, "the command that makes the runs names it"
    more = ("run=true", "tuned=false", "max_seeds=2", "hydra/launcher=basic")
    made = command(folder, NAMED, *words, *TINY[:2], *more, module="seqexp.compare")
    assert made.returncode == 0, made.stderr


def test_a_run_is_explained(folder):
    path = next(folder.glob("runs/prices/outside_gru/*"))
    done = command(folder, str(path), NAMED, module="seqexp.explain")
    assert done.returncode == 0, done.stderr
    assert "gate z fixed at 1" in done.stdout
    assert set(json.loads((path / "mechanism.json").read_text())["surgery"]) == {"none", "z", "r"}
    assert command(folder, str(path), NAMED, module="seqexp.sync").returncode == 0


def test_its_experiments_are_found(folder):
    words = ["experiment=memory_horizon", "model=outside_gru,rnn", "seed=0", "task.lag=1,2", *TINY[:1]]
    done = command(folder, "-m", NAMED, *words, "task=prices", "model.param_budget=200", "tracking=off")
    assert done.returncode == 0, done.stderr
    assert "Memory horizon" in done.stdout
    refused = command(folder, "-m", NAMED, *words, "task=hello", "tracking=off")
    one_line(refused, "task: expected one of adding, copy, logic, prices")


def test_a_search_tunes_it(folder):
    words = ["-m", NAMED, "hydra/sweeper=optuna", "model=outside_gru", "task=prices", *TINY]
    done = command(folder, *words, "hydra.sweeper.trials=2", "hydra.sweeper.seeds=1")
    assert done.returncode == 0, done.stderr
    assert list(folder.glob("runs/tuning/prices/outside_gru/*.json"))


def test_a_stored_config_imports_nothing(folder):
    """Who shares a run does not get code run."""
    path = next(folder.glob("runs/prices/outside_gru/*"))
    for module in ("seqexp.explain", "seqexp.sync"):
        one_line(command(folder, str(path), module=module), "add plugins=[outside]")
    one_line(command(folder, "a=outside_gru", "b=rnn", module="seqexp.compare"), "got 'outside_gru'")
    one_line(command(folder, "tracking=off", module="seqexp.compare"), "there is no outside_gru here")


def test_a_comparison_names_the_runs_it_leaves_out(folder, tmp_path):
    words = ["task=adding", "task.length=4", "task.steps_per_epoch=2", "task.examples=20", "seed=0,1", *TINY]
    shutil.copytree(folder / "outside", tmp_path / "outside")
    assert command(tmp_path, "-m", NAMED, "model=outside_gru,rnn,lstm", *words).returncode == 0
    done = command(tmp_path, "tracking=off", "task=adding", module="seqexp.compare")
    assert done.returncode == 0, done.stderr
    assert "adding_lstm_rnn" in done.stdout
    assert done.stdout.count("there is no outside_gru here") == 2


def test_an_installed_plug_in_needs_no_name(folder, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(folder / "outside", site / "outside")
    info = site / "outside_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[seqexp.plugins]\noutside = outside\n")
    words = ["model=outside_gru", "task=prices", *TINY]
    done = command(tmp_path, "-m", *words, "hydra/launcher=joblib", path=[site])
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("runs/prices/outside_gru/*")
    assert "plugins:\n- outside\n" in (path / "config.yaml").read_text(), "said to whoever has it not"
    assert command(tmp_path, str(path), module="seqexp.explain", path=[site]).returncode == 0
    one_line(command(tmp_path, str(path), module="seqexp.explain"), "add plugins=[outside]")
    assert "outside_gru" in command(tmp_path, "--help", path=[site]).stdout
    (site / "outside" / "__init__.py").write_text("import nothing_here")
    broken = command(tmp_path, "model=rnn", "task=hello", *TINY, path=[site])
    one_line(broken, "plug-in of the installed package outside-models: outside cannot be imported (ModuleNotFoundError")


def test_a_yaml_names_it(folder, tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    chosen = "  - override /model: outside_gru\n  - override /task: prices\n"
    text = f"# @package _global_\ndefaults:\n{chosen}plugins: [outside]\n"
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(text)
    words = [f"--config-dir={tmp_path / 'conf'}", "experiment=mine", f"hydra.run.dir={tmp_path / 'run'}", *TINY]
    done = command(folder, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "result.json").read_text())["model"] == "outside_gru"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["plugins=[nowhere]"], "plugins: expected a module that can be imported, installed or in the current folder"),
        (["plugins=[outside.nowhere]"], "there is no 'outside.nowhere'"),
        (["plugins=outside"], "plugins: expected a list of modules, such as plugins=[my.module]; got 'outside'"),
        (["plugins=[outside/gru.py]"], "plugins: expected names of modules, such as [my.module]; got 'outside/gru.py'"),
        (["plugins=[3]"], "plugins: expected names of modules"),
        (["plugins=[broken]"], "plugins: broken cannot be imported (ZeroDivisionError: division by zero)"),
        (["plugins=[ends]"], "plugins: ends cannot be imported (SystemExit: 7)"),
        (["plugins=[twice]"], "model 'rnn' is registered twice"),
        (["plugins=[unfinished]"], "task 'unfinished' lacks baselines, batch, batches, fingerprint, scorer, shape"),
        (
            [NAMED, "model=nosuch"],
            f"model: expected one of {', '.join(sorted(['outside_gru', *config.conf_files('model')]))}; got 'nosuch'",
        ),
        ([NAMED, "task=prices", "task.column=nosuch"], "task.column: expected one of date, price, volume"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_bad_input_is_one_line(words, says, folder, tmp_path):
    shutil.copytree(folder / "outside", tmp_path / "outside")
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "ends.py").write_text("raise SystemExit(7)")
    (tmp_path / "twice.py").write_text("from seqexp.models import register\n@register('rnn')\nclass RNN: pass\n")
    task = "from seqexp.tasks import Task, register\n@register('unfinished')\nclass Unfinished(Task): pass\n"
    (tmp_path / "unfinished.py").write_text(task)
    before = sorted(tmp_path.iterdir())
    one_line(command(tmp_path, *words, *TINY), says)
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"] == before
