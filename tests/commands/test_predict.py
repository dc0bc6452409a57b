"""``python -m seqexp.predict``: a finished run answers from its directory alone."""

import csv
import json
import shutil
import subprocess
import sys

import pytest

from seqexp.predict import main
from seqexp.runs.location import Location
from seqexp.runs.model import _digest
from seqexp.runs.run import run
from seqexp.system.paths import CODEC, MODEL
from tests.command import environment
from tests.runs.small import checked

TABLE = "text,label\n" + "".join(
    f"the {thing} number {n} was {word},{label}\n"
    for n in range(12)
    for thing in ("film", "plot")
    for word, label in (("fine", "good"), ("dull", "bad"))
)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A run's directory on a table of one's own, which was moved away."""
    folder = tmp_path_factory.mktemp("reviews")
    (folder / "mine.csv").write_text(TABLE)
    words = [f"task.source={folder}/mine.csv", "task.min_count=1", "training.epochs=4", "figures=none"]
    done = run(checked("task=sentiment", *words, "predictions=true"), Location(folder / "run"))
    assert done.result.status == "FINISHED"
    (folder / "mine.csv").unlink()
    return done.directory


@pytest.fixture
def predict(monkeypatch, capsys, tmp_path):
    """The command with these words, in this process: its exit code and what it said. A few tests start another one."""

    def call(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["seqexp.predict", *map(str, words)])
        monkeypatch.setattr("seqexp.system.output.forgive_output", lambda: None)  # which would outlive the test
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return subprocess.CompletedProcess(words, int(end.value.code or 0), *capsys.readouterr())

    return call


def copied(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "run")
    return tmp_path / "run"


def test_a_text_gets_a_class_and_the_chances_of_all(predict, reviews, tmp_path):
    said = predict(reviews, "the film was fine")
    assert (said.returncode, said.stderr) == (0, "")
    answer, chances = said.stdout.strip().split("\t")
    assert answer in ("good", "bad")
    assert sorted(one.split()[0] for one in chances.split(", ")) == ["bad", "good"]
    assert sum(float(one.split()[1]) for one in chances.split(", ")) == pytest.approx(1, abs=2e-3)


def test_the_test_file_gets_the_answers_of_the_test(predict, reviews, tmp_path):
    with open(reviews / "predictions.csv") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "test.csv").write_text("text\n" + "".join(f"{row['text']}\n" for row in rows))
    said = predict(reviews, "file=test.csv", "out=answers.csv")
    assert said.returncode == 0, said.stderr
    with open(tmp_path / "answers.csv") as file:
        answers = list(csv.DictReader(file))
    assert [row["answer"] for row in answers] == [row["answer"] for row in rows]
    right = sum(a["answer"] == row["truth"] for a, row in zip(answers, rows, strict=True)) / len(rows)
    result = json.loads((reviews / "result.json").read_text())
    assert right == result["metrics"]["test/accuracy"]


def test_standard_input_is_answered_line_by_line(reviews, tmp_path):
    command = [sys.executable, "-m", "seqexp.predict", str(reviews)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        for text in ("the film was fine", "the plot was dull"):
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert process.stdout.readline().split("\t")[0] in ("good", "bad")  # before the next is asked
        process.stdin.close()
        assert process.wait(60) == 0


def test_unknown_words_are_named_and_answered(predict, reviews, tmp_path):
    said = predict(reviews, "zyx wvu")
    assert said.returncode == 0
    assert "unknown to this run, and read as <unk>: zyx, wvu" in said.stderr
    assert said.stdout.split("\t")[0] in ("good", "bad")


@pytest.mark.parametrize(
    "words, line",
    [
        (["file=a.csv"], "expected a column 'text'"),
        (["file=a.csv", "column=review", "out=a.txt"], "expected a file that ends in .csv"),
        (["file=none.csv"], "none.csv"),
        (["temperature=hot", "a text"], "temperature: expected a number from 0; got 'hot'"),
        (["length=-1", "a text"], "length: expected a whole number from 1"),
        (["out=a.mid", "a text"], "the answer is no music"),
        ([" "], "expected words; got ' '"),
        (["temprature=1"], "temprature=1: expected one of file="),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(predict, reviews, tmp_path, words, line):
    (tmp_path / "a.csv").write_text("review\na film\n")
    said = predict(reviews, *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("error: ")
    assert line in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_run_that_has_not_finished_says_so(predict, tmp_path):
    done = run(checked("training.epochs=1"), Location(tmp_path / "run"))
    result = json.loads((done.directory / "result.json").read_text())
    (done.directory / "result.json").write_text(json.dumps(result | {"status": "KILLED"}))
    said = predict(done.directory, "h")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "expected a run that FINISHED; its status is 'KILLED'" in said.stderr


def test_damaged_weights_say_so(predict, reviews, tmp_path):
    directory = copied(reviews, tmp_path)
    weights = directory / "checkpoints" / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-400])
    said = predict(directory, "a film")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "best.safetensors" in said.stderr


def test_a_codec_that_was_changed_or_is_anothers_is_refused(predict, reviews, tmp_path):
    directory = copied(reviews, tmp_path)
    file = directory / MODEL / CODEC
    content = json.loads(file.read_text())
    for change in ({"signature": "0" * 12}, {"codec": content["codec"] | {"labels": ["bad", "fine"]}}, {"schema": 2}):
        file.write_text(json.dumps(content | change))
        said = predict(directory, "a film")
        assert (said.returncode, said.stderr.count("\n")) == (2, 1)
        assert str(file) in said.stderr
    # By who knows how to sign it: then the weights do not fit.
    forged = {key: content[key] for key in ("kind", "signature", "tokenizer", "codec")}
    forged["codec"] = forged["codec"] | {"tokens": [*forged["codec"]["tokens"], *map(str, range(10**6, 10**6 + 99))]}
    another = {key: content[key] for key in forged} | {"signature": "0" * 12}
    file.write_text(json.dumps(content | another | {"sha256": _digest(another)}))
    assert "belongs to another run" in predict(directory, "a film").stderr
    file.write_text(json.dumps(content | forged | {"sha256": _digest(forged)}))
    said = predict(directory, "a film")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "best.safetensors: expected this network's weights" in said.stderr
    file.write_text("[" * 1000)
    assert predict(directory, "a film").returncode == 2


def test_an_older_run_says_what_to_do_and_answers_with_its_data(predict, reviews, tmp_path):
    directory = copied(reviews, tmp_path)
    shutil.rmtree(directory / MODEL)
    said = predict(directory, "a film")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "expected model/, which runs of earlier versions lack" in said.stderr
    assert "task.source=" in said.stderr
    (tmp_path / "found.csv").write_text(TABLE)
    said = predict(directory, "the film was fine", "task.source=found.csv")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == predict(reviews, "the film was fine").stdout


def test_a_prompt_goes_on_the_same_for_the_same_seed(predict, tmp_path):
    (tmp_path / "text.txt").write_text("to be or not to be\n" * 60)
    words = ["task=char_lm", f"task.source={tmp_path}/text.txt", "training.epochs=1", "model.hidden_size=8"]
    done = run(checked(*words, "figures=none"), Location(tmp_path / "run"))

    def said(*words):
        answer = predict(done.directory, "to be", "length=30", *words)
        assert answer.returncode == 0, answer.stderr
        assert answer.stderr.startswith("next: ")
        assert answer.stderr.count("\n") == 1  # the newline that may be next is one that one sees
        assert "' ' 0." in answer.stderr
        return answer.stdout

    assert said("temperature=1", "seed=1") == said("temperature=1", "seed=1") != said("temperature=1", "seed=2")
    assert said("temperature=0") == said("temperature=5", "top_k=1")


def test_a_sweeps_run_answers_too(predict, tmp_path):
    done = run(checked("training.epochs=1"), Location(root=tmp_path, in_sweep=True))
    said = predict(done.directory, "h")
    assert (said.returncode, said.stdout[0]) == (0, "h")


def test_music_becomes_a_midi_file(predict, tmp_path):
    words = ["task=melody", "training.epochs=1", "task.steps_per_epoch=2", "model.hidden_size=4"]
    done = run(checked(*words, "figures=none"), Location(tmp_path / "run"))
    said = predict(done.directory, "Hot cross buns: E4", "out=buns.mid", "length=8")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "buns.mid").read_bytes().startswith(b"MThd")
