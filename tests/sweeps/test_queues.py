"""Jobs in a scheduler's hands: what it loses is named, what stops the sweep cancels them, what it lacks is one line."""

import json
import os
import signal
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.long import slurm_cluster
from seqexp.config import composed, conf_directory
from seqexp.sweeps import job, queues, remote_job, workers
from seqexp.sweeps.job_record import JobRecord, read_record
from seqexp.sweeps.queues import Ended
from seqexp.system import extras, signals
from seqexp.system.errors import UserError
from seqexp.system.paths import STOPPED
from tests.command import python_m, seqexp
from tests.fabricated import run_result

SLURM = {"max_wait_min": None}


def jobs(count: int) -> Any:
    return [SimpleNamespace(number=number) for number in range(count)]


@dataclass
class Scheduler:
    """Lets jobs end as its list says, one look after another, and once it is told to cancel, all others."""

    ends: list[list[Ended]]
    reason: str | None = None
    unbegun: list[int] = field(default_factory=list)
    cancelled: bool = False
    closed: bool = False
    jobs: list[Any] = field(default_factory=list)

    def submit(self, jobs):
        self.jobs = list(jobs)

    def ended(self):
        if self.ends:
            return self.ends.pop(0)
        return [Ended(job.number) for job in self.jobs if job.number not in self.unbegun] if self.cancelled else []

    def waiting(self):
        return self.reason

    def cancel(self):
        self.cancelled = True
        return self.unbegun

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(queues, "POLL", 0.0)


def test_a_lost_job_is_named_in_its_record_and_the_others_are_waited_for(tmp_path):
    JobRecord(job=1, status="FINISHED", model="rnn").write(tmp_path)
    queue = Scheduler([[Ended(0, "Slurm job 7_0: out_of_memory")], [], [Ended(1)]])
    queues.run_all(queue, jobs(2), tmp_path, SLURM)
    assert read_record(tmp_path, 0).error == "Slurm job 7_0: out_of_memory"
    assert read_record(tmp_path, 0).status == "KILLED"
    assert read_record(tmp_path, 1).status == "FINISHED"
    assert queue.closed
    assert not queue.cancelled


@pytest.mark.parametrize(("status", "error"), [("FINISHED", None), ("BAD_INPUT", "sed: no such key")])
def test_what_a_job_has_said_of_itself_counts_more_than_the_schedulers_word(status, error, tmp_path):
    JobRecord(job=0, status=status, error=error).write(tmp_path)
    queues.run_all(Scheduler([[Ended(0, "Slurm job 7: failed")]]), jobs(1), tmp_path, SLURM)
    assert (read_record(tmp_path, 0).status, read_record(tmp_path, 0).error) == (status, error)


def test_a_record_that_only_the_scheduler_brings_home_is_written_here(tmp_path):
    record = JobRecord(job=0, status="FINISHED", host="node1")
    queues.run_all(Scheduler([[Ended(0, record=record)]]), jobs(1), tmp_path, SLURM)
    assert read_record(tmp_path, 0) == record


def test_a_job_whose_host_had_other_data_is_no_part_of_the_sweep(tmp_path):
    for number, data in enumerate(["abc", "abc", "xyz"]):
        JobRecord.of(
            run_result(seed=number, data=data), job=number, overrides={"seed": str(number), "task": "adding"}
        ).write(tmp_path)
    JobRecord.of(run_result(data="xyz"), job=3, overrides={"task.length": "9"}).write(tmp_path)
    queues.run_all(Scheduler([[Ended(number) for number in range(4)]]), jobs(4), tmp_path, SLURM)
    assert [read_record(tmp_path, number).status for number in range(4)] == ["FINISHED"] * 2 + ["BAD_INPUT", "FINISHED"]
    assert "its data are not those of job 0" in str(read_record(tmp_path, 2).error)


def test_the_file_stopped_cancels_all_jobs(tmp_path, caplog):
    (tmp_path / STOPPED).touch()
    queue = Scheduler([[]], unbegun=[1])
    with pytest.raises(SystemExit):
        queues.run_all(queue, jobs(2), tmp_path, SLURM)
    assert queue.cancelled
    assert queue.closed
    assert "of 2 jobs 0 had ended, 0 were stopped and have saved their last step, 2 had not begun" in caplog.text


def test_a_queue_that_never_starts_is_given_up_with_its_reason(tmp_path):
    queue = Scheduler([], reason="PartitionDown")
    with pytest.raises(RuntimeError, match=r"no job ran for .* \(PartitionDown\); all are cancelled"):
        queues.run_all(queue, jobs(1), tmp_path, {"max_wait_min": 0.0})
    assert queue.cancelled


# -- one line for what cannot be -------------------------------------------------------------------------------------


def settings(launcher, *words):
    import hydra
    from omegaconf import OmegaConf

    with hydra.initialize_config_dir(str(conf_directory()), version_base="1.3"):
        cfg = hydra.compose("config", [f"hydra/launcher={launcher}", *words], return_hydra_config=True)
    plain: Any = OmegaConf.to_container(cfg.hydra.launcher)
    plain.pop("_target_")
    return plain


@pytest.mark.parametrize("launcher", sorted(extras.LAUNCHERS))
def test_every_launchers_defaults_are_legal(launcher):
    assert queues.check(launcher, settings(launcher))


