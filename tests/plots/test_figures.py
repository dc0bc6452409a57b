"""Figures are drawn for whatever a run left behind; tables average only what may be averaged, and count the rest."""

import io
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from seqexp.plots import artifacts, training
from seqexp.plots.artifacts import draw
from seqexp.plots.training import gradient_norm, learning_curve
from seqexp.runs.tables import as_rich, run_table, to_markdown
from seqexp.statistics.pairs import half_interval
from seqexp.sweeps.tables import sweep_tables
from seqexp.tasks.artifacts import ConfusionMatrix, Midi, PianoRoll, ScatterPlot, TextSamples
from tests.fabricated import job_records, run_result

EPOCHS: list[dict[str, float | None]] = [
    {"step": 10 * e, "time": 1e9 + e, "train/loss": 1 / e, "val/loss": 1.2 / e, "val/accuracy": 1 - 0.5 / e}
    for e in range(1, 6)
]


@pytest.fixture
def drawn(monkeypatch):
    """The figures' texts and lines, as drawn: {"title": …, "lines": {label: (x, y)}, "scales": […], "texts": […]}."""
    from matplotlib.figure import Figure

    seen: dict = {}
    save = Figure.savefig

    def look(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        seen["title"] = figure.get_suptitle()
        seen["lines"] = {line.get_label(): line.get_data() for axes in figure.axes for line in axes.lines}
        seen["scales"] = [axes.get_yscale() for axes in figure.axes]
        seen["texts"] = [text.get_text() for axes in figure.axes for text in axes.texts]
        seen["inside"] = all(
            figure.bbox.padded(1).contains(*corner)
            for item in [figure._suptitle, *(axes.yaxis.label for axes in figure.axes)]
            for corner in item.get_window_extent().corners()
        )

    monkeypatch.setattr(Figure, "savefig", look)
    return seen


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5_000


# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "best"), [("max", 50), ("min", 10)])
def test_learning_curve_marks_the_best_step_and_the_best_baseline(drawn, tmp_path, direction, best):
    best_known = ("Naive Bayes", 0.75)
    learning_curve(
        EPOCHS[::-1], tmp_path / "a.png", primary="test/accuracy", direction=direction, baseline=best_known, title="rnn"
    )
    assert is_png(tmp_path / "a.png")
    assert drawn["title"].startswith("rnn: best validation accuracy ")
    assert drawn["title"].endswith(f"at step {best}")
    assert drawn["inside"]
    assert list(drawn["lines"]["training"][0]) == [10, 20, 30, 40, 50]
    (label,) = [label for label in drawn["lines"] if "(test)" in label]
    assert label == "Naive Bayes: 0.75 (test)"
    assert drawn["scales"] == ["linear", "linear"]


def test_learning_curve_of_a_run_that_diverged(drawn, tmp_path):
    history: list[dict[str, float | None]] = [
        *EPOCHS,
        {"step": 60, "time": 0.0, "train/loss": math.nan},
        {"step": 70, "val/loss": None},
    ]
    learning_curve(history, tmp_path / "a.png", primary="accuracy", direction="max")
    assert "not finite at step 60" in drawn["lines"]
    assert math.isnan(drawn["lines"]["training"][1][-1])


@pytest.mark.parametrize("history", [[], [{"step": 1, "time": 0.0}], [{"step": 1, "val/mse": math.nan}]])
def test_run_that_logged_nothing_still_has_figures(tmp_path, history):
    learning_curve(history, tmp_path / "a.png", primary="mse", direction="min", baseline=None)
    gradient_norm(history, tmp_path / "b.png", None)
    assert is_png(tmp_path / "a.png")
    assert is_png(tmp_path / "b.png")


def test_gradient_norm_says_how_often_it_was_clipped(drawn, tmp_path):
    norms = [0.0, 0.5, 2.0, 4.0, 0.1]
    history = [{"step": i, "train/grad_norm": norm} for i, norm in enumerate(norms)]
    gradient_norm(history, tmp_path / "a.png", 1.0)
    assert drawn["scales"] == ["log"]
    assert drawn["title"].startswith("50% of the logged gradients")  # the zero has no place on the scale
    assert set(drawn["lines"]["clip norm 1"][1]) == {1.0}
    gradient_norm(history * 100, tmp_path / "a.png", None)
    assert f"its median over {training.WINDOW} values" in drawn["lines"]


@pytest.mark.parametrize("size", [2, 18, 40])
def test_confusion_matrix(drawn, tmp_path, size):
    counts = np.eye(size, dtype=int) * 90
    counts[0, 1] = 10
    labels = tuple(f"class number $ {i}" for i in range(size))
    path = draw(ConfusionMatrix(labels, counts), tmp_path / "confusion")
    assert (path.name, is_png(path)) == ("confusion.png", True)
    assert "'class number $ 0' taken for 'class number $ 1' (10%)" in drawn["title"].replace("\n", " ")
    assert ("90\n90%" in drawn["texts"]) == (size <= artifacts.NUMBERED)
    assert drawn["inside"]


def test_confusion_matrix_with_a_class_nobody_has(drawn, tmp_path):
    draw(ConfusionMatrix(("a", "b"), np.array([[3, 0], [0, 0]])), tmp_path / "c.png")
    assert "no mistake" in drawn["title"]
    draw(ConfusionMatrix(("好", "b"), np.zeros((2, 2), int)), tmp_path / "c.png")  # a script the font lacks


def test_scatter_plot_shows_the_error_of_the_mean_beside_its_own(drawn, tmp_path):
    truth = np.linspace(0, 1, 20_001)
    assert is_png(draw(ScatterPlot(truth, truth + 0.1), tmp_path / "s.png"))
    assert drawn["title"] == "Mean squared error 0.01; always the mean: 0.0833"
    assert max(len(x) for x, _ in drawn["lines"].values()) <= artifacts.MOST_POINTS


def test_text_samples_are_a_text_table(tmp_path):
    path = draw(TextSamples(("prompt", "answer"), (("h", "ello"), ("a\nb", "é")), name="s"), tmp_path / "s.png")
    assert path.name == "s.txt"
    assert path.read_text("utf-8") == "prompt  answer\n------  ------\nh       ello\na\\nb    é\n"


def test_a_piano_roll_shows_what_was_played_and_what_was_expected(drawn, tmp_path):
    played = np.zeros((6, 88), bool)
    played[:, 40], played[3:, 44] = True, True
    answer = np.where(played, 0.9, 0.01)
    answer[5, 44], answer[0, 60] = 0.2, 0.8
    path = draw(PianoRoll(played, answer, name="roll"), tmp_path / "roll")
    assert path.suffix == ".png"
    assert drawn["title"] == "89% of the notes were expected; 1 others were too"
    draw(PianoRoll(np.zeros((1, 88), bool), np.zeros((1, 88))), tmp_path / "silent")


def test_midi_files_say_the_notes(tmp_path):
    roll = np.zeros((300, 88), bool)
    roll[0:2, 39] = True  # middle C, two quarters
    roll[200:, 0] = True
    data = draw(Midi(roll, name="m"), tmp_path / "m").read_bytes()
    assert (tmp_path / "m.mid").exists()
    assert data[:14] == b"MThd\0\0\0\6\0\0\0\1\0\2"
    assert data[14:18] == b"MTrk"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    notes = b"\0\x90\x3c\x50" + b"\x04\x80\x3c\x50" + b"\x83\x0c\x90\x15\x50" + b"\x81\x48\x80\x15\x50"
    assert data[29:] == notes + b"\0\xff\x2f\0"


# -- tables ----------------------------------------------------------------------------------------------------------


def result(model="rnn", seed=0, score=0.5, status="FINISHED", task="sentiment", direction="max", **more):
    metrics = {} if score is None else {"test/accuracy": score, "test/loss": 9.0}
    known = {"status": status, "model": model, "task": task, "seed": seed, "params": 12_345, "seconds": 1.25}
    known |= {"metrics": metrics, "primary_metric": "test/accuracy", "direction": direction}
    return {**known, "baseline": {"majority": 0.5, "Naive Bayes": 0.75}, "best_baseline": "Naive Bayes", **more}


SWEEP = [
    result("rnn", 0, 0.6),
    result("lstm", 0, 0.9),
    result("rnn", 1, 0.8),
    result("lstm", 1, 0.1, "DIVERGED"),
    result("lstm", 2, 0.2, "KILLED"),
    result("rnn", 0, 7.0, task="adding", direction="min"),
    result("lstm", 0, 5.0, task="adding", direction="min"),
    {"model": "gru", "task": "sentiment", "seed": 0, "status": "FAILED", "error": "UserError: a|b\nc"},
]


def test_sweep_tables_average_what_finished_and_count_the_rest():
    jobs, means = sweep_tables(job_records(SWEEP))
    assert list(jobs["job"]) == [6, 5, 1, 2, 0, 3, 4, 7]  # by task, then best first, then what has no value
    assert list(jobs.columns)[:7] == ["job", "task", "model", "seed", "status", "metric", "value"]
    assert list(zip(means["task"], means["model"], strict=True)) == [
        *[("adding", "lstm"), ("adding", "rnn")],  # smaller is better here
        *[("sentiment", "lstm"), ("sentiment", "rnn"), ("sentiment", "gru")],
    ]
    rows = {row["model"]: row for row in means.to_dict("records") if row["task"] == "sentiment"}
    assert rows["rnn"]["mean"] == pytest.approx(0.7)
    assert rows["rnn"]["std"] == pytest.approx(0.2 / math.sqrt(2))  # n - 1
    assert [rows["lstm"][key] for key in ("mean", "seeds", "failed", "diverged")] == [0.9, 1, 1, 1]
    assert math.isnan(rows["lstm"]["std"])
    assert [rows["gru"][key] for key in ("seeds", "failed", "diverged")] == [0, 1, 0]
    assert {(row["baseline"], row["baseline value"]) for row in rows.values()} == {("Naive Bayes", 0.75)}
    assert means["baseline"][0] == "majority"  # of the smaller-is-better task


def test_runs_of_different_settings_are_never_averaged_together():
    gaps = [(1, 0.9), (1, 0.8), (8, 0.5), (8, 0.6)]
    sweep = [
        result(seed=seed, score=score, overrides={"model": "rnn", "seed": seed, "task.gap": gap, "dtype": "float32"})
        for seed, (gap, score) in enumerate(gaps)
    ]
    jobs, means = sweep_tables(job_records(sweep))
    assert list(means["task.gap"]) == ["1", "8"]
    assert list(means["mean"]) == pytest.approx([0.85, 0.55])
    assert "task.gap" in jobs
    assert "dtype" not in jobs  # it was the same everywhere


def test_sweep_without_a_job_and_jobs_without_a_result():
    jobs, means = sweep_tables([])
    assert len(jobs) == len(means) == 0
    assert to_markdown(means).startswith("| task | model | metric | mean | std | ± 95 % | seeds |")
    jobs, means = sweep_tables(job_records([{}, {"error": "worker died"}]))
    assert list(jobs["status"]) == ["FAILED", "FAILED"]
    assert means["failed"].sum() == 2


def test_tables_as_text():
    jobs, means = sweep_tables(job_records(SWEEP))
    lines = to_markdown(jobs).splitlines()
    assert len(lines) == 2 + len(SWEEP)
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(jobs.columns) + 1}
    assert "UserError: a\\|b c" in lines[-1]
    assert "| 12,345 |" in lines[2]
    assert "| 0.7000 | 0.1414 | 1.2706 | 2 |" in to_markdown(means)
    assert rendered(as_rich(means, "[bold]Means")).startswith("[bold]Means")


