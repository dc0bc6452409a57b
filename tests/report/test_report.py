"""The written report: one page that needs no other file, vector figures with PDFs, and LaTeX that prints what it is
given."""

import json
import re

import pytest

from scripts.tables.fabricate import fabricate, two_models
from seqexp.comparison.query import Answer
from seqexp.plots.colours import MODELS, style, styles
from seqexp.report.latex import escaped
from seqexp.report.provenance import held_equal
from seqexp.report.write import all_warnings
from seqexp.runs.location import Location
from seqexp.runs.run import run
from tests.comparison.test_contest import held
from tests.comparison.test_contest import runs as of_model
from tests.runs.small import checked


@pytest.fixture
def undrawn(monkeypatch):
    for name in ("points", "claims", "learning", "cost"):
        monkeypatch.setattr(f"seqexp.report.figures.{name}", lambda contest, path: False)


def test_the_page_holds_its_figures_as_svg_and_each_has_a_pdf_beside_it(runs, compare):
    two_models(runs)
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 0
    folder = runs / "compare" / "adding_rnn_lstm"
    page, drawn = (folder / "report.html").read_text(), sorted(folder.glob("*.svg"))
    assert [file.stem for file in drawn] == ["adding_claims", "adding_learning", "adding_seeds"]
    assert page.count("data:image/svg+xml;base64,") == len(drawn)
    assert "http" not in page.replace("http-equiv", "")
    assert all(file.with_suffix(".pdf").read_bytes().startswith(b"%PDF") for file in drawn)
    source = (folder / "report.tex").read_text()
    assert source.count(r"\includegraphics") == len(drawn)
    assert r"\toprule" in source
    assert r"lstm & 4,353 & 8 & 0.0375 &" in source


def test_a_warning_of_one_task_does_not_repeat_its_name():
    one, other = (
        held(*(of_model(name, [0.5] * 6, task=task, numpy=name) for name in ("rnn", "lstm"))) for task in ("a", "b")
    )
    said = "the runs used different versions of NumPy (rnn, lstm)"
    assert all_warnings(Answer([one], [], []), None) == [said]
    assert all_warnings(Answer([one, other], [], []), None) == [f"a: {said}", f"b: {said}"]


# -- colours ---------------------------------------------------------------------------------------------------------


def test_no_two_models_share_colour_and_marker_and_company_changes_no_colour():
    assert len(set(MODELS.values())) == len({colour for colour, _ in MODELS.values()}) == len(MODELS)
    names = ["mine", "yours", "theirs", "lstm", "rnn"]
    together = styles(names)
    assert len(set(together.values())) == len(names)
    assert all(together[name][0] == style(name)[0] == styles([name])[name][0] for name in names)


# -- what is equal ---------------------------------------------------------------------------------------------------

BUDGET = "parameters, by model.param_budget=500 (rnn 500, lstm 500); hidden units, 8"


@pytest.mark.parametrize(
    ("settings", "match", "said"),
    [
        (
            {"model.param_budget": 500},
            None,
            BUDGET,
        ),
        ({}, "hidden", "hidden units, 8; match=hidden was asked for"),
        ({"training.max_seconds": 3.0}, None, "hidden units, 8; seconds of training, at most 3"),
    ],
)
def test_what_is_equal_is_told_whoever_asked_for_it(settings, match, said):
    both = [of_model(name, [0.5, 0.4], settings=settings, params=500, hidden_size=8) for name in ("rnn", "lstm")]
    assert held_equal(held(*both), match) == said


def test_nothing_equal_is_told_too():
    both = of_model("rnn", [0.5], hidden_size=8), of_model("lstm", [0.5], hidden_size=4)
    assert held_equal(held(*both), None) == "neither parameters nor hidden units nor seconds"


# -- why -------------------------------------------------------------------------------------------------------------


def test_runs_too_short_for_probes_are_looked_at_for_the_report(runs, compare, undrawn, monkeypatch):
    monkeypatch.setattr("seqexp.report.mechanism.gradient", lambda contest, read, path: False)
    words = ["task=hello", "training.epochs=1", "probes=false", "figures=none"]
    for model in ("rnn", "lstm"):
        run(checked(f"model={model}", *words), Location(in_sweep=True))
    assert compare("a=rnn", "b=lstm", "task=hello")[0] == 0
    page = (runs / "compare" / "hello_rnn_lstm" / "report.md").read_text()
    assert re.search(r"- rnn: .*the gradient .*\(one run\)", page)
    assert re.search(
        r"- lstm: gate f is open 0\.\d\d on average and keeps for [\d.]+ steps, gate i is open 0\.\d\d on average, ",
        page,
    )
    assert "This describes trained networks and shows no cause." in page
    assert "seqexp.explain" not in page


# -- where the spread comes from -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, source", [("task.split_seed", "split"), ("data_seed", "order")])
def test_runs_that_cross_the_seed_with_another_tell_their_variances_apart(runs, compare, undrawn, key, source):
    """Scores are 0.1 apart for the other and 0.01 a seed: 0.01 and 0.0001 are the variances of three."""
    for model in ("rnn", "lstm"):
        for other in range(3):
            for seed in range(3):
                fabricate(runs, model, seed, 0.2 + 0.1 * other + 0.01 * seed, settings={key: other})
    assert compare("a=rnn", "b=lstm", "task=adding", f"{key}=1")[0] == 0
    page = (runs / "compare" / "adding_rnn_lstm" / "report.md").read_text()
    rows = dict(re.findall(r"\| rnn \| (seed|split|order)[^|]* \| ([\d.e-]+) \|.*\| \d+ % \| 9 \|", page))
    assert {name: float(value) for name, value in rows.items()} == pytest.approx({"seed": 1e-4, source: 0.01})
    assert "| 1 % | 9 |" in page


# -- LaTeX -----------------------------------------------------------------------------------------------------------


def test_latex_prints_what_it_is_given_and_does_nothing_else():
    assert escaped(r"\input{/etc/passwd} 5 % of a_b & $x$ #1 ~ ^") == (
        r"\textbackslash{}input\{/etc/passwd\} 5 \% of a\_b \& \$x\$ \#1 \textasciitilde{} \textasciicircum{}"
    )
    assert escaped("two\nlines\x1b") == "two lines�"


def test_a_task_of_a_strangers_name_stays_text_in_the_page_and_in_latex(runs, compare, undrawn):
    two_models(runs, result={"error": None})
    lost = fabricate(runs, "rnn", 20, None)
    content = json.loads((lost / "result.json").read_text())
    (lost / "result.json").write_text(json.dumps({**content, "error": r"<script>x</script> \input{x}"}))
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 0
    folder = runs / "compare" / "adding_rnn_lstm"
    assert "<script" not in (folder / "report.html").read_text()
    assert r"\input" not in (folder / "report.tex").read_text()
