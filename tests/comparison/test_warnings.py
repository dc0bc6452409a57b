"""Whatever is unequal between the runs compared is warned of, with both values; what is equal, or cannot matter, is
not."""

import json

import pytest

from scripts.tables.fabricate import LSTM, RNN, fabricate, two_models

pytestmark = pytest.mark.usefixtures("without_figures")


def of_each(runs, rnn, lstm):
    """Runs of both models, each with words for fabricate of its own."""
    for model, scores, own in (("rnn", RNN, rnn), ("lstm", LSTM, lstm)):
        for seed, score in enumerate(scores):
            fabricate(runs, model, seed, score, **own)


def warned(compare, *words):
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", *words)
    assert code == 0, error
    return said


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "rnn", "lstm"),
    [
        ("training.epochs", 20, 40),
        ("training.batch_size", 32, 16),
        ("training.clip_norm", 1.0, None),
        ("training.clip_norm", None, 5.0),
        ("training.patience", None, 3),
        ("training.max_seconds", 10.0, 20.0),
        ("optimizer.name", "adam", "sgd"),
        ("optimizer.learning_rate", 0.001, 0.01),
        ("optimizer.schedule", "constant", "cosine"),
        ("optimizer.weight_decay", 0.0, 0.1),
        ("dtype", "float32", "float64"),
        ("threads", 1, 2),
    ],
)
def test_a_setting_of_training_that_differs_is_named_with_both_values(runs, compare, key, rnn, lstm):
    of_each(runs, {"settings": {key: rnn}}, {"settings": {key: lstm}})
    said = warned(compare)
    assert f"warning: {key} differs between the models ({rnn}, {lstm})" in said
    assert said.count("warning:") == 1
    assert "lstm is better than rnn" in said, "a warning does not hide the verdict"


@pytest.mark.parametrize(
    "settings", [{"tracking.uri": "sqlite:///x.db"}, {"data_dir": "elsewhere"}, {"resume": "never"}], ids=str
)
def test_settings_that_decide_nothing_are_not_warned_of(runs, compare, settings):
    of_each(runs, {}, {"settings": settings})
    assert "warning" not in warned(compare)


def test_a_models_own_settings_are_what_is_compared_and_no_reason_to_warn(runs, compare):
    of_each(runs, {}, {"settings": {"model.forget_bias": 1.0, "model.dropout": 0.1}})
    assert "warning" not in warned(compare)


# -- budgets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rnn", "lstm", "differ"),
    [
        ({"params": 10_000}, {"params": 10_000}, None),
        ({"params": 10_000}, {"params": 9_801}, None),
        ({"params": 10_000}, {"params": 9_700}, "3%"),
        ({"params": 9_700}, {"params": 10_000}, "3%"),
        ({"params": 10_000, "params_per_unit": 301}, {"params": 9_700}, None),
        ({"params": 10_000}, {"params": 9_700, "params_per_unit": 300}, None),
        ({"params": 10_000}, {"params": 9_700, "params_per_unit": 299}, "3%"),
        ({"params": 90_000, "embedding_params": 80_000}, {"params": 10_000}, None),
        ({"params": 90_000, "embedding_params": 80_000}, {"params": 90_000}, "89%"),
        ({"params": 10_000}, {"params": None}, None),
    ],
    ids=str,
)
def test_budgets_count_no_embedding_and_may_differ_by_two_percent_or_one_unit(runs, compare, rnn, lstm, differ):
    of_each(runs, *({"result": {"params_per_unit": 10, **own}} for own in (rnn, lstm)))
    said = warned(compare)
    assert ("budgets differ" in said) == (differ is not None)
    if differ:
        counted = [own["params"] - own.get("embedding_params", 0) for own in (rnn, lstm)]
        assert f"warning: budgets differ by {differ}: rnn has {counted[0]:,} parameters, " in said
        assert f"lstm {counted[1]:,}, without the embedding" in said


def test_parameters_are_shown_with_and_without_the_embedding(runs, compare):
    of_each(runs, {"result": {"params": 90_000, "embedding_params": 80_123}}, {"result": {"params": 9_877}})
    warned(compare)
    page = (runs / "compare" / "adding_rnn_lstm" / "report.md").read_text()
    assert "| rnn | 90,000 | 9,877 | 64 | 8 |" in page
    assert "| lstm | 9,877 | 9,877 | 64 | 8 |" in page


