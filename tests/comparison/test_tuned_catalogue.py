"""The tuned catalogue: which rows are missing, and that its verdicts hold for all claims of the page together."""

import operator

import pytest

from scripts.tables import stored_rows
from scripts.tables import tuned_catalogue as catalogue


def rows(lstm, rnn):
    """Rows of digits with these scores, a seed each; the other models as rnn."""
    about = {
        "row": "digits",
        "task": "digits",
        "words": "task=digits budget=40000",
        "metric": "test/accuracy",
        "direction": "max",
        "margin": "0.01",
        "status": "FINISHED",
        "learning_rate": "0.003",
        "baseline_value": "0.5",
        "improving": "0",
        "edge": "",
    }
    scores = {model: lstm if model == "lstm" else rnn for model in catalogue.MODELS}
    return [
        about | {"model": model, "seed": str(seed), "value": str(score)}
        for model, its in scores.items()
        for seed, score in enumerate(its)
    ]


@pytest.mark.parametrize(("seeds", "said"), [(14, "not resolved"), (15, "better")])
def test_a_verdict_is_one_of_all_claims_of_the_page(monkeypatch, seeds, said):
    """15 wins of 15 are enough for each of the 93 claims; corrected for the three that are there, fewer would be."""
    monkeypatch.setattr(catalogue, "holm", lambda p: [min(1.0, each * catalogue.CLAIMS) for each in p])
    found = catalogue.corrected({"digits": rows([0.9] * seeds, [0.8] * seeds)})
    assert {verdict.partition(" (")[0] for verdict in found.values()} == {said}
    assert "(1.00, " in found["digits", "rnn"]


def test_scores_within_the_margin_are_equivalent():
    found = catalogue.corrected({"digits": rows([0.901] * 14, [0.9] * 14)})
    assert found["digits", "gru"].startswith("equivalent")


def test_the_page_has_each_models_mean_and_the_rate_that_won():
    text = "\n".join(catalogue.page(rows([1.0] * 14, [0.5] * 14)))
    assert "`task=digits budget=40000` | accuracy ↑ | 0.5 ± 0 at 0.003" in text
    assert text.count("better (1.00") == 3


def test_a_row_is_missing_until_every_model_has_it_with_the_same_words(monkeypatch):
    whole = rows([0.9], [0.8])
    monkeypatch.setattr(catalogue, "scores", lambda: whole)
    assert not catalogue.missing("digits")
    assert catalogue.missing("copy")
    monkeypatch.setattr(catalogue, "scores", lambda: whole[1:])
    assert catalogue.missing("digits")
    monkeypatch.setattr(catalogue, "scores", lambda: [row | {"words": "task=digits budget=1"} for row in whole])
    assert catalogue.missing("digits")


def test_the_page_says_what_more_epochs_or_other_rates_may_change():
    whole = rows([0.9, 0.9], [0.8, 0.8])
    assert "".join(catalogue.unsettled(whole)) == ""
    half = [row | {"improving": str(int(row["model"] == "gru" and row["seed"] == "0"))} for row in whole]
    assert [*catalogue.unsettled(half)] == ["epochs: gru"]
    ends = {"rnn": "smallest", "lstm": "largest"}
    at = [row | {"edge": ends.get(row["model"], "")} for row in whole]
    assert [*catalogue.unsettled(at)] == ["smallest rate: rnn", "largest rate: lstm"]


@pytest.mark.parametrize(("told", "compared"), [("task=digits model.param_budget=40000", 1), ("task=digits", 0)])
def test_only_a_row_of_the_same_words_says_what_tuning_changed(monkeypatch, told, compared):
    tuned = rows([0.9] * 15, [0.8] * 15)
    untuned = [row | {"words": told, "value": "0.8"} for row in tuned]
    monkeypatch.setattr(stored_rows, "read", lambda _: untuned)
    text = "\n".join(catalogue.changes(tuned, catalogue.corrected({"digits": tuned})))
    assert f"{compared} of these rows with the same words" in text
    assert ("| digits | " in text) == bool(compared)


def test_written_rows_are_read_again_whole(monkeypatch, tmp_path):
    for name in ("SCORES", "SHARED", "PAGE"):
        monkeypatch.setattr(catalogue, name, tmp_path / name)
    columns = {*catalogue.OF_A_RUN, *catalogue.OF_A_MODEL}
    whole = [dict.fromkeys(columns, "") | row for row in rows([0.9, 0.8], [0.7, 0.6])]
    catalogue.write(whole)
    order = operator.itemgetter("model", "seed")
    assert sorted(catalogue.scores(), key=order) == sorted(whole, key=order)
    assert len(stored_rows.read(catalogue.SHARED)) == len(catalogue.MODELS)
