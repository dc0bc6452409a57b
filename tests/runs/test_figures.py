"""Who draws a run's figures: a single run itself, and ``seqexp.explain`` those of a sweep's."""

import pytest

from seqexp.explain import explain
from seqexp.runs.location import Location
from seqexp.runs.run import run
from tests.runs.small import checked

OWN = {"learning_curve.png", "gradient_norm.png"}


def left(tmp_path, *words, in_sweep=False):
    """The run's directory, and the pictures in it."""
    ended = run(checked("training.epochs=1", *words), Location(root=tmp_path, in_sweep=in_sweep))
    assert ended.result.status == "FINISHED", ended.result.error
    return ended.directory, {file.name for file in ended.directory.glob("*.png")}


@pytest.mark.parametrize(
    ("figures", "in_sweep", "drawn"),
    [("auto", False, OWN), ("auto", True, set()), ("all", True, OWN), ("none", False, set())],
)
def test_a_run_draws_what_somebody_looks_at(figures, in_sweep, drawn, tmp_path):
    directory, pictures = left(tmp_path, f"figures={figures}", in_sweep=in_sweep)
    assert pictures == drawn
    assert (directory / "samples.txt").read_text()  # costs nothing, and is no picture


def test_explain_draws_what_a_sweep_has_not(tmp_path, capsys):
    _, drawn = left(tmp_path / "alone", "task=digits", "training.batch_size=512")
    directory, pictures = left(tmp_path / "swept", "task=digits", "training.batch_size=512", in_sweep=True)
    assert (drawn, pictures) == (OWN | {"confusion.png", "wrong_digits.png"}, set())
    explain(directory, out=str(tmp_path / "out"))
    assert drawn < {file.name for file in (tmp_path / "out").iterdir()}
    assert "learning_curve.png" in capsys.readouterr().out
