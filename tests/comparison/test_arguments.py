"""The words of compare: what each means, alone and together, and what is said of those that mean nothing."""

import pytest

from seqexp import config
from seqexp.comparison.arguments import Arguments, margins, parsed, settings_of, tracking
from seqexp.sweeps.launch import composed
from seqexp.sweeps.search_space import Range
from seqexp.system.errors import UserError
from seqexp.training import optimizers

config.register_resolvers()


def words(line):
    return parsed(line.split())


def test_without_words_everything_is_compared_as_usual():
    assert words("") == Arguments()
    assert (Arguments().level, Arguments().max_seeds, Arguments().run) == (0.95, 20, False)


# -- words of its own ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "models", "pairs"),
    [
        ("a=rnn b=lstm", ["rnn", "lstm"], [("rnn", "lstm")]),
        ("b=rnn a=lstm", ["lstm", "rnn"], [("lstm", "rnn")]),
        ("models=rnn,lstm", ["rnn", "lstm"], [("rnn", "lstm")]),
        ("models=rnn,lstm,rnn", ["rnn", "lstm"], [("rnn", "lstm")]),
        ("models=rnn,stacked_rnn,lstm", ["rnn", "stacked_rnn", "lstm"], None),
        ("models=rnn,lstm a=lstm", ["lstm", "rnn"], [("lstm", "rnn")]),
        ("models=rnn,lstm b=rnn", ["lstm", "rnn"], [("lstm", "rnn")]),
        ("a=rnn b=lstm models=stacked_rnn,lstm,rnn", ["rnn", "lstm", "stacked_rnn"], [("rnn", "lstm")]),
        ("a=lstm models=rnn,gru", ["lstm", "rnn", "gru"], [("lstm", "rnn"), ("lstm", "gru")]),
        ("models=rnn,gru,lstm a=gru", ["gru", "rnn", "lstm"], [("gru", "rnn"), ("gru", "lstm")]),
    ],
)
def test_a_and_b_and_models_name_what_is_compared_with_what(line, models, pairs):
    given = words(line)
    assert (given.models, given.pairs) == (models, pairs)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("task=adding", "tasks", ["adding"]),
        ("task=copy,adding,copy", "tasks", ["copy", "adding"]),
        ("metric=accuracy", "metric", "accuracy"),
        ("match=params", "match", "params"),
        ("match=hidden", "match", "hidden"),
        ("match=seconds", "match", "seconds"),
        ("margin=0", "margin", 0.0),
        ("margin=1e-3", "margin", 0.001),
        ("level=0.9", "level", 0.9),
        ("level=0.999", "level", 0.999),
        ("max_seeds=2", "max_seeds", 2),
        ("max_seeds=1e2", "max_seeds", 100),
        ("run=false", "run", False),
        ("out=some/where", "out", "some/where"),
        ("sweep=2025-01-01", "sweep", "2025-01-01"),
        ("study=one", "studies", ["one"]),
        ("study=one,two", "studies", ["one", "two"]),
        ("plugins=[my.module]", "passed", ["plugins=[my.module]"]),
    ],
)
def test_each_word_sets_one_thing(line, key, value):
    given = words(line)
    assert given == Arguments(**{key: value})
    assert type(getattr(given, key)) is type(value)


@pytest.mark.parametrize(
    ("line", "tasks", "filters"),
    [
        ("experiment=quick", ["hello"], {"task.feed": "previous"}),
        ("experiment=atis", ["tagging"], {"task.source": "atis"}),
        ("experiment=jsb_chorales", ["polyphony"], {"task.source": "jsb-chorales", "task.length": 160}),
        ("experiment=jsb_chorales task.length=20", ["polyphony"], {"task.source": "jsb-chorales", "task.length": 20}),
        ("experiment=memory_horizon", ["adding"], {}),
        ("experiment=memory_horizon task=copy", ["copy"], {}),
    ],
)
def test_an_experiment_gives_its_task_and_the_tasks_settings_unless_a_word_says_otherwise(line, tasks, filters):
    given = words(line)
    assert (given.tasks, given.filters) == (tasks, filters)


