"""The command line: ``python -m seqexp model=lstm task=sentiment``. Exit codes: 0, 1 failed, 2 bad input, 129 to 143.

``python -m seqexp compare …`` is ``python -m seqexp.compare …``; the installed command ``seqexp`` is this module.
"""

import gc
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

from seqexp.system.commands import leave
from seqexp.system.exit_codes import BAD_INPUT, FAILED, INTERRUPTED, OK


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    from seqexp.config.command_line import COMMANDS
    from seqexp.system.output import forgive_output

    forgive_output()

    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        import_module(f"seqexp.{sys.argv.pop(1)}").main()
    # Until training starts: imports make many objects and no garbage, and looking for some takes a tenth of that time.
    gc.disable()
    try:
        code = _main()
    except KeyboardInterrupt:  # one more, while the first was being answered
        code = INTERRUPTED
    leave(code)


def _main() -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises; else it prints its own report and exits with 1
    import hydra

    from seqexp import __version__, config
    from seqexp.config import command_line, job_configs
    from seqexp.sweeps import job, sweep, workers
    from seqexp.system import signals
    from seqexp.system.errors import mask_logs

    mask_logs()
    for number in signals.SIGNALS:
        if signals.heard(number):
            signal.signal(number, workers.stop)
    config.register_resolvers()
    stopped = None
    try:
        sys.argv[1:] = command_line.for_hydra(sys.argv[1:])
        if "--version" in sys.argv:
            print(f"seqexp {__version__}")
            return OK
        config.load_plugins(sys.argv[1:])
        job_configs.ask_seldom_for_the_mode()
        hydra.main(version_base="1.3", config_path=str(config.conf_directory()), config_name="config")(job.job)()
        if job.error is not None:
            raise job.error
        signals.obey()
    except (Exception, sweep.Refused) as error:
        if signals.asked is None:
            return _failed(error)
        stopped = 128 + signals.asked  # the signal came inside Hydra, which took it for a failure of its own
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    except SystemExit as end:  # SIGTERM or another; or Hydra, which has said why
        if signals.asked is None or end.code != 128 + signals.asked:
            raise
        stopped = end.code
    if workers.leading() is not None:
        code = sweep.finish(stopped=stopped is not None)
        return code if stopped is None else stopped
    return job.outcome if stopped is None else stopped


def _failed(error: BaseException) -> int:
    """Print one line that says what is wrong, and return the exit code. Raises errors that are this program's own."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from seqexp import config
    from seqexp.sweeps import job, sweep, workers
    from seqexp.system.errors import UserError

    # Some overrides, such as model=null, make Hydra's parser fail with an arbitrary exception, before any job begins.
    known = isinstance(error, UserError | sweep.Refused | HydraException | OmegaConfBaseException)
    if os.environ.get("SEQEXP_TRACEBACK") or (job.begun and not known):
        raise error
    if workers.any_job() and not known:  # a launcher has lost a worker: the other jobs' results still count
        print(f"failed: {config.one_line(error)}", file=sys.stderr)
        return max(FAILED, sweep.finish())
    print(f"error: {config.one_line(error, sys.argv[1:])}", file=sys.stderr)
    sweep.discard()
    return BAD_INPUT


if __name__ == "__main__":
    main()
