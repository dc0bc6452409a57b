"""How a process ends, in numbers that a shell or a scheduler reads."""

import signal

OK, FAILED, BAD_INPUT = 0, 1, 2
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # 130 and 143, as shells have them
HUNG_UP = 129  # 128 + SIGHUP, which Windows lacks