# -- settings of the runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "filters"),
    [
        ("task.length=20", {"task.length": 20}),
        ("task.carry_state=true", {"task.carry_state": True}),
        ("task.source=a.csv", {"task.source": "a.csv"}),
        ("model.hidden_size=16", {"model.hidden_size": 16}),
        ("model.param_budget=null", {"model.param_budget": None}),
        ("model.forget_bias=2", {"model.forget_bias": 2.0}),
        ("training.epochs=3", {"training.epochs": 3}),
        ("training.clip_norm=null", {"training.clip_norm": None}),
        ("optimizer=sgd", {"optimizer.name": "sgd"}),
        ("optimizer.beta1=0.8", {"optimizer.beta1": 0.8}),  # of adam, the default
        ("dtype=float64", {"dtype": "float64"}),
        ("threads=2", {"threads": 2}),
        ("data_dir=elsewhere", {}),  # decides nothing
    ],
)
def test_a_setting_selects_the_runs_that_have_it_and_is_passed_to_runs_that_are_made(word, filters):
    given = words(word)
    assert given == Arguments(passed=[word], filters=filters)
    assert [type(value) for value in given.filters.values()] == [type(value) for value in filters.values()]


def test_an_optimizers_settings_are_those_of_the_one_chosen():
    given = words("optimizer=momentum optimizer.momentum=0.5")
    assert given.filters == {"optimizer.name": "momentum", "optimizer.momentum": 0.5}
    with pytest.raises(UserError, match=r"^optimizer\.momentum: no such key"):
        words("optimizer.momentum=0.5")


def test_a_setting_of_one_of_the_models_or_tasks_is_enough():
    assert words("models=rnn,lstm model.forget_bias=2").filters == {"model.forget_bias": 2.0}
    assert words("task=copy,adding task.delay=9").filters == {"task.delay": 9}
    with pytest.raises(UserError, match=r"^model\.forget_bias: no such key"):
        words("models=rnn,stacked_rnn model.forget_bias=2")
    with pytest.raises(UserError, match=r"^task\.delay: no such key"):
        words("task=adding task.delay=9")


def test_a_task_of_which_there_are_runs_need_have_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("seqexp.runs.location.Location.root", tmp_path)
    with pytest.raises(UserError, match=r"^task: expected one of .*; got 'prices'$"):
        words("task=prices")
    (tmp_path / "prices").mkdir()
    assert words("task=prices").tasks == ["prices"]


def test_where_mlflow_lies_selects_no_runs():
    assert words("tracking=off").filters == words("tracking.uri=x.db").filters == {}
    assert tracking(words("")) == tracking(words("tracking=mlflow"))
    assert tracking(words("tracking=off"))["name"] == "off"
    there = tracking(words("tracking.uri=x.db tracking.experiment_name=mine"))
    assert there == tracking(words("")) | {"uri": "x.db", "experiment_name": "mine"}
    with pytest.raises(UserError, match=r"^tracking: expected one of mlflow, off; got 'wandb'$"):
        tracking(words("tracking=wandb"))


def test_margins_are_those_of_the_tasks_yaml_files():
    assert margins(["adding", "copy"]) == {"adding": {"mse": 0.005}, "copy": {"symbol_accuracy": 0.01}}
    assert margins(["of a plug-in without a yaml file"]) == {"of a plug-in without a yaml file": {}}


def test_the_defaults_of_a_model_on_a_task_are_flat():
    defaults = settings_of("lstm", "copy")
    assert (defaults["model.name"], defaults["task.name"], defaults["seed"]) == ("lstm", "copy", 0)
    assert "model.forget_bias" in defaults
    assert "model.forget_bias" not in settings_of("rnn", "copy")


# -- what is refused -------------------------------------------------------------------------------------------------

