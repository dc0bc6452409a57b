"""What may be typed: flags anywhere, text that Hydra could not read, commands by name, and one line for all else."""

import subprocess
import sys
from contextlib import suppress

import pytest
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hypothesis import given
from hypothesis import strategies as st

import seqexp as package
from seqexp import config
from seqexp.config import command_line
from seqexp.system.errors import UserError
from tests.command import environment, only_result, seqexp
from tests.test_architecture import COMMANDS, ROOT

CASES = ROOT / "tests" / "cases"
QUICK = ["task=hello", "model=rnn", "model.hidden_size=4", "training.epochs=1", "figures=none", "tracking=off"]


def value(word):
    """What Hydra reads."""
    return OverridesParser.create().parse_override(word).value()


# -- free text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *(
            "fold=1.csv",
            "a&b.csv",
            "issue #3",
            "data (1).csv",
            "data(1)",
            "[2024] final.csv",
            "ünï-实验",
            "o'brien",
            "~/x",
        ),
        *('say "so"', "a;b", "a<b>c", "100%", "a^b!", "back\\slash é\\", "a`b", "line\nbreak", "ends'", "x=y=z"),
    ],
)
def test_text_needs_no_quotation_marks_of_hydras(text):
    (word,) = command_line.for_hydra([f"tracking.experiment_name={text}"])
    assert value(word) == text


@pytest.mark.parametrize("text", ["'o'brien'", '"a=b"c"'])
def test_marks_meant_for_hydra_are_not_doubled(text):
    (word,) = command_line.for_hydra([f"tracking.experiment_name={text}"])
    assert value(word) == text[1:-1]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), max_size=30)  # $ refers


@given(TEXT)
def test_any_text_can_be_read_or_is_refused(text):
    with suppress(UserError):
        (word,) = command_line.for_hydra([f"tracking.experiment_name={text}"])
        value(word)  # HydraException where the quotation does not hold


@given(st.one_of(TEXT, st.floats(-1e9, 1e9)))
def test_a_printed_word_reads_back_as_the_value(given_value):
    assert value(command_line.word("key", given_value)) == given_value
    assert value(command_line.word("key", [given_value, "a b"])) == [given_value, "a b"]


@pytest.mark.parametrize(
    "plain", [True, None, 3, "rnn", "true", "1e5", "007", [1, "x"], {"mse": 0.005}, "/a/b.csv", ""]
)
def test_a_printed_word_keeps_the_type(plain):
    assert value(command_line.word("key", plain)) == plain
    assert type(value(command_line.word("key", plain))) is type(plain)


@pytest.mark.parametrize(
    "word",
    [
        "seed=0,1,2",
        "seed=range(8)",
        "seed=range(0, 8, 2)",
        "model=rnn,lstm",
        "model=choice(rnn,lstm)",
        "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))",
        "model.hidden_size=int(interval(1,9))",
        "model.freeze_gates=[f,i]",
        "model.freeze_gates=[],[f]",
        "task.margin={mse: 0.1}",
        "task.source='a,b.csv'",
        "data_dir=${oc.env:HOME}",
        "tracking.uri=http://user@host:5000/path?x",
        "training.patience=null",
        "+task.word=",
        "task=glob(*)",
    ],
)
def test_what_hydra_reads_is_left_as_it_is(word):
    assert command_line.for_hydra([word]) == [word]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("fold=1.csv,fold=2.csv", ["fold=1.csv", "fold=2.csv"]),
        ("é.csv,b.csv", ["é.csv", "b.csv"]),
        ("'a,b',é", ["a,b", "é"]),
    ],
)
def test_a_sweep_over_text_stays_one(given, values):
    (word,) = command_line.for_hydra([f"task.source={given}"])
    override = OverridesParser.create().parse_override(word)
    assert override.is_sweep_override()
    swept = [value(f"x={each}") for each in override.sweep_string_iterator()]
    assert swept == values


def test_a_list_of_text_stays_a_list():
    (word,) = command_line.for_hydra(["plugins=[é.a,b=c]"])
    assert value(word) == ["é.a", "b=c"]


def test_a_file_with_an_equals_sign_in_its_name(tmp_path):
    words = ["task=sentiment", "task.min_count=1", "training.batch_size=8", *QUICK[1:]]
    done = seqexp(tmp_path, *words, f"task.source={CASES / 'd47' / 'fold=1.csv'}")
    assert done.returncode == 0, done.stderr
    assert only_result(tmp_path)[0]["status"] == "FINISHED"


# -- flags and Hydra's words -----------------------------------------------------------------------------------------


def test_the_flags_are_hydras():
    known = {}
    for action in get_args_parser()._actions:
        if action.option_strings:
            takes = None if action.nargs == 0 else tuple(action.choices or ())
            known[max(action.option_strings, key=len)] = (min(action.option_strings, key=len), takes)
    ours = {flag: (short or flag, takes) for flag, (short, takes) in command_line.FLAGS.items()}
    assert ours == known
    assert set(command_line.FUNCTIONS) == set(create_functions().functions)


def test_flags_may_stand_anywhere():
    words = ["seed=1", "-cd", "here", "model=rnn", "--cfg", "job", "-m", "task=copy", "-i", "--", "seed=2"]
    flags = ["--config-dir=here", "--cfg=job", "-m", "--info=all"]
    assert command_line.for_hydra(words) == [*flags, "seed=1", "model=rnn", "task=copy", "seed=2"]


