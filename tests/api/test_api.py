"""The commands as functions: the same words, the same bytes, errors as exceptions with the same line."""

import _thread
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from annotated_types import Ge

import seqexp
from seqexp.data.batch import Batch
from seqexp.models import create
from seqexp.networks import Chain
from seqexp.system import signals
from seqexp.tasks import Shape, Task
from seqexp.tasks.scorers import ValueScorer
from tests.command import QUICK, python_m

WORDS = [*QUICK, "model=rnn", "model.hidden_size=4", "tracking=off"]
TIMES = {"metrics.jsonl", "result.json", "run.log"}  # have the time of day in them


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(kw_only=True)
class Doubling(Task):
    """Twice a number; the data are an array of one's own."""

    numbers: np.ndarray
    noise: Annotated[float, Ge(0)] = 0.0

    primary_metric = "mse"
    direction = "min"
    shape = Shape(inputs=1, tokens=False, outputs=1, answers="last", loss="squared")

    def batches(self, split, batch_size):
        return 2

    def batch(self, seed, split, index, batch_size):
        return Batch(self.numbers[None, None, :], 2 * self.numbers[None])

    def scorer(self):
        return ValueScorer()

    def baselines(self):
        return {"zero": float(np.mean(np.square(2 * self.numbers)))}

    def fingerprint(self):
        return f"doubling {self.numbers.sum()}"


def test_what_comes_next_has_the_times_and_units_of_a_table(folder):
    path = folder / "sales.csv"
    path.write_text("week,sold\n" + "".join(f"2024-{n // 28 + 1:02d}-{n % 28 + 1:02d},{n % 7}\n" for n in range(84)))
    words = ["task=forecast", f"task.source={path}", "task.window=7", "task.horizon=2", "training.epochs=1"]
    result = seqexp.run(*words, "model.hidden_size=4", "tracking=off", "figures=none")
    (answer,) = result.predict(path)
    assert [row["week"] for row in answer.rows] == ["2024-03-29", "2024-03-30"]
    assert all(-5 < row["sold"] < 12 for row in answer.rows)
    assert result.predict(" ".join(map(str, range(7)))).rows[0]["week"] == "+1"


def test_python_and_the_command_line_leave_the_same_bytes(folder):
    command = python_m(folder, "seqexp", *WORDS, "seed=3", "training.clip_norm=2", "predictions=true")
    assert command.returncode == 0, command.stderr
    words = [word for word in WORDS if not word.startswith(("training", "model."))]
    training = {"epochs": 2, "clip_norm": 2}
    result = seqexp.run(*words, seed=3, model={"hidden_size": 4}, training=training, predictions=True)
    (one,) = set(folder.glob("runs/hello/rnn/*.*")) - {folder / result.directory}
    names = sorted(str(file.relative_to(one)) for file in one.rglob("*") if file.is_file())
    there = sorted(str(file.relative_to(result.directory)) for file in result.directory.rglob("*") if file.is_file())
    assert names == there
    for name in set(names) - TIMES:
        assert (one / name).read_bytes() == (result.directory / name).read_bytes(), name
    assert seqexp.load(one).metrics == result.metrics


def test_a_result_has_its_scores_its_history_its_figures_and_answers():
    result = seqexp.run(*WORDS)
    assert result.score == result.metrics["test/exact_match"]
    assert result.history.index.is_unique
    assert {"train/loss", "val/exact_match", "test/exact_match"} <= set(result.history.columns)
    assert result.predict("h").text.startswith("h")
    assert [answer.text for answer in result.predict(["h", "he"])] == [result.predict(t).text for t in ("h", "he")]
    assert {name: type(figure).__name__ for name, figure in result.figures().items()} == {
        "learning_curve": "Figure",
        "gradient_norm": "Figure",
    }
    assert all(figure._repr_png_().startswith(b"\x89PNG") for figure in result.figures().values())
    assert "test/exact_match" in result._repr_html_()
    assert repr(result).startswith("<rnn on hello, seed 0: test/exact_match")
    with pytest.raises(seqexp.UserError, match="expected options of temperature"):
        result.predict("h", heat=2)


def test_bad_input_is_the_command_lines_own_line(folder):
    said = python_m(folder, "seqexp", "task=hello", "model.hidden_size=-1")
    with pytest.raises(seqexp.UserError) as refusal:
        seqexp.run("task=hello", "model.hidden_size=-1")
    assert said.stderr == f"error: {refusal.value}\n"
    assert refusal.value._render_traceback_() == [f"error: {refusal.value}"]
    with pytest.raises(seqexp.UserError, match="and no flags"):
        seqexp.run("-m", "model=rnn")
    with pytest.raises(seqexp.UserError, match=r"has no result\.json"):
        seqexp.load("nowhere")
    assert not list(folder.iterdir())


