"""A password in ``tracking.uri`` is used, and written down nowhere."""

from dataclasses import replace

import pytest
import yaml

from scripts.long.killing import composed
from seqexp import config
from seqexp.runs import recovery
from seqexp.runs import run as running
from seqexp.runs.location import Location
from seqexp.sync import _sync
from seqexp.system.errors import UserError, masked
from seqexp.tracking import mlflow_store
from seqexp.tracking.mlflow_store import TrackingSettings, unmasked
from seqexp.tracking.tracker import Untracked
from tests.command import seqexp
from tests.runs.test_interrupted import SHORT

HIDDEN = "postgresql://me:***@host/db"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://me:hush@host/db", HIDDEN),
        ("postgresql://me:hu/sh@host/db", HIDDEN),
        ("postgresql://me:hu@sh@host/db", HIDDEN),
        ("postgresql://me:hu sh@host/db", HIDDEN),
        ("postgresql://me:hu'sh\"@host/db", HIDDEN),
        ("postgresql://me@here:hush@host/db", "postgresql://me@here:***@host/db"),
        ("postgresql://host/db?user=me&password=hush", "postgresql://host/db?user=me&password=***"),
        ("got 'https://:hush@host:80/x' and more", "got 'https://:***@host:80/x' and more"),
        ("http://TOKEN@host:5000/a", "http://***@host:5000/a"),
        ("HTTPS://TO@KEN@host", "HTTPS://***@host"),
        ("https://me:hush@host", "https://***:***@host"),
        ("https://TOKEN:@host", "https://***:***@host"),
        ("http://host/a?x=1&access_token=hush&b=2", "http://host/a?x=1&access_token=***&b=2"),
        ("http://host/a?api_key=hush", "http://host/a?api_key=***"),
        ("http://host/x@y?page=2", "http://host/x@y?page=2"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("http://127.0.0.1:5000 is down; ask me@host", "http://127.0.0.1:5000 is down; ask me@host"),
        ("sqlite:////home/me@host/mlflow.db", "sqlite:////home/me@host/mlflow.db"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text, kept):
    assert masked(text) == kept
    assert masked(kept) == kept
    assert str(UserError(f"tracking.uri: {text}")) == f"tracking.uri: {kept}"


def test_a_stored_address_gets_its_password_back_from_where_it_is_known(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    stored = TrackingSettings(name="mlflow", uri=HIDDEN, experiment_name="x")
    whole = "postgresql://me:hush@host/db"
    assert unmasked(stored, None, "postgresql://you:other@host/db", whole).uri == whole
    with pytest.raises(UserError, match=r"me:\*\*\*@host/db is kept nowhere; set MLFLOW_TRACKING_URI"):
        unmasked(stored, "postgresql://me:other@elsewhere/db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", whole)
    assert unmasked(stored).uri == whole
    plain = replace(stored, uri="sqlite:///a.db")
    assert unmasked(plain) is plain


def test_no_file_and_no_line_of_a_sweep_has_the_password(tmp_path):
    """``off`` does not use the address, but it is kept in config.yaml, and by Hydra, as with ``mlflow``."""
    words = [*SHORT[:-1], "training.epochs=1", "tracking=off", "tracking.uri=postgresql://me:hush@host/db"]
    ended = seqexp(tmp_path, "-m", "seed=0,1", *words)
    assert ended.returncode == 0, ended.stderr
    found = [str(file) for file in tmp_path.rglob("*") if file.is_file() and b"hush" in file.read_bytes()]
    assert not found
    assert "hush" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "word",
    [
        "tracking.uri=nowhere://me:hush@127.0.0.1/db",
        "tracking.uri=postgresql://me:hush@127.0.0.1:port/db",
        "tracking.uri=[postgresql://me:hush@127.0.0.1/db]",
        "tracking.ury=postgresql://me:hush@127.0.0.1/db",
        "tracking.uri=postgresql://me:hush@{",
    ],
)
def test_no_error_line_has_it(word, monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", ())
    with pytest.raises(Exception) as caught:
        mlflow_store.connect(TrackingSettings(**composed([word]).settings["tracking"]))
    line = config.one_line(caught.value, [word])
    assert "hush" not in line
    assert "\n" not in line
    assert "tracking.ur" in line


def test_sync_sends_to_the_address_with_the_password(tmp_path, monkeypatch):
    """What sync opens is the whole address, though config.yaml has it masked."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    whole = "postgresql://me:hush@host/db"
    experiment = composed([*SHORT, "training.epochs=1", f"tracking.uri={whole}"])
    opened = []

    def open_tracker(settings, **more):
        opened.append(settings.uri)
        return Untracked()

    monkeypatch.setattr(running, "open_tracker", open_tracker)
    monkeypatch.setattr(recovery, "open_tracker", open_tracker)
    monkeypatch.setattr(recovery, "run_with_tag", lambda *words: None)
    path = running.run(experiment, Location(root=tmp_path)).directory
    assert yaml.safe_load((path / "config.yaml").read_text())["tracking"]["uri"] == HIDDEN
    with pytest.raises(UserError, match="would send it to postgresql"):
        _sync(path, None)
    assert _sync(path, whole)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", whole)
    assert _sync(path, None)
    assert opened == [whole] * 3
