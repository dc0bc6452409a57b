"""Hostile files and checkpoints for ``scripts.long.fuzzing``: valid ones, changed in a few places by hypothesis.

A file is read by its task as ``task.source``; what is accepted is trained on for an epoch, tested and sampled from.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

from seqexp import config
from seqexp.config.build import build_network, build_task
from seqexp.system.errors import Diverged
from seqexp.tasks.artifacts import TextSamples
from seqexp.training import optimizers
from seqexp.training.checkpoints import NEWEST, Checkpoints, Snapshot, load_weights
from seqexp.training.trainer import Trainer, Training

Draw = Callable[[Any], Any]

HOSTILE = [
    *(
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\xc0\xaf",
        b"\x1c",
        b"\x0b",
        b"\x7f",
    ),
    *("\u2028".encode(), "\u0085".encode(), "\u202e".encode(), "e\u0301".encode(), "İßﬁ".encode(), "\u200b".encode()),
    *(
        b'"',
        b"'",
        b'""',
        b"\t",
        b",",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\\",
        b"#",
        b"-",
        b"1-2",
        b"1.1",
        b"_",
        b"%s",
        b"$x$",
    ),
    *(
        b"\\ud800",
        b'"\\ud800\\u0000"',
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b"9" * 5_000,
        b"1e999",
        b"NaN",
        b"-1",
        b"null",
    ),
    *(b"true", b"[]", b"{}", b"1e-400", b"0" * 400, b"128", b"21.5", b"x" * 60_000, b"x " * 9_000, b"\n" * 9_000),
    *(
        b'"' + b"y" * 60_000,
        "😀".encode() * 30,
        b"B-",
        b"I-x",
        b"O",
        b"<unk>",
        b"</s>",
        b"=1+1",
        b"${oc.env:HOME}",
        b"\x1b[2J",
    ),
]


def changed(draw: Draw, whole: bytes) -> bytes:
    """The bytes with up to four changes; one time in five without."""
    for _ in range(draw(st.sampled_from((0, 1, 1, 2, 4)))):
        at = draw(st.integers(0, len(whole)))
        until = min(len(whole), at + draw(st.sampled_from((0, 0, 1, 3, 40, 10_000))))
        kind = draw(st.sampled_from(("hostile", "hostile", "binary", "text", "again", "cut")))
        if kind == "cut":
            whole = whole[:at] + whole[until:]
        elif kind == "again":
            whole = whole[:until] + whole[at:]
        elif kind == "hostile":
            whole = whole[:at] + draw(st.sampled_from(HOSTILE)) + whole[until:]
        elif kind == "binary":
            whole = whole[:at] + draw(st.binary(max_size=20)) + whole[until:]
        else:
            whole = whole[:at] + draw(st.text(max_size=10)).encode("utf-8", "surrogatepass") + whole[until:]
    return whole


WORDS = ("good", "bad", "film", "was", "not", "it's", "Élan", "1984", "?", "naïve", "we", "go")
LABELS = ("a", "b", "c")


def texts(draw: Draw) -> list[list[str]]:
    number = draw(st.integers(3, 40))
    return [[WORDS[(3 * k + j * j) % len(WORDS)] for j in range(1 + k % 7)] + [f"w{k}"] for k in range(number)]


def table(label: str, draw: Draw, suffix: str) -> bytes:
    rows = [(" ".join(words), LABELS[k % 2]) for k, words in enumerate(texts(draw))]
    if suffix == ".jsonl":
        return "".join(json.dumps({"text": text, label: name}) + "\n" for text, name in rows).encode()
    row = '"{}",{}\n' if suffix == ".csv" else "{}\t{}\n"  # a quotation mark in a .tsv is text
    return "".join(row.format(text, name) for text, name in [("text", label), *rows]).encode()


def tagged(draw: Draw, suffix: str) -> bytes:
    tags = draw(st.sampled_from((("NOUN", "VERB"), ("O", "B-x", "I-x"))))
    sentences = []
    for words in texts(draw):
        pairs = [(word, tags[k % len(tags)]) for k, word in enumerate(words * 2)]
        if suffix == ".conllu":
            sentences.append("".join(f"{k}\t{w}\t_\t{t}" + "\t_" * 6 + "\n" for k, (w, t) in enumerate(pairs, 1)))
        else:
            sentences.append("".join(f"{word}\t{tag}\n" for word, tag in pairs))
    return "\n".join(sentences).encode()


def rolls(draw: Draw) -> bytes:
    pieces = [[[21 + (7 * k + 3 * t) % 88, 60] for t in range(2 + k % 9)] for k in range(draw(st.integers(3, 20)))]
    return json.dumps(dict.fromkeys(("train", "valid", "test"), pieces) if draw(st.booleans()) else pieces).encode()


def running_text(draw: Draw) -> bytes:
    return "\n".join(" ".join(words) for words in texts(draw)).encode()


def pairs(draw: Draw) -> bytes:
    return "".join(f"{' '.join(words)}\t{' '.join(words[::-1])}\tmore\n" for words in texts(draw)).encode()


def numbers(draw: Draw) -> bytes:
    width = draw(st.integers(1, 4))
    rows = [[f"{(k * 37 + j * 11) % 100 / 7:.3g}" for j in range(width)] for k in range(draw(st.integers(3, 40)))]
    gaps = draw(st.booleans())
    lines = [
        ",".join([*("?" if gaps and (k + j) % 9 == 0 else one for j, one in enumerate(row)), LABELS[k % 2]])
        for k, row in enumerate(rows)
    ]
    return "\n".join([",".join([*(f"n{j}" for j in range(width)), "label"]), *lines]).encode()


KINDS: dict[str, tuple[str, str, Callable[[Draw, str], bytes]]] = {
    **{
        f"{suffix[1:]} for {task}": (task, suffix, partial(table, label))
        for suffix in (".csv", ".tsv", ".jsonl")
        for task, label in (("sentiment", "label"), ("names", "category"), ("name_origin", "label"))
    },
    "CoNLL-U": ("tagging", ".conllu", tagged),
    "two columns": ("tagging", ".txt", tagged),
    "text for char_lm": ("char_lm", ".txt", lambda draw, suffix: running_text(draw)),
    "text for word_lm": ("word_lm", ".txt", lambda draw, suffix: running_text(draw)),
    "piano rolls": ("polyphony", ".json", lambda draw, suffix: rolls(draw)),
    "tsv for translate": ("translate", ".tsv", lambda draw, suffix: pairs(draw)),
    "tsv for one_to_many": ("one_to_many", ".tsv", lambda draw, suffix: pairs(draw)),
    "csv for one_to_one": ("one_to_one", ".csv", lambda draw, suffix: numbers(draw)),
}
MODEL = {"name": "rnn", "hidden_size": 4, "embedding_size": 3, "dropout": 0.0, "activation": "tanh"}


@cache
def defaults(task: str) -> dict[str, Any]:
    """A task's settings as its yaml has them."""
    loaded = yaml.safe_load((config.conf_directory() / "task" / f"{task}.yaml").read_text())
    return dict(loaded["task"])


