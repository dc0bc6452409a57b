"""The page shows true numbers, is small, and obeys nobody but itself."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace

import numpy as np
import pytest

from seqexp.codecs.language import Language
from seqexp.microscope import page as pages
from seqexp.microscope.look import look
from seqexp.microscope.page import page
from seqexp.microscope.units import Found
from seqexp.runs.trained import usable
from seqexp.system.errors import UserError
from tests.microscope.small import content, finished, other, unpacked
from tests.models import oracle

TEXT = "the film was really fine"  # "really" is unknown
NOBODY = Found(why="nobody asked")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return usable(finished(tmp_path_factory.mktemp("run"), "model.hidden_size=6", "model.embedding_size=3"))


def shown(*runs, text=TEXT):
    return page(text, [(look(one, text), NOBODY) for one in runs])


class Numbers:
    """A layer of the page, as its script reads it."""

    def __init__(self, layer, T):
        self.layer, self.T, self.U, self.K = layer, T, len(layer["units"]), len(layer["inputs"])
        self.signals = {name: unpacked(array, T, self.U) for name, array in layer["signals"].items()}
        self.of = {kind: {n: unpacked(a, -1) for n, a in layer[kind].items()} for kind in ("first", "last", "columns")}
        self.x = unpacked(layer["x"], T, self.K)

    def read(self, name, t):
        if name == "x":
            return self.x[t]
        if name.endswith("_prev"):
            return self.signals[name[:-5]][t - 1] if t else self.of["first"][name[:-5]]
        if name.endswith("_next"):
            return self.signals[f"{name[:-5]}_back"][t + 1] if t + 1 < self.T else self.of["last"][name[:-5]]
        return self.of["columns"][name] if name in self.of["columns"] else self.signals[name][t]

    def says(self, equation, t):
        """What the shown products and numbers add up to."""
        total = np.zeros(self.U)
        rests = self.layer["rests"].get(equation["out"], [])
        for (matrix, vector, turned), rest in zip(equation["products"], rests, strict=True):
            W = unpacked(self.layer["matrices"][matrix], self.U, -1)
            total += (W.T if turned else W) @ self.read(vector, t)
            total += 0 if rest is None else unpacked(rest, self.T, self.U)[t]
        if equation["rest"]:
            names = {name: self.read(name, t) for name in equation["names"]}
            functions = {"sigmoid": oracle.sigmoid, "tanh": np.tanh, "step": lambda z: z > 0, "relu": oracle.G["relu"]}
            total += eval(equation["rest"], functions, names)
        return total


def worst(made):
    """The largest difference between a number that is shown and what its equation adds up to."""
    found = []
    for one in content(made)["runs"]:
        for layer in one["layers"]:
            numbers = Numbers(layer, len(one["steps"]))
            for equation in (*layer["forward"], *layer["backward"]):
                for t in range(numbers.T):
                    found.append(np.abs(numbers.says(equation, t) - numbers.read(equation["out"], t)).max())
    return max(found)


@pytest.mark.parametrize("name", ["rnn", "stacked_rnn", "gru", "lstm"])
def test_every_number_is_what_its_equation_adds_up_to_and_h_is_the_oracles(run, name):
    one = other(run, name)
    made = shown(one)
    assert worst(made) < 1e-12
    batch, p = one.codec.encode([TEXT]), one.trained.p
    x = p["embedding/E"][batch.x[:, 0]][:, :, None]
    h, _ = getattr(oracle, name)(p.part("core"), x, np.zeros((one.trained.network.core.state_size, 1)))
    layer = content(made)["runs"][0]["layers"][-1]
    np.testing.assert_allclose(unpacked(layer["signals"]["h"], *h.shape[:2]), h[:, :, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [{"bidirectional": True, "num_layers": 2}, {"embedding_size": 0}])
def test_layers_directions_and_one_hot_tokens_add_up_too(run, settings):
    assert worst(shown(other(run, "lstm", **settings))) < 1e-12


def of_letters(run):
    """The run, as if it had gone on with letters: it answers at steps, here at the last one."""
    tokens = ("<unk>", "\n", *"abcdefghijklmnopqrstuvwxyz ")
    return replace(run, codec=Language("characters", tokens, "\n", 0.8, 5))


@pytest.mark.parametrize("answering", [lambda run: run, of_letters], ids=["last", "steps"])
def test_what_flows_back_to_the_input_is_the_derivative_of_the_answer(run, answering):
    one = other(answering(run), "gru")
    found, network = look(one, TEXT), one.trained.network
    said = list(one.codec.output_words).index(found.said)
    table, batch = one.trained.p["embedding/E"], one.codec.encode([TEXT])
    ids, slopes = batch.x[:, 0].tolist(), []
    step = next(t for t in reversed(range(len(ids))) if ids.count(ids[t]) == 1)  # whose vector no other step reads
    for column in range(table.shape[1]):
        ends = []
        for by in (1e-6, -1e-6):
            table[ids[step], column] += by
            y = network.forward(one.trained.p, batch)[0][:, 0]
            ends.append(y[said] - np.log(np.exp(y).sum()))
            table[ids[step], column] -= by
        slopes.append((ends[0] - ends[1]) / 2e-6)
    assert found.sensitive is not None
    assert np.linalg.norm(slopes) == pytest.approx(found.sensitive[step], rel=1e-6)
    assert found.derived == f"ln p({'␣' if found.said == ' ' else found.said})"


def test_a_large_network_shows_fewer_units_and_its_sums_are_over_all(run, monkeypatch):
    whole = other(run, "lstm", hidden_size=40)
    full = len(shown(whole).html)
    monkeypatch.setattr(pages, "LARGEST", full - 60_000)
    made = shown(whole)
    (layer,) = content(made)["runs"][0]["layers"]
    assert len(made.html) <= full - 60_000
    assert len(layer["units"]) < layer["total"] == 40
    assert worst(made) < 1e-12
    monkeypatch.setattr(pages, "LARGEST", 1_000)
    with pytest.raises(UserError, match="take a part of it, or fewer runs"):
        shown(whole)


def test_a_core_without_equations_shows_what_is_known_of_it(run):
    one = other(run, "lstm", gate_recurrence=True)
    (layer,) = content(shown(one))["runs"][0]["layers"]
    assert (layer["cell"], set(layer["signals"])) == (None, {"h", "c", "f", "i", "o"})
    f, c = (unpacked(layer["signals"][name], 5, 5) for name in "fc")
    assert ((f > 0) & (f < 1)).all()
    assert np.abs(c).max() > 0


def test_a_network_that_overflows_on_a_text_says_so(run):
    one = other(run, "rnn", activation="relu")
    core = one.trained.p.part("core")
    core["W_hh"][:], core["b_h"][:] = 1e200, 1
    found = content(shown(one))["runs"][0]
    assert found["without"] == "the numbers of lstm overflow on this text"
    assert found["soFar"] == found["course"]["values"] == []


def test_a_strangers_words_are_no_html_and_run_no_script(run):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    codec = replace(run.codec, labels=(evil, "<b>&amp;"))
    made = shown(replace(run, codec=codec), text=f"the film {evil}")
    start = made.html.index('id="data">') + len('id="data">')
    data = made.html[start : made.html.index("</script>", start)]
    assert not set("<>&") & set(data)
    assert content(made)["text"] == f"the film {evil}"
    assert made.html.count("<script") == 2
    assert "alert(1)" not in made.html.replace(data, "")


def test_only_the_pages_own_script_may_run_and_nothing_is_loaded(run):
    text = shown(run).html
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "import(",
        "@import",
    ):
        assert way not in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_a_text_of_more_steps_than_a_page_holds_is_refused(run, monkeypatch):
    monkeypatch.setattr("seqexp.microscope.look.STEPS", 4)
    with pytest.raises(UserError, match="expected at most 4 steps; got 5: take a part"):
        look(run, TEXT)


def test_unknown_words_are_marked(run):
    made = shown(run)
    (one,) = content(made)["runs"]
    assert one["steps"] == TEXT.split()
    assert one["unknown"] == [3]
    assert made.unknown() == ["really"]


def test_a_notebook_gets_a_frame_of_its_own(run):
    shows = shown(run)._repr_html_()
    assert shows.startswith('<iframe sandbox="allow-scripts"')
    assert "<script" not in shows
