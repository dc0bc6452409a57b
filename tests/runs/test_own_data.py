"""A run on the user's own file: its identity is the file's content, whatever path leads there."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from seqexp import config, explain
from seqexp.config.compose import composed
from seqexp.config.run_config import signature
from seqexp.runs import reader
from seqexp.runs import run as run_module
from seqexp.runs.building import fingerprint
from seqexp.runs.location import Location
from seqexp.runs.result import read_result
from seqexp.runs.run import run
from seqexp.system.errors import UserError

WORDS = ["task=sentiment", "model=rnn", "model.hidden_size=4", "task.min_count=1", "training.epochs=1", "tracking=off"]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with own.csv, in which commands are typed."""
    monkeypatch.setattr(run_module, "draw", lambda *args: None)
    fingerprint.cache_clear()
    config.register_resolvers()
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write("own.csv")
    return folder


def write(name, word="fine"):
    rows = [f"{word}{number} {label} film,{label}" for number in range(20) for label in ("good", "bad")]
    with open(name, "w") as file:
        file.write("\n".join(["text,label", *rows]))


def ran(source="own.csv", *words, in_sweep=True):
    checked = config.check(composed([*WORDS, f"task.source={source}", *words]))
    return run(checked, Location(in_sweep=in_sweep))


def test_the_same_bytes_are_the_same_run_wherever_they_are(tmp_path):
    first = ran("own.csv")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy("own.csv", tmp_path / "elsewhere" / "other.csv")
    for source in ("./own.csv", os.path.abspath("own.csv"), "../elsewhere/other.csv"):
        again = ran(source)
        assert (again.how, again.directory) == ("skipped", first.directory), source


def test_a_changed_file_is_another_run():
    first = ran()
    write("own.csv", "poor")
    second = ran()
    assert second.how == ""
    assert second.directory != first.directory
    assert ran("own.csv", "resume=auto", in_sweep=False).directory == second.directory


@pytest.mark.parametrize("part", ["val_source", "test_source"])
def test_a_changed_part_is_another_run(part):
    write("part.csv", "part")
    first = ran("own.csv", f"task.{part}=part.csv")
    assert ran("own.csv", f"task.{part}=./part.csv").how == "skipped"
    write("part.csv", "other")
    assert ran("own.csv", f"task.{part}=part.csv").directory != first.directory


def cut_off(directory):
    """As a process leaves it that was killed before its first checkpoint."""
    result = read_result(directory)
    assert result is not None
    stored = json.loads((directory / "result.json").read_text())
    checked = config.stored(directory / "config.yaml")
    identity = {"settings": checked.deciding(), "data": result.data}
    stored |= {"status": "RUNNING"}
    (directory / "result.json").unlink()
    (directory / "run.json").write_text(json.dumps(stored | {"identity": identity, "token": None}))
    shutil.rmtree(directory / "checkpoints")
    (directory / "metrics.jsonl").unlink()


def test_a_run_goes_on_after_its_file_has_moved():
    first = ran()
    cut_off(first.directory)
    os.rename("own.csv", "moved.csv")
    again = ran("moved.csv", f"resume={first.directory}", in_sweep=False)
    assert (again.how, again.directory, again.result.status) == ("resumed", first.directory, "FINISHED")


def test_a_run_does_not_go_on_with_another_file():
    first = ran()
    cut_off(first.directory)
    write("own.csv", "poor")
    with pytest.raises(UserError, match="data"):
        ran("own.csv", f"resume={first.directory}", in_sweep=False)


def test_a_run_of_the_time_when_paths_were_signed_is_found():
    first = ran()
    old = signature(config.stored(first.directory / "config.yaml").settings)
    assert old != first.result.signature
    directory = first.directory.with_name(old)
    first.directory.rename(directory)
    replace(first.result, signature=old, files=None).write(directory)
    assert ran().directory == directory
    write("own.csv", "poor")
    assert ran().directory != directory


def test_generated_data_of_another_kind_are_not_skipped(monkeypatch):
    """As of a version that generates its data in another way."""
    words = ["task=hello", "model=rnn", "training.epochs=1", "tracking=off"]
    checked = config.check(composed(words))
    first = run(checked, Location(in_sweep=True))
    assert run(checked, Location(in_sweep=True)).how == "skipped"
    replace(first.result, data="generated as before").write(first.directory)
    second = run(checked, Location(in_sweep=True))
    assert second.directory != first.directory
    assert run(checked, Location(in_sweep=True)).directory == second.directory


def test_runs_of_one_file_by_two_paths_are_of_one_configuration(project):
    directories = [ran("own.csv", "seed=0").directory, ran("./own.csv", "seed=1").directory]
    found = reader.find(project / "runs")
    runs = reader.with_settings(found.runs, [])
    assert sorted(run.result.seed for run in runs) == [0, 1]
    assert len(directories) == 2
    assert reader.differing(runs) == {}


def test_a_run_is_explained_after_its_file_has_moved(capsys):
    first = ran()
    os.rename("own.csv", "moved.csv")
    with pytest.raises(UserError, match=r"task\.source"):
        explain.explain(first.directory)
    explain.explain(first.directory, sources={"source": "moved.csv"})
    write("moved.csv", "poor")
    with pytest.raises(UserError, match="another hash"):
        explain.explain(first.directory, sources={"source": "moved.csv"})
