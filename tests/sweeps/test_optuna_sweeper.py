"""The sweeper's side of Hydra: which words are searched, what is launched, and what is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf, open_dict

from hydra_plugins import seqexp_optuna
from seqexp import config
from seqexp.sweeps import study
from seqexp.sweeps.search_space import Choice, Range
from seqexp.sweeps.search_words import searched
from seqexp.system.errors import UserError
from tests.sweeps.test_study import RATE, SMALL, answer


@given(
    st.floats(1e-6, 1e3), st.floats(1.0001, 1e4), st.booleans(), st.floats(0, 1)
)  # a low end, the factor up to the high one, whether log, and where between
def test_a_rounded_value_is_still_in_its_range(low, factor, log, share):
    one = Range(low, low * factor, log=log)
    value = low + share * (one.high - low)
    assert one.low <= float(one.word(value)) <= one.high
    assert float(one.word(value)) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    "text, found",
    [
        ("interval(0.1,0.5)", Range(0.1, 0.5)),
        ("tag(log,interval(1e-4,3e-2))", Range(1e-4, 3e-2, log=True)),
        ("int(interval(4,9))", Range(4, 9)),
        ("tag(log,int(interval(4,64)))", Range(4, 64, log=True)),
        ("range(1,8,3)", Range(1, 7, 3)),
        ("range(8,1,-3)", Range(2, 8, 3)),
        ("range(0,0.3,0.1)", Range(0.0, 0.2, 0.1)),
        ("choice(tanh,relu,tanh)", Choice(("tanh", "relu"))),
        ("interval(1,1)", "others between; got interval"),
        ("interval(2,1)", "others between; got interval"),
        ("interval(nan,1)", "others between; got interval"),
        ("range(5,5)", "others between; got range"),
        ("range(1,5,0)", "others between; got range"),
        ("tag(log,interval(0,1))", "numbers above 0"),
        ("tag(log,range(1,9,2))", "tag(log"),
        ("tag(lin,interval(1,2))", "expected no tag, or tag(log"),
        ("tag(log,choice(1,2))", "expected no tag, or tag(log"),
    ],
)
def test_hydras_grammar(text, found):
    (override,) = OverridesParser.create().parse_overrides([f"some.key={text}"])
    if isinstance(found, str):
        with pytest.raises(UserError, match=r"some\.key: expected") as error:
            searched("some.key", override.value())
        assert found in str(error.value)
    else:
        one = searched("some.key", override.value())
        assert one == found
        one.distribution()  # Optuna takes it without a warning


class Launcher:
    """Answers with made-up records, and keeps the words of what it was asked to run."""

    def __init__(self, sweep_dir):
        self.sweep_dir, self.launched = sweep_dir, []

    def launch(self, jobs, initial_job_idx):
        self.launched.append(jobs)
        for number, words in enumerate(jobs, initial_job_idx):
            values = dict(word.lstrip("+").partition("=")[::2] for word in words)
            replace(answer(values), overrides=values, job=number).write(self.sweep_dir)
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = None
        return [done] * len(jobs)


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Runs a tuned sweep's words through the sweeper; gives its launcher."""
    monkeypatch.chdir(tmp_path)
    config.register_resolvers()

    def go(*more: str) -> Launcher:
        words = [*SMALL, *more]
        with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            own = [word for word in words if word.startswith("hydra.")]
            cfg = loader.load_configuration(
                "config", ["hydra/sweeper=optuna", *words, "hydra.sweep.dir=swept"], run_mode=RunMode.MULTIRUN
            )
            given: Any = OmegaConf.to_container(cfg.hydra.sweeper)
            del given["_target_"]
            sweeper = seqexp_optuna.OptunaSweeper(**given)
            context = HydraContext(config_loader=loader, callbacks=Callbacks())
            with open_dict(cfg):
                sweeper.setup(hydra_context=context, task_function=lambda cfg: None, config=cfg)
            launcher: Any = Launcher(tmp_path / "swept")
            sweeper.launcher = launcher
            (tmp_path / "swept").mkdir(exist_ok=True)
            sweeper.sweep([word for word in words if word not in own])
            return launcher

    return go


def test_each_listed_value_has_a_study_and_its_winner_fresh_seeds(swept, tmp_path):
    words = ["model=rnn,lstm", "task.length=6,8", "hydra.sweeper.trials=3", "hydra.sweeper.seeds=2"]
    launched = swept(*words, "hydra.sweeper.batch=2", "model.dropout=choice(0,0.5)").launched
    assert [len(jobs) for jobs in launched] == [8, 4, 8]  # two trials of four studies, one of each, two seeds of each
    trials, winners = [*launched[0], *launched[1]], launched[2]
    assert all("seed=1000" in words and "test=false" in words for words in trials)
    assert not any("test=false" in words for words in winners)
    assert [words[-1] for words in winners] == ["seed=0", "seed=1"] * 4
    found = study.left_in(tmp_path / "swept")
    assert len({(one["model"], one["varied"]["task.length"]) for one in found}) == 4
    for one in found:
        stored = json.loads((tmp_path / one["file"]).read_text())
        assert stored == {key: value for key, value in one.items() if key != "file"}
        assert len(stored["signatures"]) == 2
        assert set(stored["space"]) == {RATE, "model.dropout"}
        best = min(stored["scores"], key=lambda score: score["score"])
        assert stored["best"] == best["values"]
        assert f"++{RATE}={best['values'][RATE]!r}" in winners[2 * found.index(one)]


def test_an_experiment_names_what_it_sweeps_and_a_word_replaces_it(swept):
    one = ["experiment=odyssey", "hydra.sweeper.trials=1", "hydra.sweeper.seeds=1"]
    trials, winners = swept(*one).launched
    variants = ["lstm", *(f"lstm_{name}" for name in ("peephole", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr"))]
    for jobs in (trials, winners):
        assert sorted(word for words in jobs for word in words if word.startswith("model=")) == sorted(
            f"model={name}" for name in variants
        )
    assert [len(jobs) for jobs in swept(*one, "model=rnn,lstm").launched] == [2, 2]


@pytest.mark.parametrize(
    "words, says",
    [
        (["hydra.sweeper.sampler=cmaes"], "hydra.sweeper.sampler: expected 'tpe', 'random' or 'grid'; got 'cmaes'"),
        (["hydra.sweeper.trials=0"], "hydra.sweeper.trials: expected a number greater than or equal to 1; got 0"),
        (["hydra.sweeper.batch=0"], "hydra.sweeper.batch: expected a number greater than or equal to 1; got 0"),
        (["hydra.sweeper.tuning_seed=4"], "hydra.sweeper.tuning_seed: expected a seed that no winner runs on, 5"),
        (["hydra.sweeper.space=null"], "hydra.sweeper.space: expected a key to search"),
        (["model=choice(rnn,lstm)"], "model: expected a plain list"),
        (["seed=0,1"], "seed: not for a tuned sweep"),
        (["test=true"], "test: not for a tuned sweep"),
        (["model=rnn,lstm", "++model.activation=choice(tanh,relu)"], "model.activation: no such key"),
        ([f"{RATE}=interval(-1,1)"], f"{RATE}: expected a number greater than 0; got -1.0"),
        (["training.batch_size=interval(4,9)"], "training.batch_size: expected a valid integer"),
        (["training.batch_size=choice(4,many)"], "training.batch_size: expected a valid integer"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_bad_input_is_refused_before_anything_is_run(words, says, swept, tmp_path):
    with pytest.raises(UserError) as error:
        swept(*words)
    assert says in str(error.value)
    assert not (tmp_path / "runs").exists()
    assert not list((tmp_path / "swept").iterdir())
