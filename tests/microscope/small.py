"""Runs for the microscope: a small network on a table of one's own, and others that read the same."""

import json
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np

from seqexp.config.build import build_network
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.runs.trained import Trained
from tests.runs.small import checked

TABLE = "text,label\n" + "".join(
    f"the {thing} number {n} was {word},{label}\n"
    for n in range(12)
    for thing in ("film", "plot")
    for word, label in (("fine", "good"), ("dull", "bad"))
)


def finished(folder, *words):
    """A finished run's directory, on a table that is still there."""
    (folder / "mine.csv").write_text(TABLE)
    of_task = ["task=sentiment", f"task.source={folder}/mine.csv", "task.min_count=1"]
    done = run(checked(*of_task, "model=lstm", "training.epochs=1", "figures=none", *words), Location(folder / "run"))
    assert done.result.status == "FINISHED", done.result.error
    return done.directory


def other(usable, name, **settings):
    """The same run with another network, whose weights are drawn."""
    own = {"lstm": {}, "rnn": {}, "gru": {}, "stacked_rnn": {"num_layers": 2}}[name]
    network = build_network(
        {"name": name, "hidden_size": 5, "embedding_size": 3, "dropout": 0.0, **own, **settings}, usable.codec.shape
    )
    p = network.init(np.random.default_rng(3), np.float64)
    p.flat[:] += 0.5 * np.random.default_rng(4).standard_normal(p.flat.size)
    return replace(usable, trained=Trained(network, p))


def content(page):
    """The data inside a page."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    return json.loads(text)


def unpacked(array, *shape):
    kind = {4: "<f4", 8: "<f8"}[array["n"]]
    return np.frombuffer(b64decode(array["d"]), kind).astype(float).reshape(shape)
