"""``python -m seqexp.sync``: it says what it sent, and what to do where it cannot."""

import socket

import yaml

from tests.command import only_result, seqexp

QUICK = ["task=hello", "model=rnn", "model.hidden_size=4", "training.epochs=1", "figures=none"]


def test_a_run_without_tracking_has_nothing_to_send(tmp_path):
    assert seqexp(tmp_path, *QUICK, "tracking=off").returncode == 0
    done = seqexp(tmp_path, "sync", str(only_result(tmp_path)[1]))
    assert done.returncode == 0
    assert "nothing sent, since the run has tracking=off; tracking.uri=<address> sends it there" in done.stdout


def test_what_it_advises_it_takes(tmp_path):
    assert seqexp(tmp_path, *QUICK, "tracking=off").returncode == 0
    _, path = only_result(tmp_path)
    stored = yaml.safe_load((path / "config.yaml").read_text())
    with socket.socket() as closed:  # an address where nobody listens
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        stored["tracking"] |= {"name": "mlflow", "uri": uri}
        (path / "config.yaml").write_text(yaml.safe_dump(stored))
        done = seqexp(tmp_path, "sync", str(path), f"tracking.uri={uri}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "try again once MLflow can be reached" in done.stderr
    assert "tracking=off" not in done.stderr
    sent = seqexp(tmp_path, "sync", str(path), "tracking.uri=sqlite:///runs/mlflow.db")
    assert sent.returncode == 0, sent.stderr


def test_help_is_no_mistake(tmp_path):
    assert seqexp(tmp_path, "sync", "--help").returncode == 0
    for words in ([], ["nix"], ["tracking=off"], ["--force"]):
        done = seqexp(tmp_path, "sync", *words)
        assert done.returncode == 2, words
        assert list(tmp_path.iterdir()) == []