def test_run_table_puts_the_score_among_those_that_need_no_memory():
    text = rendered(run_table(run_result(**result(score=0.6))))
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["Naive Bayes (no memory)", "rnn", "majority (no memory)"]
    assert "+0.1500" in rows[0]
    assert "test/accuracy (larger is better)" in text
    assert "FAILED" in rendered(run_table(run_result(status="FAILED")))


def test_best_baseline_follows_the_direction():
    assert run_result(**result()).best_memoryless() == ("Naive Bayes", 0.75)
    assert run_result(**result(direction="min")).best_memoryless() == ("majority", 0.5)
    assert run_result(baseline={"a": None}).best_memoryless() is None


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, seqexp.plots.training, seqexp.runs.tables; "
        "assert not {'matplotlib', 'pandas', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def rendered(table) -> str:
    stream = io.StringIO()
    Console(file=stream, width=160).print(table)
    return stream.getvalue()


def test_half_interval_is_students():
    """n = 5, level 0.95: t is 2.776445; n = 2: 12.706205 (any table of Student's distribution)."""
    assert half_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2.776445 * np.sqrt(2.5 / 5), rel=1e-6)
    assert half_interval([0.0, 2.0]) == pytest.approx(12.706205 * np.sqrt(2 / 2), rel=1e-6)
    assert np.isnan(half_interval([1.0]))


def test_a_varied_number_gives_a_curve(tmp_path):
    from seqexp.plots import sweep

    results = [
        {
            "status": "FINISHED",
            "task": "sentiment",
            "model": model,
            "seed": seed,
            "direction": "max",
            "overrides": {"task.gap": str(gap), "model": model},
            "primary_metric": "test/accuracy",
            "baseline": {"majority": 0.5, "naive_bayes": 0.6},
            "metrics": {"test/accuracy": 0.9 - 0.01 * gap * (model == "rnn") + 0.01 * seed},
        }
        for model in ("rnn", "lstm")
        for gap in (0, 10, 20)
        for seed in (0, 1)
    ]
    (path,) = sweep.draw(*sweep_tables(job_records(results)), tmp_path)
    assert path.name == "sentiment_task.gap.png"
    assert path.stat().st_size > 10_000
    assert sweep.draw(*sweep_tables(job_records(results[:2])), tmp_path) == []  # nothing was varied but the seed
