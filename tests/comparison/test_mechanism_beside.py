"""What runs tell of their mechanism stands in the report, and what is broken in it does no harm."""

import json

import pytest

from scripts.tables.fabricate import two_models
from tests.comparison.test_comparison import report

undrawn = pytest.mark.usefixtures("without_figures")  # where figures are not what is tested: they are most of the time


def test_what_runs_tell_of_their_mechanism_is_shown_beside_each_other(runs, compare):
    two_models(runs)
    said = compare("a=rnn", "b=lstm", "task=adding")[1]
    assert "python -m seqexp.explain runs/adding/rnn/" in said
    lag = list(range(20))
    for model, factor in (("rnn", 0.5), ("lstm", 0.97)):
        flow = {"lag": lag, "h": [factor**n for n in lag], "c": None}
        gates = {"f": {"mean": 0.9, "saturated_low": 0.0, "saturated_high": 0.5, "time_constant": 12.5}}
        found = {"half_life": {"h": 1.0 if model == "rnn" else None, "c": None}, "gradient": flow}
        found |= {"gates": gates if model == "lstm" else None, "surgery": {"none": 0.03, "f": 0.4}}
        for folder in (runs / "adding" / model).iterdir():
            (folder / "mechanism.json").write_text(json.dumps(found))
            lines = [json.dumps({"step": step, **flow}) for step in (100, 200, 300)]
            (folder / "mechanism.jsonl").write_text("\n".join(lines) + "\n")
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "seqexp.explain" not in said
    page = (report(runs) / "report.md").read_text()
    assert "| rnn | 8 | 1 steps |" in page
    assert "| lstm | 8 | more than 19 steps |" in page
    assert "| lstm | f | 0.9000 | 0 | 0.5000 | 12.5000 |" in page
    for figure in ("gradient", "gradient_rnn", "gradient_lstm"):
        assert (report(runs) / f"adding_{figure}.svg").stat().st_size > 5_000


@undrawn
@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"gradient": {"lag": [0], "h": [null, 1]}}', '{"gradient": 3, "half_life": [], "gates": {"f": 1}}',
     '{"gradient": {"lag": [0, 1], "h": [0, 0]}, "half_life": {"h": "x"}, "surgery": {"f": {}}, "gates": {"f": {}}}'],
)  # fmt: skip
def test_a_broken_mechanism_is_no_reason_to_fail(runs, compare, content):
    two_models(runs)
    for folder in (runs / "adding" / "rnn").iterdir():
        (folder / "mechanism.json").write_text(content)
        (folder / "mechanism.jsonl").write_text(content + "\n" + content)
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 0
