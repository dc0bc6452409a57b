"""Every task has the data that it had, and its runs can be used without them: what is typed, what is answered, and the
score of the answers."""

import csv
import hashlib
import io
import json
import math
from collections import defaultdict
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from seqexp import tasks
from seqexp.codecs import Options
from seqexp.config.build import build_network, build_optimizer, build_task
from seqexp.numerics.functions import softplus
from seqexp.runs.tables import rows_as_csv
from seqexp.runs.trained import EVALUATED, Trained, predictions
from seqexp.tasks import listops, logic, polyphony, sentiment, series_classify, tagging, treebank, video
from seqexp.training.trainer import Trainer, Training
from tests.runs.small import checked

TEXT = "to be or not to be , that is the question .\nwhether to suffer or to take arms .\n" * 30
LABELLED = "text,label\n" + "".join(
    f"{word} number {n} is here,{label}\n" for n in range(20) for word, label in (("Anna", "red"), ("Zoë", "blue"))
)
SMALL = {
    "adding": ["task.length=6", "task.examples=70"],
    "caption": [],
    "char_lm": ["task.source=TEXT", "task.length=3", "task.carry_state=true"],
    "copy": ["task.delay=3", "task.symbols=3", "task.examples=70"],
    "digits": ["task.permuted=true"],
    "forecast": ["task.source=seasonal", "task.steps=700", "task.window=8", "task.horizon=3"],
    "formal": ["task.train_length=10", "task.test_lengths=[12,14]", "task.examples=40"],
    "hello": [],
    "listops": ["task.examples=20", "task.depth=2"],
    "logic": ["task.examples=20", "task.depth=3"],
    "melody": [],
    "name_origin": ["task.source=TABLE", "task.text_column=text", "task.label_column=label"],
    "names": ["task.source=TABLE", "task.text_column=text", "task.label_column=label"],
    "offensive": ["task.source=TABLE", "task.min_count=1"],
    "one_to_many": ["task.source=PAIRS", "task.min_count=1"],
    "one_to_one": ["task.source=wine"],
    "polyphony": ["task.examples=20"],
    "right_context": ["task.length=6", "task.examples=70"],
    "sentiment": ["task.examples=20"],
    "series_classify": ["task.examples=70"],
    "tagging": ["task.examples=60", "task.lookahead=1"],
    "temporal_order": ["task.length=12", "task.examples=70"],
    "translate": ["task.examples=50", "task.largest=300"],
    "treebank": ["task.examples=40", "task.nodes=true"],
    "video": ["task.examples=20"],
    "word_lm": ["task.source=TEXT", "task.length=8"],
}
every_task = pytest.mark.parametrize("name", tasks.names())


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """name -> its task, a network with drawn weights, the trainer that has both, and the rows of predictions.csv."""
    folder, made = tmp_path_factory.mktemp("own"), {}
    patch = pytest.MonkeyPatch()
    for module in (polyphony, treebank, listops, logic, sentiment, series_classify, tagging, video):
        patch.setattr(module, "GENERATED_SIZES", {"val": 10, "test": 70})  # more than a batch, and quickly made
    (folder / "text.txt").write_text(TEXT)
    (folder / "table.csv").write_text(LABELLED)
    (folder / "pairs.tsv").write_text(
        "".join(f"{word}\tThe {word} has {n} legs.\n" for n in range(20) for word in "ab")
    )

    def make(name):
        if name not in made:
            words = [word.replace("=TEXT", f"={folder}/text.txt") for word in SMALL[name]]
            words = [word.replace("=TABLE", f"={folder}/table.csv") for word in words]
            words = [word.replace("=PAIRS", f"={folder}/pairs.tsv") for word in words]
            run_config = checked(f"task={name}", "model=lstm", "training.batch_size=16", *words)
            task = build_task(run_config.settings["task"], None)
            network = build_network(run_config.settings["model"], task.shape)
            training = Training(**run_config.group("training"))
            trainer = Trainer(network, task, build_optimizer(run_config.settings["optimizer"]), training, seed=3)
            trainer.p.flat[:] *= 3  # answers that differ from each other
            rows = list(predictions(task, network, trainer.p, max(16, EVALUATED)))
            made[name] = task, trainer, list(csv.DictReader(io.StringIO(rows_as_csv(rows))))
        return made[name]

    yield make
    patch.undo()


def arrays(value):
    """All arrays of a batch."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays(getattr(value, field.name))


@every_task
def test_its_data_are_those_that_its_stored_runs_have_read(asked, name):
    """Else a run with the signature of an older one would be another run. Where that is meant, give the task a field
    that says which data it has, and batches.json the new digest."""
    task = asked(name)[0]
    digest = hashlib.sha256(task.fingerprint().encode())
    for seed, split in ((0, "train"), (1, "train"), (0, "val"), (0, "test")):
        for array in arrays(task.batch(seed, split, 0, 16)):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update((np.round(array.astype(np.float64), 5) + 0.0).tobytes())  # a CPU's sine may differ in a bit
    known = json.loads(Path(__file__).with_name("batches.json").read_text(encoding="utf-8"))
    assert digest.hexdigest()[:16] == known.get(name)


def by_batch(rows, terms):
    """The sum over batches of the sums of each batch's terms, as a scorer adds them up."""
    batches = defaultdict(list)
    for row in rows:
        batches[row["batch"]].append(row)
    return sum(float(terms(batch).sum()) for batch in batches.values()), len(rows)


