"""Hostile overrides, files and checkpoints: each ends in success or in one line that says what is wrong.

``python -m scripts.long.fuzzing --cases 20000`` runs in one process; hypothesis draws each case. No case may end in a
traceback, take more than ``SECONDS`` of processor time, or allocate more than ``MEMORY`` and ``TIMES`` the file's size.
"""

import argparse
import importlib
import json
import logging
import math
import shutil
import signal
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from hydra.errors import HydraException
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from omegaconf.errors import OmegaConfBaseException

from scripts.long.fuzz_files import KINDS, Saved, file_case
from scripts.long.fuzz_series import SERIES
from seqexp import config
from seqexp.config import build
from seqexp.runs.location import Location, choose
from seqexp.system.errors import UserError

WHAT = ("overrides", *["file"] * 4, "series", *["checkpoint"] * 5)  # what a case is, as often as it is named
SECONDS = 20.0
LONGEST_LINE = 2_000  # characters of an error
MEMORY, TIMES = 64_000_000, 100  # bytes that a case may allocate at once, and times its file's size beside

KEYS = [
    *("seed", "dtype", "threads", "resume", "retry_failed", "data_dir", "model.hidden_size", "model.param_budget"),
    "probes",
    *("model.name", "model.dropout", "model.embedding_size", "model.recurrent_scale", "model.num_layers"),
    *("model.activation", "model.forget_bias", "model.decoder", "optimizer.learning_rate", "optimizer.schedule"),
    *("optimizer.beta1", "optimizer.name", "optimizer.weight_decay", "training.epochs", "training.batch_size"),
    *("training.clip_norm", "training.patience", "training.max_seconds", "training.checkpoint_every"),
    *("task.split_seed", "task.name", "task.source", "task.gap", "task.length", "task.word", "task.examples"),
    *("task.delay", "task.symbols", "task.alphabet", "task.signals", "task.feed", "task.temperature", "task.notes"),
    *("tracking.uri", "tracking.name", "tracking.experiment_name", "task.steps_per_epoch"),
]
GROUPS = {
    "model": ["rnn", "stacked_rnn", "lstm"],
    "task": ["adding", "hello", "sentiment", "copy", "temporal_order", "melody"],
    "optimizer": ["sgd", "momentum", "rmsprop", "adam"],
    "experiment": ["quick"],
}
VALUES = [
    *("0", "1", "-1", "7", "0.5", "1e400", "1e308", "nan", "inf", "-inf", "true", "null", "''", "abc", "[1,2]"),
    *("{a: 1}", "[]", "{}", "30s", "0s", "9" * 12, "9" * 40, "9" * 5000, "../../etc/passwd", "/dev/zero"),
    *("${seed}", "${nothing}"),
    *("float64", "${oc.env:HOME}", "${model}", "${unless:1,2}", "'a b'", "a=b", "{_target_: os.system}", "(", '"', "é"),
    *("\x00", "x" * 5000, "~nobody/x.csv", "/dev/zero.csv", "x.json", "sqlite:////dev/null/x", "http://[", "'\ud800'"),
    *("\\u0000", "2", "3", "10", "1000000", "zeros", "previous", "tanh", "cosine", "lstm"),
]


@st.composite
def words(draw: Any) -> list[str]:
    """A few overrides, most of them well formed."""
    chosen = [f"{group}={draw(st.sampled_from(names))}" for group, names in GROUPS.items() if draw(st.booleans())]
    for _ in range(draw(st.integers(1, 2))):
        prefix = draw(st.sampled_from([*[""] * 4, *["++"] * 5, "+", "~"]))
        key = draw(
            st.one_of(*[st.sampled_from(KEYS)] * 9, st.sampled_from(["sed", "model", "a.b.c", "model._target_", ""]))
        )
        value = draw(st.one_of(*[st.sampled_from(VALUES)] * 4, st.integers().map(str), st.floats().map(str), st.text()))
        chosen.append(f"{prefix}{key}={value}")
    return chosen


class TookTooLong(BaseException):
    """Not an Exception, so that no code takes it for one of its own."""