NO_MODELS = "run: expected models to compare, as in run=true a=rnn b=lstm, or a=lstm models=rnn,gru"
PAIR = "a=rnn b=lstm task=adding run=true"
MODELS, OPTIMIZERS = ", ".join(sorted(config.conf_files("model"))), ", ".join(optimizers.names())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rnn", "rnn: expected key=value, did you mean a=rnn or b=rnn?; --help lists the words"),
        ("copy", "copy: expected key=value, did you mean task=copy?; …"),
        ("tsk", "tsk: expected key=value, did you mean task=<value>?; …"),
        ("metric=", "metric=: expected key=value, did you mean metric=<value>?; …"),
        ("a=rnn a=lstm", "a: expected once; got 'rnn' and 'lstm'"),
        ("--models", "--models: no such flag…"),
        ("a=rnn", "b: expected a model to compare rnn with; got none"),
        ("b=rnn", "a: expected a model to compare rnn with; got none"),
        ("b=rnn models=rnn,stacked_rnn,lstm", "a: expected a model to compare rnn with; got none"),
        ("a=rnn b=rnn", "a, b: expected two models; got 'rnn' twice"),
        ("a=rnn,lstm", "a, b: expected one model each; for several say models=rnn,stacked_rnn,lstm"),
        ("models=rnn", "models: expected at least two; got 'rnn' alone"),
        ("models=lsmt", f"models: expected one of {MODELS}; got 'lsmt'; did you mean lstm?"),
        ("models=rnn,zzz", f"models: expected one of {MODELS}; got 'zzz'"),
        ("task=addin", "task: expected one of adding, …"),
        ("experiment=atsi", "experiment: expected one of atis, …"),
        ("match=both", "match: expected one of params, hidden, seconds; got 'both'"),
        ("margin=-1", "margin: expected a number of at least 0; got '-1'"),
        ("margin=inf", "margin: expected a number of at least 0; got 'inf'"),
        ("margin=much", "margin: expected a number of at least 0; got 'much'"),
        ("level=0", "level: expected a number between 0 and 1, such as 0.95; got '0'"),
        ("level=1", "level: expected a number between 0 and 1, such as 0.95; got '1'"),
        ("level=nan", "level: expected a number between 0 and 1, such as 0.95; got 'nan'"),
        ("max_seeds=1", "max_seeds: expected a whole number of at least 2; got '1'"),
        ("max_seeds=2.5", "max_seeds: expected a whole number of at least 2; got '2.5'"),
        ("run=yes", "run: expected true or false; got 'yes'"),
        ("model=rnn", "model: no such word, did you mean models?; legal here: a, b, task, …"),
        ("task.=3", "task.: no such word, did you mean task?; …"),
        ("training=3", "training: no such word…"),
        ("task.lenght=3", "task.lenght: no such key, did you mean length?; legal here: …"),
        ("training.epochs=x", "training.epochs: expected a valid integer…"),
        ("training.epochs=1,2", "training.epochs: expected one value; got '1,2'; compare one configuration at a time"),
        ("task.length=[", "task.length: expected a closing ']'…"),
        ("dtype=float16", "dtype: expected 'float32' or 'float64'; got 'float16'"),
        ("optimizer=adm", f"optimizer.name: expected one of {OPTIMIZERS}; got 'adm'; did you mean adam?"),
        ("tracking.urj=x", "tracking.urj: no such key, did you mean uri?; legal here: name, uri, …"),
        (
            f"{PAIR} models=rnn,stacked_rnn,lstm",
            NO_MODELS,
        ),
        (
            "run=true task=adding",
            NO_MODELS,
        ),
        ("run=true a=rnn b=lstm", "run: expected one task, as in run=true task=adding"),
        ("run=true a=rnn b=lstm task=adding,copy", "run: expected one task, as in run=true task=adding"),
        (f"{PAIR} sweep=x", "run: expected no sweep= beside it, since it makes its own runs"),
        (f"{PAIR} study=x tuned=false", "study: expected no tuned=false beside it, since a study is a tuning"),
        (f"{PAIR} tuned=maybe", "tuned: expected true or false; got 'maybe'"),
        (f"{PAIR} trials=0", "trials: expected a whole number from 1 to 1000; got '0'"),
        (f"{PAIR} budget=many", "budget: expected a whole number of parameters, such as 5000; got 'many'"),
        (
            f"{PAIR} budget=5000 match=hidden",
            "budget: expected no match=hidden beside it, since it is the parameters of every model",
        ),
        (f"{PAIR} budgets=small,huge", "budgets: expected two or three of small, medium, large; got 'huge'"),
        (f"{PAIR} budgets=small", "budgets: expected two or three of small, medium, large; got 'small' alone"),
        (f"{PAIR} first_seed=-1", "first_seed: expected a whole number from 0 to 2147483648; got '-1'"),
        (
            f"{PAIR} task.length=range(5,9)",
            "task.length: expected one value; got 'range(5,9)'; what a search may choose are keys of …",
        ),
        (
            f"{PAIR} tuned=false optimizer.learning_rate=interval(1e-3,1e-2)",
            "optimizer.learning_rate: expected one value beside tuned=false, which searches nothing",
        ),
        ("trials=4", "trials=4: expected run=true beside it; without, nothing is run"),
        ("stop=soon", "stop: expected never, which trains both models for all epochs; got 'soon'"),
        (
            "stop=never training.patience=3",
            "training.patience: expected no such word beside stop=never; got '3'",
        ),
        ("hydra/launcher=joblib", "hydra/launcher=joblib: expected run=true beside it; without, nothing is run"),
        (f"{PAIR} match=seconds", "match=seconds: expected training.max_seconds=<seconds> beside it; got none"),
    ],
)
def test_what_means_nothing_is_refused_with_what_is_legal(line, says):
    with pytest.raises(UserError) as refused:
        words(line)
    told, more = says.removesuffix("…"), says.endswith("…")
    assert str(refused.value).startswith(told) if more else str(refused.value) == told


