"""Equations as mathematics, and the figures of a lecture."""

import pytest

from scripts import lecture
from seqexp import models
from seqexp.microscope.by_hand import cell_of
from seqexp.microscope.drawings import DRAWINGS
from seqexp.microscope.equations import compiled
from seqexp.microscope.typeset import maths, symbol


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("h", "h_{t}"),
        ("h_prev", "h_{t-1}"),
        ("a_f", "a_{f,t}"),
        ("W_fh", "W_{fh}"),
        ("da_f", r"\mathrm{d}a_{f,t}"),
        ("dh_next", r"\mathrm{d}h_{t}^{(t+1)}"),
        ("dh_back", r"\mathrm{d}h_{t-1}^{(t)}"),
        ("drh", r"\mathrm{d}(rh)_{t}"),
    ],
)
def test_a_signal_has_its_step_and_a_parameter_has_none(name, shown):
    assert symbol(name) == shown


def test_an_equation_is_one_line_of_latex():
    cell = cell_of(models.create("lstm", input_size=2, hidden_size=2))
    lines = [maths(one) for one in cell.forward]
    assert r"c_{t} = f_{t} \odot c_{t-1} + i_{t} \odot t_{t}" in lines
    assert r"a_{f,t} = W_{fh} h_{t-1} + W_{fx} x_{t} + b_{f}" in lines


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_names_what_the_cell_has(name):
    cell, drawing = cell_of(models.create(name, input_size=2, hidden_size=2)), DRAWINGS[name]
    known = {one.out for one in (*cell.forward, *cell.backward)} | {f"{one}_prev" for one in cell.state}
    shown = {part for signal, _, _, derivative in drawing.nodes.values() for part in (signal, derivative)}
    assert shown <= known
    assert {end for arrow in drawing.arrows for end in arrow} == {*drawing.nodes, *drawing.signs}
    assert all(compiled(one.rest) for one in cell.forward if one.rest)


def test_slides_draws_each_figure_in_each_format(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lecture, "KINDS", lecture.KINDS[:1])
    monkeypatch.setattr(lecture, "FADING", dict(list(lecture.FADING.items())[:1]))
    monkeypatch.setattr(lecture, "LAGS", 5)
    monkeypatch.setattr(lecture, "FORMATS", ("svg",))
    assert lecture.main([str(tmp_path / "slides")]) == 0
    names = ("cell_rnn", "equations_rnn", "fading", "unrolled")
    assert {file.name for file in (tmp_path / "slides").iterdir()} == {
        *(f"{name}.svg" for name in names),
        "equations.tex",
    }
    assert (tmp_path / "slides" / "fading.svg").read_text().startswith("<?xml")
    assert lecture.main([str(tmp_path / "slides"), str(tmp_path)]) == 2
    assert "it has no result.json" in capsys.readouterr().err
