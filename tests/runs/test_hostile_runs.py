"""A whole runs/ of a stranger (scripts.long.hostile_runs): read, compared, explained and resumed in this process."""

import hashlib

import pytest

from scripts.long.hostile_runs import lay
from seqexp import config
from seqexp.explain import explain
from seqexp.runs.location import Location
from seqexp.runs.reader import find, with_settings
from seqexp.runs.recovery import mark_killed
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from seqexp.tracking.mlflow_store import TrackingSettings, connect
from tests.runs.test_hostile import LEFT, OFF

NOWHERE = "http://127.0.0.1:9"
# Each is a second or more; scripts.long.hostile has them all.
EXPLAINED = ("config.yaml", "best.safetensors", "no_name", "deep_result.json", "yaml_0", "mechanism.jsonl")
RESUMED = ("run.log", "last.safetensors", "elsewhere", "deep_run.json", "link_for_learning_curve")


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Odd runs, and a check that all that lies outside runs/ is what it was."""
    monkeypatch.chdir(tmp_path)
    odd = lay(tmp_path / "runs", LEFT, NOWHERE, tmp_path / "outside")

    def outside():
        files = sorted(file for file in tmp_path.rglob("*") if "runs" not in file.parts[len(tmp_path.parts) :])
        return [(file, hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "") for file in files]

    before = outside()
    yield odd
    assert outside() == before


def test_all_are_read_and_marked_and_each_oddity_is_one_line(hostile, tmp_path):
    found = find(tmp_path / "runs")
    with_settings(found.runs, found.broken)
    assert any("a_model_that_is_a_tree: config.yaml has no plain value for model.name" in line for line in found.broken)
    assert any("a_model_that_is_no_name: config.yaml has model.name=None" in line for line in found.broken)
    assert len(found.broken) > 20
    assert all(len(line.splitlines()) == 1 for line in found.broken)
    mark_killed(tmp_path / "runs", OFF)


def test_a_comparison_leaves_out_what_is_none_and_writes_no_escape_code(hostile, compare, without_figures, tmp_path):
    code, said, error = compare("a=rnn", "b=lstm", "task=adding", "dtype=float32", "model.hidden_size=4")
    assert (code, error) == (0, "")
    assert "directories or files could not be read and are left out" in said
    files = [file for file in tmp_path.glob("runs/compare/*/*") if file.suffix in (".csv", ".html", ".md")]
    assert len(files) == 4
    written = [file.read_bytes().decode() for file in files]
    assert "evil" in "".join(written)
    for text in (said, *written):
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\0"} & {*text}


def test_explaining_ends_in_success_or_one_line(hostile):
    ended = []
    for path in hostile:
        if path.name.startswith("finished") and any(word in path.name for word in EXPLAINED):
            try:
                explain(path)
                ended.append("explained")
            except UserError as error:
                ended.append(str(error))
    assert "explained" in ended
    assert any("config" in line for line in ended)


def test_resuming_writes_inside_runs_alone(hostile, tmp_path):
    again = config.stored(next(tmp_path.glob("runs/adding/rnn/bc*/config.yaml")))
    ended = []
    for path in hostile:
        if path.name.startswith("killed") and any(word in path.name for word in RESUMED):
            try:
                ended.append(str(run(again, Location(directory=path, in_sweep=True)).result.status))
            except UserError as error:
                ended.append("refused" if len(str(error).splitlines()) == 1 else str(error))
    assert {*ended} == {"FINISHED", "FAILED", "refused"}  # FAILED: its checkpoints would have been written elsewhere


@pytest.mark.parametrize("name", ["mlflow.db", "mlartifacts"])
def test_a_database_that_is_a_link_is_not_opened(tmp_path, name):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match="is a link"):
        connect(TrackingSettings(name="mlflow", uri=f"sqlite:///{tmp_path}/runs/mlflow.db", experiment_name="x"))
