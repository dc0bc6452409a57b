"""The configs of a sweep's jobs are what Hydra composes, and are composed seldom."""

import shutil
from unittest.mock import Mock, call

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode

from seqexp import config
from seqexp.config import compose
from seqexp.config.job_configs import JobConfigs, ask_seldom_for_the_mode, install


@pytest.fixture
def loaders():
    """Hydra's own loader, this project's, and a sweep's config."""
    config.register_resolvers()
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3", job_name="seqexp"):
        own = GlobalHydra.instance().config_loader()
        words = ["hydra.mode=MULTIRUN", "model=rnn,lstm", "hydra.sweep.dir=here"]
        yield own, JobConfigs(own.get_search_path()), own.load_configuration("config", words, RunMode.MULTIRUN)


@pytest.mark.parametrize(
    "words",
    [
        ["model=rnn", "task=adding", "seed=3", "task.length=7"],
        ["model=rnn", "experiment=quick", "+model.more=2", "++model.others=[1,2]", "training.epochs=2"],
        ["model=lstm", "seed=1", "hydra.job.name=x", "task.source='a b.csv'", "figures=none"],
        ["seed=1", "task.margin={accuracy:0.5}", "model.param_budget=5000"],
        ["seed=1", "seed=2"],
    ],
    ids=" ".join,
)
def test_a_jobs_config_is_hydras_also_the_second_time(loaders, words):
    hydra, ours, sweep = loaders
    want = hydra.load_sweep_config(sweep, words)
    assert ours.load_sweep_config(sweep, words) == want
    other = [word for word in words if not word.startswith("seed")]
    ours.load_sweep_config(sweep, [*other, "seed=9", "training.batch_size=7"])
    assert ours.load_sweep_config(sweep, words) == want


def test_jobs_that_differ_in_values_alone_are_composed_once(loaders, monkeypatch):
    _, ours, sweep = loaders
    composed = Mock(side_effect=ConfigLoaderImpl.load_configuration)
    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", lambda *words, **more: composed(*words, **more))
    for seed in range(3):
        for epochs in (1, 2):
            cfg = ours.load_sweep_config(sweep, ["model=rnn", f"seed={seed}", f"training.epochs={epochs}"])
            assert (cfg.seed, cfg.training.epochs) == (seed, epochs)
    composed.assert_called_once()


@pytest.mark.parametrize("word", ["task.lenght=7", "model=foo", "seed=[", "+seed=3"])
def test_what_hydra_refuses_is_refused_in_the_same_words(loaders, word):
    hydra, ours, sweep = loaders
    said = []
    for loader in (hydra, ours):
        with pytest.raises(HydraException) as error:
            loader.load_sweep_config(sweep, ["task=adding", word])
        said.append(str(error.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "name, words, composes",
    [
        ("config", ["task=adding", "task.length=7", "figures=none", "seed=1,2"], False),
        ("config", ["task=adding", "experiment=quick"], True),
        ("config", ["seed=1,2", "hydra.mode=MULTIRUN"], True),
        ("config", ["+mine=swept"], True),
        ("mine", ["task=adding"], True),
    ],
)
def test_hydra_composes_for_the_mode_only_where_one_may_be_chosen(name, words, composes, monkeypatch):
    composed = Mock(return_value=RunMode.MULTIRUN)
    monkeypatch.setattr(Hydra, "get_mode", composed)
    ask_seldom_for_the_mode()
    hydra = Mock()
    assert Hydra.get_mode(hydra, name, words) == (RunMode.MULTIRUN if composes else None)
    assert composed.mock_calls == [call(hydra, name, words)] * composes


def test_this_processs_hydra_loads_jobs_with_it(loaders, monkeypatch):
    hydra = Mock(config_loader=loaders[0])
    monkeypatch.setattr(GlobalHydra.instance(), "hydra", hydra)
    install()
    assert isinstance(hydra.config_loader, JobConfigs)
    assert hydra.config_loader.get_search_path() == loaders[0].get_search_path()


def test_a_config_composed_again_follows_its_file(tmp_path, monkeypatch):
    conf = tmp_path / "conf"
    shutil.copytree(config.conf_directory(), conf)
    monkeypatch.setattr(compose, "conf_directory", lambda: conf)
    words = ["task=adding", "training.epochs=3"]
    first, again, other = (compose.composed([*words, *more]) for more in ([], [], ["seed=4"]))
    again.training.epochs = 5
    assert (first.training.epochs, compose.composed(words).training.epochs, other.seed) == (3, 3, 4)
    file = conf / "task" / "adding.yaml"
    file.write_text(file.read_text().replace("length: 50", "length: 51"))
    assert compose.composed(words).task.length == 51 != first.task.length
