"""A model's variant has a name of its own: a yaml file, or a word on the command line."""

import pytest

from seqexp import config, models
from seqexp.comparison.arguments import parsed, settings_of
from seqexp.config import schema
from seqexp.config.build import build_network
from seqexp.config.compose import keys_of
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.tasks import Shape

OF_GREFF = {  # Greff et al. 2017, section 3; V is the vanilla LSTM
    "lstm_peephole": {},
    "lstm_nig": {"freeze_gates": ("i",)},
    "lstm_nfg": {"freeze_gates": ("f",)},
    "lstm_nog": {"freeze_gates": ("o",)},
    "lstm_niaf": {"candidate_activation": "identity"},
    "lstm_noaf": {"output_activation": "identity"},
    "lstm_cifg": {"coupled": True},
    "lstm_fgr": {"gate_recurrence": True},
}
CHAIN = Shape(inputs=3, tokens=False, outputs=2, answers="last", loss="softmax")


@pytest.fixture(autouse=True)
def _resolvers():
    config.register_resolvers()


def composed(*words):
    return config.check(config.composed([*words, "task=adding", "tracking=off"]))


@pytest.mark.parametrize("name", OF_GREFF)
def test_the_variants_of_greff(name):
    plain, variant = composed("model=lstm").settings["model"], composed(f"model={name}").settings["model"]
    assert variant == plain | {"name": name, "peepholes": True} | OF_GREFF[name]
    assert {"core/p_f", "core/p_o"} < set(build_network(variant, CHAIN).layout.names())


@pytest.mark.parametrize("name", models.names())
def test_a_models_file_shows_every_setting_there_is(name):
    given = set(config.composed([f"model={name}", "tracking=off"]).model)
    assert given == {*schema.NETWORK, *models.own_fields(name), *models.arrangement_fields(name)}


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_two_directions_have_a_name(name):
    plain = composed(f"model={name}", "model.bidirectional=true").settings["model"]
    assert composed(f"model={name}_bidirectional").settings["model"] == plain | {"name": f"{name}_bidirectional"}


def test_every_file_of_a_variant_is_one_of_them():
    both = {f"{name}_bidirectional" for name in ("rnn", "gru", "lstm")}
    assert set(config.conf_files("model")) == {*models.names(), *OF_GREFF, *both}


def test_a_variant_by_another_name_is_another_run_of_the_same_model(tmp_path):
    words = ("model.hidden_size=4", "training.epochs=1", "task.steps_per_epoch=2", "task.examples=8")
    mine = composed("model=lstm", "model.name=lstm_mine", "model.peepholes=true", *words)
    done = run(mine, Location(root=tmp_path))
    assert (done.result.status, done.result.model) == ("FINISHED", "lstm_mine")
    assert done.directory.parent == tmp_path / "adding" / "lstm_mine"
    assert config.stored(done.directory / "config.yaml").signature == mine.signature
    assert mine.signature != composed("model=lstm", "model.peepholes=true", *words).signature


def test_a_name_that_is_no_models():
    known = {"stacked_rnn": "stacked_rnn", "rnn_x": "rnn", "stacked_rnn_x": "stacked_rnn"}
    assert {name: models.model_of(name) for name in known} == known
    for name in ("lstmx", "nosuch_x", "lstm_../x", "lstm_a b"):
        with pytest.raises(UserError, match=r"^model.name: expected one of gru, lstm, recursive, rnn, stacked_rnn"):
            models.model_of(name)
    with pytest.raises(UserError, match=r"^model.name: expected one of"):
        models.create("lstm_nig", input_size=2, hidden_size=2)  # whose settings only a config has


def test_variants_are_compared():
    words = parsed(["a=lstm", "b=lstm_nig", "task=adding"])
    assert words.pairs == [("lstm", "lstm_nig")]
    assert settings_of("lstm_nig", "adding")["model.freeze_gates"] == ["i"]
    assert parsed(["a=lstm", "b=lstm_mine", "task=adding"]).models == ["lstm", "lstm_mine"]
    with pytest.raises(UserError, match=r"^models: expected one of gru, .*lstm, .*did you mean lstm_nig"):
        parsed(["a=lstm", "b=lstmnig", "task=adding"])


def test_a_wrong_key_of_a_variant_names_those_of_its_model():
    assert {"name", "peepholes", "hidden_size", "dropout"} < set(keys_of("model", ["model=lstm_nig"]))


@pytest.mark.parametrize(
    "words, says",
    [
        (["model.coupled=true", "model.freeze_gates=[i]"], "model.coupled: expected false where the input gate is"),
        (["model.peepholes=true", "model.freeze_gates=[f,i,o]"], "model.peepholes: expected false where all gates"),
        (["model.candidate_activation=relu"], "model.candidate_activation: expected 'tanh' or 'identity'"),
    ],
)
def test_switches_that_do_not_go_together(words, says):
    with pytest.raises(UserError) as error:
        build_network(composed("model=lstm", *words).settings["model"], CHAIN)
    assert str(error.value).startswith(says)