def mean_nats(rows):
    total, count = by_batch(rows, lambda batch: np.array([float(row["nats"]) for row in batch]))
    return total / count


def mean_squares(rows):
    def terms(batch):
        return np.square([float(row["answer"]) - float(row["truth"]) for row in batch])

    total, count = by_batch(rows, terms)
    return total / count


def mean_scaled(rows):
    """Steps first, as the run adds them up."""
    answer, truth, scale = (
        np.array([float(row[key]) for row in rows]) for key in ("answer", "truth", "seasonal error")
    )
    return float(np.mean(np.ascontiguousarray((np.abs(answer - truth) / scale).reshape(-1, 3).T)))


def symbols(rows, drop=()):
    pairs = [p for row in rows for p in zip(row["truth"].split(), row["answer"].split(), strict=True)]
    return float(np.mean([a == b for a, b in pairs if a not in drop]))


def nats_a_frame(rows):
    def terms(batch):
        y = np.array([row["logits"].strip("[]").split(", ") for row in batch], np.float32).T
        truth = np.zeros_like(y)
        for n, row in enumerate(batch):
            truth[[int(note) - 21 for note in row["truth"].split()], n] = 1
        return np.float64((softplus(y) - truth * y).sum(dtype=np.float64))

    total, count = by_batch(rows, terms)
    return total / count


def accuracy(rows):
    rows = [row for row in rows if row.get("beside", "0") == "0"]
    return accuracy_score([row["truth"] for row in rows], [row["answer"] for row in rows])


def macro_f1(rows):
    return f1_score([row["truth"] for row in rows], [row["answer"] for row in rows], average="macro")


def exact(rows):
    return float(np.mean([row["truth"] == row["answer"] for row in rows]))


def notes(rows):
    pairs = [p for row in rows for p in zip(row["truth"].split(), row["answer"].split(), strict=True)]
    return sum(a == b != "0" for a, b in pairs) / sum(a != "0" for a, _ in pairs)


SCORES = {
    "mse": mean_squares,
    "mase": mean_scaled,
    "bits_per_char": lambda rows: mean_nats(rows) / math.log(2),
    "perplexity": lambda rows: math.exp(mean_nats(rows)),
    "symbol_accuracy": symbols,
    "nll_per_frame": nats_a_frame,
    "macro_f1": macro_f1,
    "exact_match": exact,
    "note_accuracy": notes,
}


@every_task
def test_the_score_recomputed_from_predictions_is_the_runs_own_to_the_bit(asked, name):
    task, trainer, rows = asked(name)
    metric = task.primary_metric
    score = symbols if name in ("tagging", "right_context") else accuracy if metric == "accuracy" else SCORES[metric]
    assert score(rows) == trainer.evaluate("test")[0][f"test/{metric}"]


ONE_INPUT = sorted(
    set(tasks.names())
    - {"char_lm", "word_lm", "names", "polyphony", "copy", "series_classify", "forecast", "one_to_many"}
)


@pytest.mark.parametrize("name", ONE_INPUT)
def test_what_is_typed_gets_the_answer_that_it_got_in_the_test(asked, name):
    task, trainer, rows = asked(name)
    # A rare word is told as <unk>, which nobody types.
    rows = [row for row in rows if "<unk>" not in row["text"] and row.get("beside", "0") == "0"][:20]
    assert rows
    codec, network = task.codec(), Trained(trainer.network, trainer.p)
    options = Options(temperature=0.0, length=None)
    for row in rows:
        (answer,) = codec.answer(network, [row["text"]], options)
        wanted = row["answer"].removeprefix("'")  # before what a spreadsheet would calculate
        if name == "adding":
            assert float(answer.text) == pytest.approx(float(wanted), rel=1e-3)
        elif name != "melody":
            assert answer.text == wanted


@pytest.mark.parametrize("name", sorted(set(ONE_INPUT) - {"translate"}))
def test_each_step_of_what_is_typed_is_told(asked, name):
    task, _, rows = asked(name)
    codec, text = task.codec(), next(row["text"] for row in rows if "<unk>" not in row["text"])
    batch = codec.encode([text])
    steps = codec.steps(text, batch)
    assert len(steps) == len(batch.x)
    if batch.x.ndim == 2 and name not in ("caption", "hello", "melody", "video"):  # which begin with what nobody types
        assert all(step.lower() in text.lower() for step in steps)