def file_case(draw: Draw, folder: Path, which: str = "file") -> tuple[str, int, Callable[[], str]]:
    """What kind of file, its size, and what reads it: that gives how it ended, or raises. ``which``: "file" of any
    kind, "series" of numbers, or one of the ``KINDS``."""
    from scripts.long.fuzz_forms import FORMS  # which is made of the kinds here
    from scripts.long.fuzz_series import SERIES

    groups = {"file": [*KINDS, *FORMS], "series": [*SERIES]}
    kind = draw(st.sampled_from(sorted(groups.get(which, [which]))))
    forms = {**FORMS, **SERIES}
    if kind in forms:
        task, given = forms[kind](draw, folder)
    else:
        task, suffix, make = KINDS[kind]
        path = folder / f"own{suffix}"
        path.write_bytes(changed(draw, make(draw, suffix)))
        given = {"source": str(path)}
    size = sum(file.lstat().st_size for file in folder.glob("**/own*"))
    whole_run = draw(st.integers(0, 5)) == 0
    return kind, size, lambda: _used(defaults(task) | dict(given), whole_run)


def _used(settings: Mapping[str, Any], whole_run: bool) -> str:
    task = build_task(settings, None)
    network = build_network(MODEL, task.shape)
    training = Training(epochs=1, batch_size=4, clip_norm=1.0, patience=None, max_seconds=None)
    trainer = Trainer(network, task, optimizers.create("sgd", learning_rate=0.1, schedule="constant"), training, seed=0)
    try:
        if whole_run:
            outcome = trainer.fit(_Nobody())
            for artifact in outcome.artifacts:
                if isinstance(artifact, TextSamples):
                    str(artifact.rows).encode()
                    "".join(word for row in artifact.rows for word in row).encode()
        else:
            trainer.train_step()
            task.batch(0, "val", 0, 4)
            task.batch(0, "test", 0, 4)
    except Diverged:
        return "diverged"
    if not all(np.isfinite(score) for score in task.baselines().values()):
        raise AssertionError(f"a score without memory is not finite: {task.baselines()}")
    json.dumps([task.fingerprint(), getattr(task, "labels", ())]).encode()
    return "accepted"


class _Nobody:
    """Who does not want to know how training goes."""

    def on_step(self, step: int, total: int, loss: float) -> None: ...
    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None: ...
    def on_boundary(self, trainer: Trainer) -> None: ...


class Saved:
    """A whole checkpoint to change."""

    def __init__(self, folder: Path) -> None:
        self.network = build_network(MODEL, build_task(defaults("adding"), None).shape)
        self.checkpoints = Checkpoints(folder / "checkpoints")
        self.size = self.network.layout.size
        weights = np.arange(self.size, dtype=np.float32)
        self.checkpoints.save(Snapshot({"weights": weights}, {"step": 3}, {"data": "x"}))
        self.whole = self.checkpoints.newest.read_bytes()

    def case(self, draw: Draw) -> tuple[str, int, Callable[[], str]]:
        content = changed(draw, self.whole)
        if draw(st.booleans()):  # the length of the header is the first thing that is read
            header = draw(st.sampled_from((0, 1, 7, 255, 1 << 20, 1 << 31, 1 << 40, (1 << 64) - 1)))
            content = header.to_bytes(8, "little") + content[8:]
        self.checkpoints.folder.joinpath(NEWEST).write_bytes(content)
        return "checkpoint", len(content), lambda: self._used(content)

    def _used(self, content: bytes) -> str:
        if load := len(content) % 2:  # as weights, which have no checksum
            load_weights(self.checkpoints.newest, self.network.layout)
        snapshot = None if load else self.checkpoints.load(8 * self.size)
        if snapshot is not None and not np.array_equal(snapshot.arrays["weights"], np.arange(self.size)):
            raise AssertionError("a changed checkpoint was taken for the whole one")
        return "accepted"
