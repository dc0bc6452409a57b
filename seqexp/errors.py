"""The two ways a run can end badly that are nobody's bug."""


class UserError(Exception):
    """The user's input is wrong: one line saying where, what was expected, what was given, what to try.

    The command line prints the line and exits with 2.
    """


class Diverged(Exception):
    """The loss became nan or inf; the message has the step, the gradient norm and what to try. Exit code 1."""
