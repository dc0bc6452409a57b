"""``seqexp.sweep``: many runs from Python, in a process of their own."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.api.words import Stopped, as_words
from seqexp.system.errors import UserError
from seqexp.system.exit_codes import BAD_INPUT, OK
from seqexp.system.paths import RUNS, SWEEPS

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "hydra.sweep.dir"
JOBS = "jobs.csv"


def sweep(*words: str, **settings: Any) -> "pd.DataFrame":
    """A sweep, as ``python -m seqexp -m`` makes it: ``seqexp.sweep("model=rnn,lstm", "task=adding", "seed=0,1,2")``.

    A DataFrame with a row a run, best first; ``attrs["directory"]`` is the sweep's folder, with its tables and figures.
    Runs that are there already are not made again. UserError where nothing can be run; Runs
    that failed have a ``status`` and an ``error``. Stopped where it is interrupted.
    """
    from seqexp.runs import tables

    given = as_words(words, settings)
    place = next((each.partition("=")[2] for each in given if each.startswith(f"{FOLDER}=")), None)
    if place is None:
        place = str(Path(RUNS, SWEEPS, f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"))
        given.append(f"{FOLDER}={place}")
    command = [sys.executable, "-m", "seqexp", "-m", *given]
    refused = last = ""
    with _started(command) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                last = line.rstrip("\n") or last
                if line.startswith("error: "):
                    refused = last.removeprefix("error: ")
                else:
                    print(last, file=sys.stderr, flush=True)
            code = process.wait()
        except KeyboardInterrupt:
            # It ends as after a Ctrl-C: it saves first. Windows can only end it.
            process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            process.wait()
            raise Stopped("interrupted; the same sweep goes on where this one ended") from None
    if code == BAD_INPUT:
        raise UserError(refused or last)
    if not Path(place, JOBS).is_file():
        raise RuntimeError(last or f"the sweep ended with exit code {code}")
    table = tables.read_table(Path(place, JOBS))
    table.attrs |= {"directory": place, "failed": code != OK}
    return table


def _started(command: list[str]) -> "subprocess.Popen[str]":
    """The command's process, whose log lines can be read; apart, so that a Ctrl-C reaches it once, from here."""
    plain = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    return subprocess.Popen(
        command, env=plain, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
