"""A comparison reads run directories without trust, pairs them by seed, and says who wins - or why nobody can say."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scripts.fabricate import fabricate
from seqexp.compare import exit_code

RNN = [0.120, 0.131, 0.118, 0.140, 0.125, 0.133, 0.129, 0.136]
LSTM = [0.030, 0.041, 0.025, 0.052, 0.033, 0.039, 0.036, 0.044]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def compare(capsys):
    def call(*words):
        code = exit_code([*words, "tracking=off"])
        said = capsys.readouterr()
        return code, " ".join(re.sub(r"[│╭╮╰╯─]", " ", said.out).split()), said.err

    return call


def two_models(root, rnn=RNN, lstm=LSTM, **more):
    for model, scores in (("rnn", rnn), ("lstm", lstm)):
        for seed, score in enumerate(scores):
            fabricate(root, model, seed, score, **more)


def report(root, name="adding_rnn_lstm"):
    return root / "compare" / name


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_the_better_model_is_named_with_its_effect_as_computed_by_hand(runs, compare):
    two_models(runs)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    effect = np.mean(np.subtract(RNN, LSTM))
    assert f"On adding (length 50), lstm is better than rnn: test/mse {effect:.3g} lower" in said
    assert "N = 8 seeds" in said
    assert "smaller is better" in said
    assert "always 1 (no memory)" in said
    rows = list(csv.DictReader((report(runs) / "comparison.csv").read_text().splitlines()))
    means = {row["model"]: float(row["mean"]) for row in rows if row["metric"] == "test/mse"}
    assert means == {"rnn": pytest.approx(np.mean(RNN)), "lstm": pytest.approx(np.mean(LSTM))}
    assert len(list(csv.DictReader((report(runs) / "runs.csv").read_text().splitlines()))) == 16


def test_the_verdict_does_not_depend_on_who_is_called_a(runs, compare):
    two_models(runs)
    first, second = (compare(*pair, "task=adding")[1] for pair in (("a=rnn", "b=lstm"), ("a=lstm", "b=rnn")))
    sentence = re.compile(r"On adding.*?seeds\.")
    assert sentence.search(first)[0] == sentence.search(second)[0]


def test_a_metric_of_which_more_is_better_turns_the_verdict(runs, compare):
    about = {"primary_metric": "test/accuracy", "direction": "max", "baseline": {"chance": 0.01}}
    for model, scores in (("rnn", RNN), ("lstm", LSTM)):
        for seed, score in enumerate(scores):
            fabricate(runs, model, seed, score, result={**about, "metrics": {"test/accuracy": score}})
    assert "rnn is better than lstm: test/accuracy" in compare("a=rnn", "b=lstm", "task=adding")[1]


def test_within_the_margin_models_are_equivalent_and_five_pairs_can_never_be_enough(runs, compare):
    two_models(runs, RNN, [score + 1e-4 for score in RNN])
    assert "equivalent" in compare("a=rnn", "b=lstm", "task=adding")[1]
    assert "not resolved" in compare("a=rnn", "b=lstm", "task=adding", "level=0.999")[1]
    said = compare("a=rnn", "b=lstm", "task=adding", "margin=0", "level=0.999")[1]
    assert "8 pairs of rnn and lstm can never reach the 99.9 % level" in said
    assert "at least 11 are needed" in said


def test_diverged_and_killed_runs_are_counted_named_and_never_scored(runs, compare):
    two_models(runs, [*RNN, None, None], [*LSTM, 0.03, 0.04, 0.05])
    killed = fabricate(runs, "rnn", 10, None)
    (killed / "result.json").rename(killed / "run.json")
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "N = 8 seeds" in said
    assert "3 of 11 rnn runs have no score" in said
    assert "Seeds without a pair: 8, 9, 10" in said
    rows = {row["model"]: row for row in csv.DictReader((report(runs) / "comparison.csv").read_text().splitlines())}
    assert (rows["rnn"]["diverged"], rows["rnn"]["killed"], rows["rnn"]["seeds"]) == ("2", "1", "8")
    assert "its process was killed" in (report(runs) / "report.md").read_text()
    assert not (killed / "result.json").exists(), "comparing changes no run"


def test_three_models_are_compared_in_pairs_with_corrected_p_values(runs, compare):
    two_models(runs)
    for seed, score in enumerate(RNN):
        fabricate(runs, "stacked_rnn", seed, score - 0.02 + 0.001 * (-1) ** seed)
    code, said, _ = compare("models=rnn,stacked_rnn,lstm", "task=adding")
    assert code == 0
    assert said.count("is better than") == 3
    assert "Holm" in (report(runs, "adding_rnn_stacked_rnn_lstm") / "report.md").read_text()


def test_several_tasks_are_put_on_one_scale(runs, compare):
    two_models(runs)
    about = {"primary_metric": "test/accuracy", "direction": "max"}
    for model, base in (("rnn", 0.6), ("lstm", 0.9)):
        for seed in range(8):
            metrics = {"test/accuracy": base + 0.01 * seed}
            changed = {**about, "metrics": metrics, "baseline": {"chance": 0.25}}
            fabricate(runs, model, seed, 1.0, task="copy", result=changed)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding,copy")
    assert code == 0
    assert "Interquartile mean" in said
    assert "Wilcoxon" in (report(runs, "adding_copy_rnn_lstm") / "report.md").read_text()
    assert (report(runs, "adding_copy_rnn_lstm") / "performance_profile.png").exists()


# -- which runs count ------------------------------------------------------------------------------------------------


def test_of_a_seed_that_was_run_twice_the_newest_finished_run_counts(runs, compare):
    two_models(runs)
    old = fabricate(runs / "again", "rnn", 0, 0.9, result={"started": 1.0})
    new = fabricate(runs / "newer", "rnn", 1, None, result={"started": 2e9})
    assert old.exists()
    assert new.exists()
    said = compare("a=rnn", "b=lstm", "task=adding")[1]
    assert f"test/mse {np.mean(np.subtract(RNN, LSTM)):.3g} lower" in said
    assert "2 rnn runs repeat a seed" in said


def test_several_configurations_are_refused_by_name_and_a_word_chooses_one(runs, compare):
    two_models(runs)
    two_models(runs, [0.9] * 8, [0.8] * 8, settings={"task.length": 100, "training.epochs": 3})
    code, said, error = compare("a=rnn", "b=lstm", "task=adding")
    assert (code, said) == (2, "")
    assert error.count("\n") == 1
    assert "task.length (" in error
    assert "training.epochs (" in error
    assert "choose one, such as task.length=" in error
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding", "task.length=50")
    assert code == 0
    assert "adding (length 50)" in said


def test_a_budget_is_taken_where_parameters_are_to_match(runs, compare):
    two_models(runs)
    two_models(runs, [0.2] * 8, [0.1] * 8, settings={"model.param_budget": 4353, "model.hidden_size": None})
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 2
    assert "test/mse 0.1 lower" in compare("a=rnn", "b=lstm", "task=adding", "match=params")[1]


def test_models_on_different_problems_are_not_compared(runs, compare):
    for seed in range(6):
        fabricate(runs, "rnn", seed, 0.1, settings={"task.length": 50})
        fabricate(runs, "lstm", seed, 0.1, settings={"task.length": 100})
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    assert "task.length (50, 100)" in error


def test_the_winners_of_a_tuning_study_are_taken_and_unequal_tuning_is_told(runs, compare):
    two_models(runs)
    winners = {"optimizer.learning_rate": 0.01}
    for model, trials in (("rnn", 20), ("lstm", 40)):
        folders = [fabricate(runs, model, seed, 0.01 * trials, settings=winners) for seed in range(6)]
        study = {
            "task": "adding",
            "model": model,
            "study": "x",
            "space": {"optimizer.learning_rate": "log"},
            "trials": trials,
            "sampler": "random",
            "metric": "val/mse",
            "direction": "min",
            "seed": 0,
            "best": {},
            "scores": [{"number": n, "score": 1.0 / (n + 1)} for n in range(trials)],
            "signatures": [folder.name for folder in folders],
        }
        place = runs / "tuning" / "adding" / model
        place.mkdir(parents=True)
        (place / "x.json").write_text(json.dumps(study))
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "test/mse 0.2 lower" in said
    assert "tuned unequally: trials 20 for rnn, 40 for lstm" in said
    assert (report(runs) / "adding_tuning.png").exists()


# -- warnings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "warns"),
    [
        ({"params": 5000}, "budgets differ by 13%"),
        ({"data": "abc"}, "the runs read different data"),
        ({"git_sha": "f" * 40}, "the runs come from different code"),
        (
            {"git_sha": "4d062c5aed6bead9db54ad775543d0120c503a2a+"},
            "the code of the runs was changed after commit",
        ),
        ({"numpy": "2.1.0"}, "the runs used different versions of NumPy"),
        ({"metrics": {"test/loss": 1.0}}, "finished runs of lstm have no test/mse"),
    ],
)
def test_what_is_unequal_is_warned_of(runs, compare, changed, warns):
    two_models(runs)
    assert "warning" not in compare("a=rnn", "b=lstm", "task=adding")[1]
    fabricate(runs, "rnn", 8, 0.1)
    fabricate(runs, "lstm", 8, 0.1, result=changed)
    if "params" in changed:  # all runs of a model have as many
        for folder in (runs / "adding" / "lstm").iterdir():
            result = json.loads((folder / "result.json").read_text())
            (folder / "result.json").write_text(json.dumps({**result, **changed}))
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert f"warning: adding: {warns}" in said
    for page in ("report.html", "report.md"):
        assert warns[:20] in (report(runs) / page).read_text()


def test_a_budget_within_one_hidden_unit_is_equal_enough(runs, compare):
    for seed, (rnn, lstm) in enumerate(zip(RNN, LSTM, strict=True)):
        fabricate(runs, "rnn", seed, rnn, result={"params": 1000, "params_per_unit": 60})
        fabricate(runs, "lstm", seed, lstm, result={"params": 941, "params_per_unit": 60})
    assert "warning" not in compare("a=rnn", "b=lstm", "task=adding")[1]


def test_settings_that_were_to_match_are_checked(runs, compare):
    two_models(runs)
    said = compare("a=rnn", "b=lstm", "task=adding", "match=seconds")[1]
    assert "match=seconds: training.max_seconds is None for rnn" in said


# -- without trust ---------------------------------------------------------------------------------------------------


def test_text_of_strangers_is_escaped_and_the_page_needs_no_other_file(runs, compare):
    two_models(runs)
    evil = "<script>alert(1)</script> | **x** \x1b[31m `\n# head"
    fabricate(runs, "rnn", 8, None, result={"error": evil})
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "\x1b[31m" not in said
    page = Page((report(runs) / "report.html").read_text())
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    markdown = (report(runs) / "report.md").read_text()
    assert "<script" not in markdown
    assert "\n# head" not in markdown
    assert "\\*\\*x\\*\\*" in markdown


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", '{"status": "FINISHED"}', "[" * 100_000, '{"model": "rnn\\u001b", "task": "adding"}', "\x00"],
)
def test_a_broken_result_is_named_and_not_fatal(runs, compare, content):
    two_models(runs)
    folder = runs / "adding" / "rnn" / "broken"
    folder.mkdir()
    (folder / "result.json").write_text(content)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "1 directories or files could not be read" in said
    assert str(Path("runs/adding/rnn/broken")) in said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "a: &x [1]\nb: [*x, [[1]]]",
        "- " * 20_000,
        "a: " + "x" * 200_000,
        "!!python/object:os.system x",
        "\x00",
    ],
)
def test_a_broken_config_is_named_and_not_fatal(runs, compare, content):
    two_models(runs)
    folder = fabricate(runs, "rnn", 20, 0.1)
    (folder / "config.yaml").write_text(content)
    code, said, _ = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 0
    assert "could not be read" in said
    assert "N = 8 seeds" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a=rnn"], "b: expected a model"),
        (["a=rnn", "b=lsmt"], "did you mean lstm?"),
        (["a=rnn", "b=lstm", "task=adding", "level=1"], "level: expected a number between 0 and 1"),
        (["a=rnn", "b=lstm", "task=adding", "margin=-1"], "margin: expected"),
        (["a=rnn", "b=lstm", "task=adding", "metric=bleu"], "metric: expected one of test/loss, test/mse"),
        (["a=rnn", "b=stacked_rnn", "task=adding"], "models with runs on adding: lstm, rnn; got 'stacked_rnn'"),
        (["a=rnn", "b=lstm", "task=copy"], "task: expected one or more of adding"),
        (["a=rnn", "b=lstm", "task=adding", "task.lenght=3"], "did you mean length?"),
        (["a=rnn", "b=lstm", "task=adding", "sed=3"], "sed: no such word"),
        (["a=rnn", "b=lstm", "task=adding", "task.length=x"], "task.length: expected"),
        (["a=rnn", "b=lstm", "task=adding", "task.length=7"], "with task.length=7; there are none"),
        (["a=rnn", "b=lstm", "experiment=nix"], "experiment: expected one of"),
        (["a=rnn", "b=lstm", "task=adding", "match=both"], "match: expected one of params, hidden, seconds"),
        (["a=rnn", "b=lstm", "task=adding", "run=true", "match=seconds"], "training.max_seconds"),
        (["nonsense"], "expected key=value"),
    ],
)
def test_wrong_words_are_one_line_and_leave_nothing(runs, compare, words, says):
    two_models(runs)
    code, said, error = compare(*words)
    assert (code, said) == (2, "")
    assert says in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (runs / "compare").exists()


def test_without_runs_it_says_how_to_make_some(runs, compare):
    code, _, error = compare("a=rnn", "b=lstm", "task=adding")
    assert code == 2
    assert "python -m seqexp -m model=rnn,lstm" in error


# -- speed -----------------------------------------------------------------------------------------------------------


def test_only_the_candidates_files_are_opened(runs, compare, monkeypatch):
    """A thousand runs take seconds as long as each costs one small file, and only those compared a second one."""
    from seqexp.analysis import runs as reading

    two_models(runs)
    for seed in range(60):
        fabricate(runs, "stacked_rnn", seed, 0.1)
        fabricate(runs, "rnn", seed, 0.1, task="copy")
    opened = []
    read = reading.read_settings
    monkeypatch.setattr(reading, "read_settings", lambda path: opened.append(path) or read(path))
    assert compare("a=rnn", "b=lstm", "task=adding")[0] == 0
    assert len(opened) == 16
