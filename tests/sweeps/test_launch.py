"""Jobs through a launcher: their records come in the jobs' order, however the jobs end, until there are enough."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf

from seqexp.sweeps import launch, workers
from seqexp.sweeps.job_record import JobRecord, read_records
from seqexp.system import signals
from seqexp.system.json_files import read_object
from seqexp.system.paths import STOPPED, WORKERS
from seqexp.system.processes import Process


class Ended:
    return_value = None


class InOrder(Launcher):
    """Ends jobs in a given order, in this process."""

    def setup(self, **given): ...

    def __init__(self, folder, order=None, after=lambda number: None):
        self.folder, self.order, self.after = folder, order, after
        self.begun = []

    def launch(self, job_overrides, initial_job_idx):
        numbers = []
        for number, _ in enumerate(job_overrides, initial_job_idx):
            if self.order is None:
                self.end(number)
            numbers.append(number)
        for place in self.order or ():
            self.end(numbers[place])
        return [Ended() for _ in numbers]

    def end(self, number):
        self.begun.append(number)
        JobRecord(job=number, status="FINISHED", seed=number).write(self.folder)
        self.after(number)


class Seen(list):
    """What was read so far; never enough."""

    def __init__(self, name="seed"):
        super().__init__()
        self.name = name

    def __call__(self, record):
        self.append(getattr(record, self.name))
        return False


JOBS = [["seed=0"], ["seed=1"], ["seed=2"], ["seed=3"]]


@pytest.mark.parametrize("order", [None, [3, 2, 1, 0], [1, 3, 0, 2]], ids=str)
def test_records_come_in_the_jobs_order_whatever_the_order_in_which_they_end(tmp_path, order):
    seen = Seen()
    records = launch.Launch(InOrder(tmp_path, order), tmp_path).run(JOBS, seen)
    assert seen == [record.seed for record in records] == [0, 1, 2, 3]


def test_of_a_launcher_that_asks_for_one_after_the_other_no_job_begins_beyond_the_answer(tmp_path):
    launcher = InOrder(tmp_path)
    records = launch.Launch(launcher, tmp_path).run(JOBS, lambda record: record.seed == 1)
    assert [record.seed for record in records] == launcher.begun == [0, 1]


def test_what_ended_beyond_the_answer_does_not_count_and_no_job_may_start_any_more(tmp_path):
    records = launch.Launch(InOrder(tmp_path, [2, 3, 0, 1]), tmp_path).run(JOBS, lambda record: record.seed == 0)
    assert [record.seed for record in records] == [0]
    assert len(read_records(tmp_path)) == 4
    assert workers.called_off(tmp_path)


def test_records_are_read_while_the_launcher_is_at_work(tmp_path):
    seen = Seen()

    def wait(number):
        deadline = time.monotonic() + 20
        while number not in seen and time.monotonic() < deadline:
            time.sleep(0.01)

    launcher = InOrder(tmp_path, [0, 1, 2, 3], wait)
    launch.Launch(launcher, tmp_path).run(JOBS, seen)
    assert seen == [0, 1, 2, 3]


def test_a_lost_job_is_a_failed_record_and_the_others_count(tmp_path):
    class Losing(InOrder):
        def end(self, number):
            if number != 1:
                super().end(number)

    seen = Seen("status")
    launch.Launch(Losing(tmp_path), tmp_path).run(JOBS, seen)
    assert seen == ["FINISHED", "FAILED", "FINISHED", "FINISHED"]


def test_what_is_wrong_with_a_record_is_raised_here(tmp_path):
    def wrong(record):
        raise ValueError("no such metric")

    with pytest.raises(ValueError, match="no such metric"):
        launch.Launch(InOrder(tmp_path), tmp_path).run(JOBS, wrong)


def test_two_launches_of_a_sweep_number_their_jobs_on(tmp_path):
    one = launch.Launch(InOrder(tmp_path), tmp_path)
    assert [record.job for record in one.run(JOBS[:2])] == [0, 1]
    assert [record.job for record in one.run(JOBS)] == [2, 3, 4, 5]


def test_after_an_answer_the_next_jobs_may_start(tmp_path):
    one = launch.Launch(InOrder(tmp_path), tmp_path)
    one.run(JOBS, lambda record: record.job == 1)
    assert workers.called_off(tmp_path)
    seen = Seen()
    one.run(JOBS, seen)
    assert seen == [4, 5, 6, 7]
    assert not workers.called_off(tmp_path)


def test_a_worker_that_was_told_to_end_takes_up_the_jobs_of_the_next_launch(monkeypatch):
    """Loky's processes live on, and remember the signal; a scheduler's stop is for good."""
    monkeypatch.setattr(signals, "asked", signal.SIGTERM)
    monkeypatch.setattr(workers, "_heeded", [signal.SIGTERM])
    workers.start_over()
    assert signals.asked == signal.SIGTERM
    monkeypatch.setattr(workers, "_heeded", None)
    workers.start_over()
    assert signals.asked is None


def test_a_worker_that_is_at_work_beyond_the_answer_is_told_to_end(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        worker = Process(os.uname().nodename, process.pid, time.time())
        folder = tmp_path / WORKERS
        folder.mkdir()
        (folder / f"{worker.host}-{worker.pid}.json").write_text(json.dumps(worker.as_json()))
        assert Process.parse(read_object(next(folder.iterdir()))) == worker
        launch.Launch(InOrder(tmp_path, [0, 1, 2, 3]), tmp_path).run(JOBS, lambda record: True)
        assert process.wait(timeout=20) == -signal.SIGTERM
        assert (tmp_path / STOPPED).exists()
    finally:
        process.kill()


def test_what_is_kept_of_a_job_until_the_sweep_ends_has_no_configs():
    done = JobReturn(overrides=["seed=1"])
    done.cfg = done.hydra_cfg = OmegaConf.create({"seed": 1})  # as Hydra's run_job does
    done.status, done.return_value = JobStatus.COMPLETED, 3
    for each in (done, pickle.loads(pickle.dumps(done))):
        assert (each.overrides, each.cfg, each.hydra_cfg, each.return_value) == (["seed=1"], None, None, 3)
