"""How a process ends, in numbers that a shell or a scheduler reads."""

import signal

OK, FAILED, BAD_INPUT = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT  # 130; of another signal likewise (system/signals.py)