@pytest.mark.parametrize(
    ("launcher", "word", "line"),
    [
        ("submitit_slurm", "hydra.launcher.timeout_min=soon", "hydra.launcher.timeout_min: expected a valid integer"),
        ("submitit_slurm", "hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs: expected a number greater than or equal"),
        ("ray", "hydra.launcher.shared_disk=2", "hydra.launcher.shared_disk: expected a valid boolean"),
    ],
)
def test_a_wrong_setting_of_a_launcher_is_one_line(launcher, word, line):
    with pytest.raises(UserError) as refused:
        queues.check(launcher, settings(launcher, word))
    assert str(refused.value).startswith(line)


@pytest.mark.parametrize(
    ("launcher", "uri", "given", "line"),
    [
        ("submitit_slurm", "sqlite:///runs/mlflow.db", {}, "cannot share an SQLite file"),
        ("ray", "sqlite:///runs/mlflow.db", {"address": "auto"}, "--backend-store-uri postgresql://"),
        ("ray", "sqlite:///runs/mlflow.db", {"address": None, "shared_disk": False}, "through an MLflow server"),
        ("ray", None, {"address": None, "shared_disk": False}, "got tracking=off"),
        ("ray", "postgresql://a:b@host/runs", {"address": "auto", "shared_disk": False}, "got postgresql://a:***@host"),
        ("submitit_slurm", "http://host:5000", {}, None),
        ("submitit_slurm", None, {}, None),
        ("submitit_local", "sqlite:///runs/mlflow.db", {}, None),
        ("ray", "sqlite:///runs/mlflow.db", {"address": None}, None),
        ("ray", "http://host:5000", {"address": "auto", "shared_disk": False}, None),
    ],
)
def test_runs_of_several_hosts_are_kept_where_all_of_them_can_write(launcher, uri, given, line):
    tracking = {"name": "off" if uri is None else "mlflow", "uri": uri, "experiment_name": "seqexp"}
    if line is None:
        remote_job.check_tracking(launcher, tracking, given)
        return
    with pytest.raises(UserError) as refused:
        remote_job.check_tracking(launcher, tracking, given)
    assert line in str(refused.value)


def test_a_launcher_that_is_not_installed_says_what_installs_it(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^hydra/launcher=ray: ray is not installed; type `pip install ray`$"):
        extras.need("ray")
    with pytest.raises(UserError) as refused:
        composed(["hydra/launcher=nosuch"])
    line = "hydra/launcher: expected one of basic, joblib, ray, submitit_local, submitit_slurm; got 'nosuch'; "
    assert str(refused.value).startswith(line)
    assert "submitit_slurm needs `pip install submitit`" in str(refused.value)
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    with pytest.raises(UserError, match=r"got 'nosuch'$"):
        composed(["hydra/launcher=nosuch"])


# -- a job on its host -----------------------------------------------------------------------------------------------


def test_the_file_stopped_ends_a_scheduled_job_as_sigterm_does(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "LOOK", 0.01)
    monkeypatch.setattr(signals, "asked", None)
    before = signal.getsignal(signal.SIGTERM)

    def work():
        with workers.serving(tmp_path, {signal.SIGTERM}):
            assert workers.begin_job(tmp_path)
            (tmp_path / STOPPED).touch()
            time.sleep(10)

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert (signals.asked, workers.scheduled()) == (None, False)


def test_a_job_of_another_hosts_process_is_never_signalled(tmp_path, monkeypatch):
    (tmp_path / "workers").mkdir()
    told = {"host": "elsewhere", "pid": os.getpid(), "started": 0.0}
    (tmp_path / "workers" / f"elsewhere-{os.getpid()}.json").write_text(json.dumps(told))
    monkeypatch.setattr(workers, "_sweep", tmp_path)
    monkeypatch.setattr(signals, "asked", None)
    monkeypatch.setattr(os, "kill", lambda *given: pytest.fail(f"signalled {given}"))
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    with pytest.raises(KeyboardInterrupt):
        workers.stop(signal.SIGINT, None)
    assert (tmp_path / STOPPED).exists()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_host_with_other_code_refuses_its_job_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    others: dict[str, Any] = dict.fromkeys(("hydra_context", "config", "state", "home", "parent"))
    made = remote_job.RemoteJob(
        task_function=job.job, sweep_dir=str(tmp_path), folder=str(tmp_path), plugins=(), code="0.0 (abc)", **others
    )
    made.numbered(3, ["seed=1"])()
    record = read_record(tmp_path, 3)
    assert record.status == "BAD_INPUT"
    assert f"expected seqexp 0.0 (abc), as where the sweep was started; got {remote_job.code()}" in str(record.error)
    assert record.overrides == {"seed": "1"}


# -- the real ones ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(bool(extras.missing("submitit_local")), reason=extras.missing("submitit_local"))
def test_local_jobs_of_submitit_run_a_sweep(tmp_path):
    words = ["tracking=off", "task=hello", "training.epochs=1", "task.steps_per_epoch=2"]
    done = seqexp(tmp_path, "-m", "hydra/launcher=submitit_local", *words, "seed=0,1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FINISHED") == 2
    assert not list(tmp_path.glob("runs/sweeps/*/scheduler"))


@pytest.mark.slow
@pytest.mark.skipif(bool(extras.missing("submitit_slurm")), reason=extras.missing("submitit_slurm"))
@pytest.mark.skipif(slurm_cluster.missing() is not None, reason=str(slurm_cluster.missing()))
def test_a_real_slurm_runs_a_sweep(tmp_path):
    done = python_m(tmp_path, "scripts.long.slurm", "--only", "short", fresh=True)
    assert done.returncode == 0, done.stdout + done.stderr