@pytest.mark.parametrize("group, choice", [("experiment", "mine"), ("optimizer", "slow")])
def test_a_folder_of_ones_own_after_other_words(group, choice, tmp_path):
    folder = CASES / ("h04" if group == "experiment" else "h05") / "conf"
    done = seqexp(tmp_path, *QUICK, "--config-dir", str(folder), f"{group}={choice}")
    assert done.returncode == 0, done.stderr
    assert only_result(tmp_path)[0]["seed"] == (5 if group == "experiment" else 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["~training.patience"],
            "a run needs every setting; give it a value, such as training.patience=null",
        ),
        (["~tracking"], "such as tracking=off, or leave the word out"),
        (["~seed"], "such as seed=0"),
        (["~model"], "such as model=gru or model=lstm or model=recursive"),
        (["~sed"], "~sed: no such key, did you mean seed?"),
        (
            ["-m", "hydra.launcher.n_jobs=2"],
            "n_jobs: belongs to hydra/launcher=joblib",
        ),
        (["-m", "hydra.sweeper.trials=3"], "hydra.sweeper.trials: belongs to hydra/sweeper=optuna"),
        (["-m", 'hydra.sweeper.params={seed: "0,1"}'], "works in yaml files only; here type -m seed=0,1"),
        (["--hlep"], "--hlep: no such flag, did you mean --help?"),
        (["--seed=3"], "--seed=3: no such flag, did you mean seed=3?"),
        (["–m"], "–m: no such flag, did you mean -m?"),
        (["--cfg", "jb"], "--cfg: expected one of job, hydra, all; got 'jb'"),
        (["--config-dir"], "--config-dir: expected a value; got ''"),
        (["--multirun=3"], "--multirun: takes no value; got '3'"),
        (["seed=1", "ui"], "did you mean `seqexp ui …`, the command's name first?"),
        (["comapre", "a=rnn"], "did you mean `seqexp compare …`, the command's name first?"),
        (["seed=1", "compare"], "did you mean `seqexp compare …`, the command's name first?"),
        (["foo"], "foo: expected key=value; --help says"),
        (["lstm"], "lstm: expected key=value, did you mean model=lstm?"),
        (["seed", "=", "3"], "seed: expected key=value, did you mean seed=<value>?"),
        (["=3"], "=3: no such key; a word is key=value"),
        (["sée=3"], "sée: no such key"),
        (["training.step=5"], "training.step: no such key, did you mean training.epochs"),
        (["task=adding", "training.step=5"], "did you mean training.epochs or task.steps_per_epoch?"),
        (["trainig.steps=5"], "trainig.steps: no such key, did you mean training.epochs"),
        (["trainig.batch_size=5"], "did you mean training.batch_size?"),
        (["optimizer.lr=5"], "did you mean optimizer.learning_rate?"),
        (["hidden_size=5"], "did you mean model.hidden_size?"),
        (["seed=range(3"], "seed: expected a closing ')'; got 'range(3'; if it is text, type \"seed='range(3'\""),
        (["plugins=[a"], "plugins: expected a closing ']'; got '[a'"),
        (["seed=rnage(1,3)"], "seed: no such function 'rnage', did you mean range?"),
        (["seed=range(a,b)"], "seed: range(…) does not take these; got 'range(a,b)'"),
        (["-m", "task.source=choice(é,b)"], "got 'choice(é,b)'; text goes in a plain list, a,b"),
        (["seed=1,2,"], "seed: expected a value between every two commas; got '1,2,'"),
        (["task.source='abc"], "task.source: expected a closing '; got 'abc"),
        (["seed=1,2"], "seed: expected one value; got '1,2'; add -m for a sweep, or write [1,2] for a list"),
    ],
    ids=lambda case: " ".join(case).encode("ascii", "replace").decode() if isinstance(case, list) else "",
)
def test_what_cannot_be_is_one_line_with_what_to_type(words, says):
    with pytest.raises(UserError) as refused:
        config.composed(command_line.for_hydra(words)[("-m" in words) :])
    assert says in str(refused.value)
    assert "http" not in str(refused.value)


@pytest.mark.parametrize(
    "words", [["seed=range(3"], ["foo"], ["-m", "seed=0,1", "hydra.launcher.n_jobs=2"], ["trainig.steps=5"]]
)
def test_such_a_line_ends_the_program_and_leaves_nothing(words, tmp_path):
    done = seqexp(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


# -- commands --------------------------------------------------------------------------------------------------------


def test_every_command_has_its_name_as_a_first_word(tmp_path):
    assert set(command_line.COMMANDS) == COMMANDS - {"__main__"}
    helped = seqexp(tmp_path, "--help").stdout
    for command in command_line.COMMANDS:
        assert f"\n  {command} " in helped
        done = seqexp(tmp_path, command, "--help")
        assert done.returncode == 0, done.stderr
        alone = [sys.executable, "-m", f"seqexp.{command}", "--help"]
        assert done.stdout == subprocess.run(alone, env=environment(), capture_output=True, text=True).stdout
        wrong = seqexp(tmp_path, command, "--hlep")
        assert wrong.returncode == 2
        assert wrong.stderr == "error: --hlep: no such flag, did you mean --help?; --help says what there is\n"


def test_the_version_is_ours(tmp_path):
    done = seqexp(tmp_path, "seed=1", "--version")
    assert (done.returncode, done.stdout) == (0, f"seqexp {package.__version__}\n")