def test_unequal_budgets_follow_from_equal_sizes_where_those_were_to_match(runs, compare):
    of_each(runs, {}, {"result": {"params": 17_000}})
    said = warned(compare, "match=hidden")
    assert "budgets differ by 74% (as match=hidden implies)" in said
    assert "match=hidden: rnn has" not in said


def test_sizes_that_were_to_match_and_do_not(runs, compare):
    of_each(runs, {}, {"settings": {"model.hidden_size": 32}})
    said = warned(compare, "match=hidden")
    assert "warning: match=hidden: rnn has 64 hidden units, lstm 32" in said


@pytest.mark.parametrize(
    ("rnn", "lstm", "warns"),
    [
        ((60.0, 60.0), (60.0, 60.0), []),
        ((60.0, 60.0), (60.0, 54.1), []),
        ((60.0, 60.0), (60.0, 53.0), ["rnn trained for 60.0 s, lstm for 53.0 s"]),
        ((60.0, 60.0), (30.0, 60.0), ["training.max_seconds is 60.0 for rnn, 30.0 for lstm"]),
        ((None, 60.0), (None, 60.0), ["training.max_seconds is None for rnn, None for lstm"]),
    ],
    ids=str,
)
def test_seconds_that_were_to_match(runs, compare, rnn, lstm, warns):
    each = [{"settings": {"training.max_seconds": limit}, "result": {"seconds": spent}} for limit, spent in (rnn, lstm)]
    of_each(runs, *each)
    said = warned(compare, "match=seconds")
    assert said.count("match=seconds: ") == len(warns)
    assert all(f"warning: match=seconds: {text}" in said for text in warns)
    assert "match=seconds: " not in warned(compare), "who did not ask for it is not warned"


# -- tuning ----------------------------------------------------------------------------------------------------------

SCORES = [{"number": n, "score": 1.0 / (n + 1)} for n in range(4)]
STUDY = {
    "task": "adding",
    "study": "x",
    "space": {"optimizer.learning_rate": "log"},
    "trials": 4,
    "sampler": "random",
    "metric": "val/mse",
    "direction": "min",
    "seed": 0,
    "best": {},
    "scores": SCORES,
}


def tuned(runs, model, **other):
    """A study of the model whose winner its runs are."""
    place = runs / "tuning" / "adding" / model
    place.mkdir(parents=True)
    signatures = [folder.name for folder in (runs / "adding" / model).iterdir()]
    (place / "x.json").write_text(json.dumps({**STUDY, "model": model, "signatures": signatures, **other}))


@pytest.mark.parametrize(("one", "other"), [("rnn", "lstm"), ("lstm", "rnn")])
def test_one_model_tuned_and_the_other_not(runs, compare, one, other):
    two_models(runs)
    tuned(runs, one)
    said = warned(compare)
    assert f"warning: {one}'s runs come from a tuning study's winner, {other}'s runs do not" in said
    assert said.count("warning:") == 1


def test_models_tuned_alike_are_not_warned_of(runs, compare):
    two_models(runs)
    tuned(runs, "rnn")
    tuned(runs, "lstm")
    assert "warning" not in warned(compare)


@pytest.mark.parametrize(
    ("what", "other", "warns"),
    [
        ("trials", {"trials": 40}, "trials 4 for rnn, 40 for lstm"),
        ("sampler", {"sampler": "tpe"}, "sampler random for rnn, tpe for lstm"),
        ("metric", {"metric": "val/loss"}, "metric val/mse for rnn, val/loss for lstm"),
        (
            "space",
            {"space": {"optimizer.learning_rate": "log", "model.dropout": "0 to 1"}},
            "space {optimizer.learning_rate: log} for rnn, "
            "{optimizer.learning_rate: log, model.dropout: 0 to 1} for lstm",
        ),
        ("scores", {"scores": SCORES[:3]}, "4 trials were run for rnn, 3 for lstm"),
    ],
)
def test_models_tuned_unequally_are_told_in_what(runs, compare, what, other, warns):
    two_models(runs)
    tuned(runs, "rnn")
    tuned(runs, "lstm", **other)
    said = warned(compare)
    assert f"warning: tuned unequally: {warns}" in said
    assert said.count("warning:") == 1


def test_a_setting_that_was_searched_for_each_model_may_differ_and_no_other(runs, compare):
    rnn = {"optimizer.learning_rate": 0.001, "training.clip_norm": 1.0}
    of_each(runs, {"settings": rnn}, {"settings": {"optimizer.learning_rate": 0.01, "training.clip_norm": 5.0}})
    tuned(runs, "rnn")
    tuned(runs, "lstm")
    said = warned(compare)
    assert "training.clip_norm differs between the models (1.0, 5.0)" in said
    assert "learning_rate differs" not in said


