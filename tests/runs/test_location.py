"""Which directory a run goes to, and what of an earlier run there is kept, resumed or refused."""

import logging
import os

import pytest

from seqexp.runs.location import Location, belongs, choose, earlier_result, refuse_another
from seqexp.runs.result import StartedRun, read_result
from seqexp.system.errors import UserError
from tests.fabricated import run_result
from tests.runs.small import checked


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("seqexp"), "propagate", True)
    caplog.set_level(logging.INFO, "seqexp")
    return lambda: [record.getMessage() for record in caplog.records]


def left(folder, run_config, **more):
    folder.mkdir(parents=True)
    run_result(model="rnn", task="hello", signature=run_config.signature, **more).write(folder)
    return folder


def chosen(run_config, root, data="d", **where):
    return choose(run_config, Location(root=root, **where), lambda: data)


def test_a_single_run_is_new_unless_it_may_resume(run_config, tmp_path):
    base = tmp_path / "hello" / "rnn" / run_config.signature
    assert Location(root=tmp_path).base(run_config) == base
    auto = checked("seed=3", "resume=auto")
    assert chosen(auto, tmp_path) is None
    done = left(base, run_config, data="d")
    stopped = left(base.with_name(f"{base.name}.2"), run_config, status="KILLED", data="d")
    older = left(base.with_name(f"{base.name}.1"), run_config, status="FAILED", data="d")
    for path, when in ((done, 3), (stopped, 2), (older, 1)):
        os.utime(path, (when, when))
    assert chosen(run_config, tmp_path) is None
    assert chosen(auto, tmp_path) == stopped
    assert chosen(auto, tmp_path, data="other") is None


def test_a_run_of_a_sweep_takes_the_plain_directory_unless_other_data_have_it(run_config, tmp_path, log):
    base = tmp_path / "hello" / "rnn" / run_config.signature
    assert chosen(run_config, tmp_path, in_sweep=True) == base
    left(base, run_config, data="other")
    assert chosen(run_config, tmp_path, in_sweep=True) is None
    assert log() == [f"{base} holds a run on other data, which is left as it is"]
    other = left(base.with_name(f"{base.name}.1"), run_config, data="d")
    assert chosen(run_config, tmp_path, in_sweep=True) == other
    assert chosen(checked("seed=3", "resume=never"), tmp_path, in_sweep=True) is None


def test_a_named_directory_holds_this_run_or_none(run_config, tmp_path):
    named = tmp_path / "mine"
    auto = checked("seed=3", "resume=auto")
    assert chosen(run_config, tmp_path, directory=named) == named
    left(named, run_config, data="d")
    assert chosen(auto, tmp_path, directory=named) == named
    line = rf"{named} holds this run \(signature {run_config.signature}\); .*, or resume it with resume=auto"
    with pytest.raises(UserError, match=line):
        chosen(run_config, tmp_path, directory=named)
    for asked, data in ((auto, "other"), (checked("seed=4", "resume=auto"), "d")):
        with pytest.raises(UserError, match=r"holds another run .*choose another directory$"):
            chosen(asked, tmp_path, data=data, directory=named)


def test_resume_names_a_directory_of_a_run_on_the_same_data(run_config, tmp_path):
    named = tmp_path / "mine"
    asked = checked("seed=3", f"resume='{named}'")
    with pytest.raises(
        UserError, match=rf"resume: expected auto, never, or the directory of a run; {named} holds none"
    ):
        chosen(asked, tmp_path)
    left(named, run_config, data="d")
    assert chosen(asked, tmp_path) == named
    with pytest.raises(UserError, match="its run had other data"):
        chosen(asked, tmp_path, data="other")


def test_what_goes_on_counts_before_the_result_of_earlier(run_config, tmp_path):
    path = left(tmp_path / "x", run_config)
    assert (belongs(path), belongs(tmp_path)) == (read_result(path), None)
    going_on = run_result(seed=9)
    StartedRun(going_on, None, None).write(path)
    assert belongs(path) == going_on


@pytest.mark.parametrize(
    ("status", "words", "skipped"),
    [
        ("FINISHED", [], True),
        ("FAILED", [], False),
        ("FAILED", ["retry_failed=false"], True),
        ("DIVERGED", ["retry_failed=false"], True),
        ("KILLED", ["retry_failed=false"], False),
    ],
)
def test_only_what_may_end_otherwise_is_done_again(status, words, skipped, run_config, tmp_path, log):
    path = left(tmp_path / "x", run_config, status=status)
    found = earlier_result(checked("seed=3", *words), path)
    assert (found is not None) is skipped
    assert log() == ([f"{status.lower()} before: {path}"] if skipped else [])
    assert earlier_result(run_config, None) is earlier_result(run_config, tmp_path) is None


def test_another_run_in_the_directory_is_refused_by_what_differs(run_config, tmp_path):
    other = run_result(signature="f" * 12)
    refuse_another(None, other, run_config)
    refuse_another(tmp_path, other.but(signature=run_config.signature), run_config)
    says = f"expected the run with signature {run_config.signature}; it holds the one with {'f' * 12}"
    with pytest.raises(UserError, match=says):
        refuse_another(tmp_path, other, run_config)
    (tmp_path / "config.yaml").write_text(checked("seed=4").as_yaml())
    with pytest.raises(UserError, match=r"these differ: seed \(then 4, now 3\); set them back"):
        refuse_another(tmp_path, other, run_config)