def test_a_run_that_diverges_is_an_exception_that_has_its_result():
    with pytest.raises(seqexp.RunFailed, match=r"^diverged: step 2: ") as failure:
        seqexp.run(*WORDS, "optimizer.learning_rate=1e30", "task.steps_per_epoch=9", "optimizer=sgd")
    assert failure.value.result.status == "DIVERGED"


def test_an_interrupted_run_is_saved_and_the_next_one_starts(monkeypatch):
    from seqexp.runs.recorder import Recorder

    ordinary = Recorder.on_boundary

    def interrupted(self, trainer):
        _thread.interrupt_main()
        ordinary(self, trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_boundary", interrupted)
        with pytest.raises(seqexp.Stopped, match="what was done is saved") as stop:
            seqexp.run(*WORDS)
    assert len(stop.value._render_traceback_()) == 1
    assert signals.asked is None
    assert seqexp.run(*WORDS, resume="auto").how == "resumed"


@pytest.mark.parametrize(
    "called, module, name, again",
    [
        (lambda: seqexp.run(*WORDS), "seqexp.api.running", "_run", "the same words with resume='auto' go on"),
        (lambda: seqexp.verdict(a="rnn", b="lstm"), "seqexp.compare", "compared", "the same words go on"),
    ],
    ids=["run", "verdict"],
)
def test_an_interrupted_cell_is_told_in_one_line_how_to_go_on(called, module, name, again, monkeypatch):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module(module), name, interrupted)
    with pytest.raises(seqexp.Stopped) as caught:
        called()
    assert caught.value._render_traceback_() == [f"interrupted; what was done is saved: {again}"]


def test_a_sweep_is_a_table_and_a_verdict_shows_itself():
    words = [word for word in QUICK if not word.startswith("figures")]
    table = seqexp.sweep(*words, "model=rnn,lstm", "model.hidden_size=3", "seed=0,1", tracking="off")
    assert sorted(zip(table.model, table.seed, strict=True)) == [("lstm", 0), ("lstm", 1), ("rnn", 0), ("rnn", 1)]
    assert set(table.status) == {"FINISHED"}
    assert seqexp.load(table.directory[0]).score == table.value[0]
    verdict = seqexp.verdict(a="rnn", b="lstm", task="hello", tracking="off")
    assert verdict.verdict in ("better", "worse", "equivalent", "not resolved")
    assert verdict.report.is_file()
    assert "On hello" in str(verdict)
    assert "<table" in verdict._repr_html_()
    assert len(verdict.runs) == 4
    with pytest.raises(seqexp.UserError, match="expected one of"):
        seqexp.verdict(a="rnn", b="lsmt", task="hello")


def test_a_task_and_a_model_may_be_objects_of_ones_own():
    task, more = Doubling(numbers=np.linspace(-1, 1, 16)), {"tracking": "off", "figures": "none"}
    short = {"epochs": 30}
    first = seqexp.run(task=task, model="rnn", training=short, **more)
    other = seqexp.run(task=Doubling(numbers=np.linspace(0, 1, 16)), model="rnn", training=short, **more)
    assert (first.score or 9) < (first.baseline["zero"] or 0)
    assert first.result.signature != other.result.signature  # other data are another run
    core = create("gru", input_size=1, hidden_size=5)
    for model in (core, Chain(core, 1, "last")):
        own = seqexp.run(task=task, model=model, training=short, **more)
        assert (own.result.model, own.result.hidden_size) == ("gru", 5)
    with pytest.raises(seqexp.UserError, match="expected a core with input_size=1"):
        seqexp.run(task=task, model=create("gru", input_size=2, hidden_size=5), tracking="off")
    with pytest.raises(seqexp.UserError, match="expected an object"):
        seqexp.run(task=Doubling)  # type: ignore[arg-type]
    with pytest.raises(seqexp.UserError, match=r"expected a name, a pair of arrays \(X, y\), or a seqexp\.tasks\.Task"):
        seqexp.run(task=3)  # type: ignore[arg-type]


def test_importing_the_package_imports_nothing_else(folder):
    code = "import sys, seqexp; print([m for m in sys.modules if m.startswith(('seqexp.', 'numpy', 'hydra'))])"
    (folder / "light.py").write_text(code)
    assert python_m(folder, "light", fresh=True).stdout == "[]\n"
    assert {"run", "sweep", "verdict", "load"} <= set(dir(seqexp))
    assert Path(sys.modules["seqexp"].__file__ or "").name == "__init__.py"