# -- data, code, machines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "warns"),
    [
        ({"data": "abc"}, "the runs read different data (hashes generated, abc): their scores are not comparable"),
        ({"git_sha": "f" * 40}, "the runs come from different code (commits 4d062c5aed, ffffffffff)"),
        ({"numpy": "2.1.0"}, "the runs used different versions of NumPy (2.4.6, 2.1.0)"),
        ({"blas": "other"}, "the runs used different versions of BLAS (openblas 0.3.31 SkylakeX, other)"),
    ],
    ids=["data", "code", "numpy", "blas"],
)
def test_one_run_of_another_origin_is_enough(runs, compare, other, warns):
    two_models(runs, RNN[:7], LSTM)
    fabricate(runs, "rnn", 7, RNN[7], result=other)
    said = warned(compare)
    # The odd run is rnn's last: its value is the second that is met.
    assert f"warning: {warns}" in said
    assert said.count("warning:") == 1


def test_what_is_not_recorded_contradicts_nothing(runs, compare):
    of_each(runs, {}, {"result": {"git_sha": "", "numpy": "", "blas": "", "data": None}})
    assert "warning" not in warned(compare)


def test_several_models_are_warned_of_in_pairs(runs, compare):
    two_models(runs)
    for seed, score in enumerate(RNN):
        fabricate(runs, "stacked_rnn", seed, score, result={"params": 8_000})
    code, said, _ = compare("models=rnn,stacked_rnn,lstm", "task=adding")
    assert code == 0
    assert "budgets differ by 46%: rnn has 4,353 parameters, stacked_rnn 8,000" in said
    assert "budgets differ by 46%: stacked_rnn has 8,000 parameters, lstm 4,353" in said
    assert said.count("budgets differ") == 2


# -- runs that end too early, and searches that are too narrow --------------------------------------------------------

LAST = {"stop": "epochs", "best_step": 100, "steps": 100}


@pytest.mark.parametrize(
    ("ended", "warns"),
    [
        (LAST, True),
        (LAST | {"best_step": 50}, False),
        (LAST | {"stop": "solved"}, False),
        (LAST | {"stop": None}, False),
    ],
    ids=["best at the end", "best before", "solved", "not recorded"],
)
def test_runs_that_were_best_in_their_last_epoch_end_too_early(runs, compare, ended, warns):
    of_each(runs, {"result": ended}, {"result": LAST | {"best_step": 50}})
    said = warned(compare)
    assert (f"{len(RNN)} of {len(RNN)} rnn runs were best in their last epoch" in said) == warns
    assert "lstm runs were best in their last epoch" not in said


@pytest.mark.parametrize(
    ("stop", "floor", "warns"), [("patience", 0.01, True), ("patience", 10.0, False), ("epochs", 0.01, False)]
)
def test_a_plateau_above_the_floor_on_which_patience_ended_the_run(runs, compare, stop, floor, warns):
    of_each(runs, {"result": {"stop": stop, "baseline": {"always 1": floor}}}, {})
    said = warned(compare)
    assert ("rnn runs were stopped by patience on a plateau, no better than always 1" in said) == warns


def test_a_best_value_that_no_trial_lies_beyond_is_told(runs, compare):
    of_each(runs, {}, {})
    for model, best in (("rnn", 0.01), ("lstm", 0.003)):
        tried = [{"score": 0.5, "values": {"optimizer.learning_rate": rate}} for rate in (0.001, 0.003, 0.01)]
        tuned(runs, model, scores=tried, best={"optimizer.learning_rate": best})
    said = warned(compare)
    assert "rnn was best at the largest optimizer.learning_rate that was tried (0.01)" in said
    assert "lstm was best at" not in said


def test_claims_that_are_made_together_need_more_pairs(runs, compare):
    """Six equal signs reach 2 / 2^6 = 0.031 alone; of three claims, Holm multiplies the smallest p by three."""
    for model, scores in (("rnn", RNN), ("lstm", LSTM), ("gru", RNN)):
        for seed in range(6):
            fabricate(runs, model, seed, scores[seed % len(scores)])
    code, said, error = compare("a=rnn", "b=lstm", "task=adding")
    assert "can never reach" not in said
    code, said, error = compare("models=rnn,lstm,gru", "task=adding")
    assert code == 0, error
    assert "can never reach the 95 % level, with 3 claims in one report; at least 7 of each are needed" in said
