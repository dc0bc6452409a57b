"""The command line: ``python -m seqexp model=lstm task=sentiment``. Exit codes: 0, 1 failed, 2 bad input, 130, 143."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    sys.exit(_main())


def _main() -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra would print its own report and exit with 1
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from seqexp import config, job, sweep
    from seqexp.errors import UserError

    signal.signal(signal.SIGTERM, _terminate)
    config.register_resolvers()
    interrupted = False
    sys.argv[1:] = config.loosened(sys.argv[1:])
    try:
        hydra.main(version_base="1.3", config_path=str(config.conf_directory()), config_name="config")(job.job)()
        if job.error is not None:
            raise job.error
    except (UserError, sweep.Refused, HydraException, OmegaConfBaseException) as error:
        if os.environ.get("SEQEXP_TRACEBACK"):
            raise
        print(f"error: {config.one_line(error, sys.argv[1:])}", file=sys.stderr)
        sweep.discard()
        return job.BAD_INPUT
    except KeyboardInterrupt:
        interrupted = True
    if sweep.SweepCallback.sweep_dir is not None:
        code = sweep.finish(interrupted)
        return job.INTERRUPTED if interrupted else code
    return job.INTERRUPTED if interrupted else job.outcome


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one stops at once
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
