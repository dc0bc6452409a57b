"""A list of override lists becomes runs, through Hydra's launcher: the one way for studies and comparisons.

Hydra's own sweeper does the same for a plain sweep.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, overload

from hydra.plugins.launcher import Launcher

from seqexp.sweeps import job, workers
from seqexp.sweeps.job_record import JobRecord, find_record, read_record
from seqexp.system import signals

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from seqexp.config.job_configs import JobConfigs

Words = Sequence[str]
POLL = 0.05  # seconds

ALL_CORES = "hydra/launcher=joblib"  # its n_jobs is -1 by default


class Launch:
    """Jobs of one sweep, numbered from 0 over all that are run."""

    def __init__(self, launcher: Launcher, sweep_dir: Path) -> None:
        self._launcher, self._sweep_dir = launcher, sweep_dir
        self._jobs = 0
        self._answered = False  # whether the last jobs ended with an answer, and not each by itself

    def run(self, jobs: Sequence[Words], enough: Callable[[JobRecord], bool] | None = None) -> list[JobRecord]:
        """Run the jobs; their records, in the order of the jobs, whatever the order in which they end.

        enough: is given each record as soon as it and all before it are there. Once it returns True, no further job
        starts, those that run are told to stop, and the records up to this one are the answer.
        """
        # Hydra's lines number the jobs of each launch from #0; ours number those of the whole sweep.
        logging.getLogger(type(self._launcher).__module__.rpartition(".")[0]).setLevel(logging.WARNING)
        if self._answered and signals.asked is None:
            workers.allow(self._sweep_dir)  # the jobs before were called off, and these ask something else
        first, self._jobs = self._jobs, self._jobs + len(jobs)
        if enough is None:
            for each in self._launcher.launch(jobs, initial_job_idx=first):
                _ = each.return_value  # raises what the job could not record
            return [read_record(self._sweep_dir, number) for number in range(first, self._jobs)]
        reader = _Reader(self._sweep_dir, range(first, self._jobs), enough)
        with reader:
            try:
                for each in self._launcher.launch(_Wanted(jobs, reader), initial_job_idx=first):
                    _ = each.return_value
            except (Exception, SystemExit):
                reader.look()
                if not reader.done or signals.asked is not None:
                    raise  # else it was a worker that was told to end
        self._answered = reader.done
        return reader.records


class _Reader:
    """Reads records in the jobs' order while a launcher is at work, and calls the jobs off once it has enough."""

    def __init__(self, sweep_dir: Path, numbers: range, enough: Callable[[JobRecord], bool]) -> None:
        self._sweep_dir, self._numbers, self._enough = sweep_dir, iter(numbers), enough
        self._next: int | None = next(self._numbers, None)
        self.records: list[JobRecord] = []
        self.done = False
        self._error: BaseException | None = None
        self._lock, self._over = RLock(), Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if error[0] is None:
            self.look(all_ended=True)
            if self._error is not None:
                raise self._error

    def look(self, *, all_ended: bool = False) -> None:
        """Take the records that have come. May be called from any thread. all_ended: a job without one is lost."""
        with self._lock:
            while self._next is not None and not self.done:
                if workers.called_off(self._sweep_dir):
                    return  # by a signal: what the jobs leave now is no answer
                record = (read_record if all_ended else find_record)(self._sweep_dir, self._next)
                if record is None:
                    return
                self.records.append(record)
                self._next = next(self._numbers, None)
                try:
                    self.done = self._enough(record)
                except BaseException as error:
                    self._error, self.done = error, True
                if self.done:
                    workers.call_off(self._sweep_dir)

    def _watch(self) -> None:
        while not self._over.wait(POLL):
            self.look()


class _Wanted(Sequence[Words]):
    """The jobs, of which none comes any more once the reader has enough: a launcher that asks for one after the other
    need not compose the rest."""

    def __init__(self, jobs: Sequence[Words], reader: _Reader) -> None:
        self._jobs, self._reader = jobs, reader

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, index: int) -> Words: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Words]: ...
    def __getitem__(self, index: int | slice) -> Words | Sequence[Words]:
        return self._jobs[index]

    def __iter__(self) -> Iterator[Words]:
        for words in self._jobs:
            self._reader.look()
            if self._reader.done:
                return
            yield words


def chosen(words: Words) -> list[str]:
    """The words for a launcher, with the default one where they name none."""
    return [*([] if any(word.startswith("hydra/launcher=") for word in words) else [ALL_CORES]), *words]


@lru_cache(maxsize=1)
def composed(words: tuple[str, ...]) -> "tuple[JobConfigs, DictConfig]":
    """What a launcher is given outside a sweep's command. words: which launcher, and its settings, as on the command
    line; joblib on all cores where none is named. UserError where Hydra has no such launcher."""
    from seqexp import config

    return config.for_jobs(chosen(words))


def launching(words: Words, sweep_dir: Path) -> Launch:
    """A launch of these words (``composed``) outside a sweep's command. Its jobs log warnings only."""
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    with signals.deferred():  # OmegaConf would take a Ctrl-C for a failure of its own
        loader, cfg = composed(tuple(words))
        cfg = cfg.copy()
        cfg.hydra.sweep.dir = str(sweep_dir)
        cfg.hydra.overrides.hydra.append(f"hydra.sweep.dir={sweep_dir}")  # jobs are composed anew, with these words
        callbacks: Any = _no_callbacks()
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
            task_function=partial(job.job, level=logging.WARNING),
            config=cfg,
        )
    return Launch(launcher, sweep_dir)


def _no_callbacks() -> Any:
    from hydra._internal.callbacks import Callbacks

    return Callbacks()