def test_what_run_asks_for_is_enough():
    assert words(f"{PAIR} match=seconds training.max_seconds=3").filters == {"training.max_seconds": 3.0}
    assert words(PAIR) == Arguments(tasks=["adding"], models=["rnn", "lstm"], pairs=[("rnn", "lstm")], run=True)


def test_a_range_is_searched_and_is_no_setting_of_a_run():
    taken = words(f"{PAIR} optimizer.learning_rate=tag(log,interval(1e-3,1e-1)) trials=5 training.epochs=3")
    assert taken.asked.space == {"optimizer.learning_rate": Range(1e-3, 1e-1, log=True)}
    assert taken.asked.trials == 5
    assert taken.passed == ["training.epochs=3"]
    assert taken.filters == {"training.epochs": 3}


def test_a_launchers_words_are_kept_for_the_launcher():
    taken = words(f"{PAIR} hydra/launcher=joblib hydra.launcher.n_jobs=3")
    assert taken.launcher == ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]
    assert taken.passed == []


def test_a_launcher_is_told_where_runs_are_kept():
    taken = words(f"{PAIR} hydra/launcher=ray tracking=off training.epochs=3")
    assert taken.launching == ("hydra/launcher=ray", "tracking=off")
    assert composed(taken.launching)[1].tracking.name == "off"


def test_a_cache_is_a_word_of_runs_that_are_made():
    taken = words(f"{PAIR} cache=false")
    assert (taken.passed, taken.filters) == (["cache=false"], {})
    with pytest.raises(UserError, match=r"^cache: expected a valid boolean"):
        words(f"{PAIR} cache=often")


def test_stop_never_is_a_setting_of_runs_that_are_made_and_of_those_that_are_read():
    taken = words(f"{PAIR} stop=never")
    assert taken.passed == ["training.patience=null", "training.stop_when_solved=false"]
    assert taken.filters == {"training.patience": None, "training.stop_when_solved": False}


def test_a_hint_is_a_word_that_compare_takes():
    with pytest.raises(UserError, match=r"^sed: no such word; legal here: "):
        words("sed=3")
    with pytest.raises(UserError, match=r"^lr: no such word, did you mean optimizer\.learning_rate\?"):
        words("lr=3")