@contextmanager
def in_time() -> Iterator[None]:
    """Raises in the block where it takes too much of the processor's time."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLong(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Fuzz:
    """How cases ended, by kind, and those that ended badly."""

    def __init__(self, folder: Path, until: float, what: Sequence[str] = WHAT) -> None:
        """``until``: the moment, by the monotonic clock, after which no case is tried; ``what``: kinds to draw from."""
        self.folder, self.what = folder, what
        self.ended: dict[str, Counter[str]] = defaultdict(Counter)
        self.bad: list[str] = []
        self.longest, self.until = 0.0, until
        self.most = self.passed = 0  # bytes allocated at once; override cases past composition
        self.saved = Saved(folder)
        importlib.import_module("sklearn.pipeline")  # which is no case's to pay for

    def one(self, data: Any) -> None:
        """Draw a case and see how it ends."""
        if time.monotonic() > self.until:
            raise KeyboardInterrupt  # which hypothesis passes on
        which = data.draw(st.sampled_from(self.what))
        for file in self.folder.glob("own*"):
            file.unlink() if file.is_symlink() or not file.is_dir() else shutil.rmtree(file)
        if which == "overrides":
            self.overrides(data.draw(words()))
        elif which == "checkpoint":
            self.ends(*self.saved.case(data.draw))
        else:
            self.ends(*file_case(data.draw, self.folder, which))

    def ends(self, kind: str, size: int, use: Callable[[], str], said: str = "") -> None:
        """See how ``use`` ends: it gives a word for that, or raises."""
        start = time.process_time()
        if size:
            tracemalloc.start()
        try:
            with in_time():
                how = use()
        except UserError as error:
            how = "refused in one line"
            if len(str(error).splitlines()) != 1 or len(str(error)) > LONGEST_LINE:
                self.bad.append(f"{kind}: no short line: {str(error)[:200]!r} ({len(str(error)):,} characters) {said}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            how = "ended badly"
            self.keep(kind, error, said)
        self.longest = max(self.longest, time.process_time() - start)
        self.ended[kind][how] += 1
        if size:
            taken = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.most = max(self.most, taken)
            if taken > MEMORY + TIMES * size:
                self.keep(kind, MemoryError(f"{taken:,} bytes allocated for {size:,}"), said)

    def keep(self, kind: str, error: BaseException, said: str) -> None:
        places = traceback.extract_tb(error.__traceback__)
        for file in self.folder.glob("own*"):  # kept to be looked at
            said = str(file.rename(file.with_name(f"bad{len(self.bad)}_{file.name}")))
        where = f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
        self.bad.append(f"{kind}: {type(error).__name__}: {str(error)[:160]} ({where}) {said}")
        print(self.bad[-1], file=sys.stderr, flush=True)

    def overrides(self, given: list[str]) -> None:
        from hydra import compose

        passed = False

        def use() -> str:
            nonlocal passed
            try:
                cfg = compose("config", given)
            except Exception as error:  # as on the command line
                raise UserError(config.one_line(error, given)) from error
            passed = True
            try:
                experiment = config.check(cfg)
            except (HydraException, OmegaConfBaseException) as error:
                raise UserError(config.one_line(error, given)) from error
            choose(experiment, Location(root=Path("nowhere")), str)
            task = build.build_task(experiment.settings["task"], None)
            build.check_memory(build.build_network(experiment.settings["model"], task.shape), experiment.settings)
            return "accepted"

        self.ends("overrides", 0, use, str(given)[:300])
        self.passed += passed


def fuzz(cases: int, number: int, folder: Path, minutes: float = math.inf, what: Sequence[str] = WHAT) -> Fuzz:
    """Try so many cases, or as many as the time allows; ``number`` seeds them. ``folder`` keeps the files that ended
    badly."""
    from hydra import initialize_config_dir

    config.register_resolvers()
    vars(yaml)["SafeLoader"] = yaml.CSafeLoader  # Hydra reads its files anew for each case
    tried = Fuzz(folder, time.monotonic() + 60 * minutes, what)

    @seed(number)
    @settings(max_examples=cases, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def each(data: Any) -> None:
        tried.one(data)

    levels = {name: logging.getLogger(name).level for name in ("seqexp", "hydra")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with initialize_config_dir(str(config.conf_directory()), version_base="1.3"), suppress(KeyboardInterrupt):
            each()
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    return tried


HOW = ("accepted", "refused in one line", "diverged", "ended badly")
PIECE = 1_000  # cases of one line of the log


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.fuzzing", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no case after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--what", choices=sorted({*WHAT, *KINDS, *SERIES}), nargs="+", default=WHAT, help="kinds of cases"
    )
    parser.add_argument("--log", type=Path, help="a file of counts: typed again, it goes on from there")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzzing_"))
    logged = given.log.read_text().splitlines() if given.log and given.log.exists() else []
    pieces = [json.loads(line) for line in logged]
    end = time.monotonic() + 60 * given.minutes
    for first in range(PIECE * len(pieces), given.cases, PIECE):
        minutes = (end - time.monotonic()) / 60
        tried = fuzz(min(PIECE, given.cases - first), given.seed + first // PIECE, folder, minutes, given.what)
        pieces.append({key: getattr(tried, key) for key in ("ended", "bad", "longest", "most", "passed")})
        if given.log:
            with given.log.open("a") as log:
                print(json.dumps(pieces[-1]), file=log)
    bad = _tell(pieces)
    if bad:
        print(f"files that ended badly: {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if bad else 0)


def _tell(pieces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Print the table of all pieces; gives the cases that ended badly."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for piece in pieces:
        for kind, ended in piece["ended"].items():
            kinds[kind].update(ended)
    total = sum(kinds.values(), Counter[str]())
    print("| cases | " + " | ".join(HOW) + " |", "|---|" + "--:|" * len(HOW), sep="\n")
    for kind, ended in [*sorted(kinds.items()), ("all", total)]:
        print(f"| {kind} | " + " | ".join(f"{ended[how]:,}" for how in HOW) + " |")
    bad = [line for piece in pieces for line in piece["bad"]]
    longest, most = (max((piece[key] for piece in pieces), default=0) for key in ("longest", "most"))
    passed = sum(piece["passed"] for piece in pieces) / max(1, kinds["overrides"].total())
    print(
        f"{passed:.0%} of the overrides past composition; the longest case took {longest:.1f} s; "
        f"the most that one allocated at once was {most / 1e6:.0f} MB; {len(bad)} ended badly"
    )
    print(*bad[:40], sep="\n")
    return bad


if __name__ == "__main__":
    main()
